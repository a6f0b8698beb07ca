"""Jobs as the API describes them: what `describe` returns, with the members that the official SDK reads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contracts.definitions import TrainingDefinition
from contracts.hyperparameters import TUNING_OBJECTIVE_METRIC
from contracts.jobs import JobStatus, ObjectiveStatus
from tuner.search.completion import trials_not_improving
from tuner.store.parents import OverallBest
from tuner.store.records import (
    StatusTransition,
    TrainingJobRecord,
    TuningJobRecord,
    best_training_job,
    values_as_they_came,
)

_ARN = "arn:aws:sagemaker:local:000000000000"


def describe_training_job(job: TrainingJobRecord, transitions: Sequence[StatusTransition]) -> dict[str, Any]:
    """A training job in the form of DescribeTrainingJob; times are datetimes in UTC."""
    description: dict[str, Any] = {
        **job.request,
        "TrainingJobArn": f"{_ARN}:training-job/{job.name.lower()}",
        "TrainingJobStatus": str(job.primary_status),
        "SecondaryStatus": str(job.status),
        "CreationTime": _time(job.creation_time),
        "LastModifiedTime": _time(transitions[-1].start_time if transitions else job.creation_time),
        "SecondaryStatusTransitions": [
            {
                "Status": str(transition.status),
                "StartTime": _time(transition.start_time),
                **({} if transition.end_time is None else {"EndTime": _time(transition.end_time)}),
                "StatusMessage": transition.message,
            }
            for transition in transitions
        ],
        "FinalMetricDataList": [
            {"MetricName": name, "Value": summary.last, "Timestamp": _time(summary.time)}
            for name, summary in job.metrics.items()
        ],
        **_training_times(job),
    }
    if job.training_start_time is not None and job.training_end_time is not None:
        description["TrainingTimeInSeconds"] = round(job.training_end_time - job.training_start_time)
    if job.is_finished:
        description["ModelArtifacts"] = {"S3ModelArtifacts": model_uri(job)}
    if job.failure_reason:
        description["FailureReason"] = job.failure_reason
    if job.tuning_job is not None:
        description["TuningJobArn"] = _tuning_job_arn(job.tuning_job)
    return description


def describe_tuning_job(
    job: TuningJobRecord, trials: Sequence[TrainingJobRecord], overall: OverallBest | None
) -> dict[str, Any]:
    """A tuning job in the form of DescribeHyperParameterTuningJob.

    BestTrainingJob is there once there is one, and OverallBestTrainingJob where there is an `overall` best. The limits
    are the request's, also of a job that was given more trials: the service has no word for that.
    """
    described = [_describe_definition(definition) for definition in job.spec.definitions]
    is_single = "TrainingJobDefinition" in job.request
    description: dict[str, Any] = {
        **job.request,
        **({"TrainingJobDefinition": described[0]} if is_single else {"TrainingJobDefinitions": described}),
        "HyperParameterTuningJobArn": _tuning_job_arn(job.name),
        "HyperParameterTuningJobStatus": str(job.status),
        "CreationTime": _time(job.creation_time),
        "TrainingJobStatusCounters": _status_counters(trials),
        "ObjectiveStatusCounters": {
            str(status): sum(job.objective_status_of(trial) is status for trial in trials) for status in ObjectiveStatus
        },
        "TuningJobCompletionDetails": _completion_details(job, trials),
    }
    if job.end_time is not None:
        description["HyperParameterTuningEndTime"] = _time(job.end_time)
    if job.failure_reason:
        description["FailureReason"] = job.failure_reason
    best = best_training_job(job, trials)
    if best is not None:
        description["BestTrainingJob"] = describe_trial(job, best)
    if overall is not None:
        summary = {**describe_trial(overall.job, overall.trial), "TuningJobName": overall.job.name}
        description["OverallBestTrainingJob"] = summary
    return description


def describe_trial(job: TuningJobRecord, trial: TrainingJobRecord) -> dict[str, Any]:
    """A trial in the form of HyperParameterTrainingJobSummary. A failed one has no final objective."""
    objective = job.definition_of(trial).objective
    objective_status, value = job.objective_status_of(trial), job.value_of(trial)
    summary: dict[str, Any] = {
        "TrainingJobName": trial.name,
        "TrainingJobArn": f"{_ARN}:training-job/{trial.name.lower()}",
        "CreationTime": _time(trial.creation_time),
        "TrainingJobStatus": str(trial.primary_status),
        "TunedHyperParameters": dict(trial.tuned),
        "ObjectiveStatus": str(objective_status),
        **_training_times(trial),
    }
    if value is not None and objective_status is not ObjectiveStatus.FAILED:
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": str(objective.type),
            "MetricName": objective.metric_name,
            "Value": value,
        }
    if trial.definition_name is not None:
        summary["TrainingJobDefinitionName"] = trial.definition_name
    if trial.failure_reason:
        summary["FailureReason"] = trial.failure_reason
    return summary


def _describe_definition(definition: TrainingDefinition) -> dict[str, Any]:
    """A definition as the service describes it: with the hyperparameter that names its objective."""
    static = {**definition.static, TUNING_OBJECTIVE_METRIC: definition.objective.metric_name}
    return {**definition.members, "StaticHyperParameters": static}


def model_uri(job: TrainingJobRecord) -> str:
    """Where the model of a training job is (or will be): under its OutputDataConfig, as in the cloud."""
    return f"{(job.spec.output_uri or '').rstrip('/')}/{job.name}/output/model.tar.gz"


def _training_times(job: TrainingJobRecord) -> dict[str, Any]:
    times: dict[str, Any] = {}
    if job.training_start_time is not None:
        times["TrainingStartTime"] = _time(job.training_start_time)
    if job.training_end_time is not None:
        times["TrainingEndTime"] = _time(job.training_end_time)
    return times


def _status_counters(trials: Sequence[TrainingJobRecord]) -> dict[str, int]:
    statuses = [trial.primary_status for trial in trials]
    lost = sum(trial.is_lost for trial in trials)
    return {
        "Completed": statuses.count(JobStatus.COMPLETED),
        "InProgress": statuses.count(JobStatus.IN_PROGRESS) + statuses.count(JobStatus.STOPPING),
        "RetryableError": lost,
        "NonRetryableError": statuses.count(JobStatus.FAILED) - lost,
        "Stopped": statuses.count(JobStatus.STOPPED),
    }


def _completion_details(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> dict[str, Any]:
    values = values_as_they_came(job, trials)
    details: dict[str, Any] = {
        "NumberOfTrainingJobsObjectiveNotImproving": trials_not_improving(values, job.spec.definitions[0].objective)
    }
    if job.convergence_detected_time is not None:
        details["ConvergenceDetectedTime"] = _time(job.convergence_detected_time)
    return details


def _tuning_job_arn(name: str) -> str:
    return f"{_ARN}:hyper-parameter-tuning-job/{name.lower()}"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
