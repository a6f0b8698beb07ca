"""Jobs as JSON for machines: full precision, seconds since the epoch, null for what is not there."""

from pathlib import Path
from typing import Any

from contracts.jobs import JobStatus
from tuner.cli.snapshot import TuningOverview, TuningSnapshot
from tuner.jobs.folder import JobFolder
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store


def tuning_job_document(snapshot: TuningSnapshot, profile: HostProfile) -> dict[str, Any]:
    """A tuning job with its trials, the best first."""
    job, best = snapshot.job, snapshot.best
    return {
        "kind": "tuning_job",
        "name": job.name,
        "status": job.status.value,
        "failure_reason": job.failure_reason,
        "strategy": snapshot.spec.strategy,
        "objective": {
            "type": snapshot.spec.objective_type.value,
            # Where the definitions' metrics have different names, there is none of the job.
            "metric": snapshot.spec.metric_names[0] if len(snapshot.spec.metric_names) == 1 else None,
        },
        "definitions": [
            {
                "name": definition.name,
                "metric": definition.objective.metric_name,
                "image": definition.image,
                "hyperparameters": dict(definition.static),
            }
            for definition in snapshot.spec.definitions
        ],
        "search": job.extension,
        "random_seed": job.random_seed,
        "creation_time": job.creation_time,
        "convergence_detected_time": job.convergence_detected_time,
        "extended": [
            {"time": more.time, "ended": more.ended, "trials_total": more.max_training_jobs} for more in job.more_trials
        ],
        "end_time": job.end_time,
        "trials_done": snapshot.done,
        "trials_total": snapshot.total,
        "best": None if best is None else trial_document(snapshot, best, profile),
        "pareto_front": [trial.name for trial in snapshot.front] if job.search.second_objective else None,
        "trials": [trial_document(snapshot, trial, profile) for trial in snapshot.best_first()],
    }


def trial_document(overview: TuningOverview, trial: TrainingJobRecord, profile: HostProfile) -> dict[str, Any]:
    """One trial; `value` is what it is judged by."""
    summary, second = overview.summary_of(trial), overview.job.search.second_objective
    return {
        "trial": trial.trial_index,
        "place": trial.place,
        "training_job": trial.name,
        "definition": trial.definition_name,
        "status": trial.primary_status.value,
        "lost": trial.is_lost,
        "secondary_status": trial.status.value,
        "objective_status": overview.job.objective_status_of(trial).value,
        "hyperparameters": dict(trial.tuned),
        "value": None if summary is None else summary.last,
        "best_value": overview.best_value_of(trial),
        "second_value": None if second is None else trial.final_value(second.metric_name),
        "keeps_metric_constraints": _keeps_bounds(overview.job, trial),
        "reported": 0 if summary is None else summary.count,
        "seconds": overview.seconds_of(trial),
        "failure_reason": trial.failure_reason,
        "model": existing(JobFolder(profile.job_folder(trial.name)).model_artifact),
    }


def _keeps_bounds(job: TuningJobRecord, trial: TrainingJobRecord) -> bool | None:
    """Whether a trial that has ended keeps the bounds of its job's metrics; None where that is no question."""
    return job.violation_of(trial) == 0 if job.search.metric_constraints and trial.is_finished else None


def training_job_document(job: TrainingJobRecord, store: Store, profile: HostProfile) -> dict[str, Any]:
    """A training job with all that is known of it."""
    folder = JobFolder(profile.job_folder(job.name))
    return {
        "kind": "training_job",
        "name": job.name,
        "tuning_job": job.tuning_job,
        "trial": job.trial_index,
        "definition": job.definition_name,
        "status": job.primary_status.value,
        "secondary_status": job.status.value,
        "failure_reason": job.failure_reason,
        "exit_code": job.exit_code,
        "stop_reason": None if job.stop_reason is None else job.stop_reason.value,
        "image": job.spec.image,
        "hyperparameters": dict(job.spec.hyperparameters),
        "gpus": list(store.leased_gpus(job.name)),
        "gpu_count": job.gpu_count,
        "creation_time": job.creation_time,
        "training_start_time": job.training_start_time,
        "training_end_time": job.training_end_time,
        "end_time": job.end_time,
        "transitions": [
            {
                "status": transition.status.value,
                "start_time": transition.start_time,
                "end_time": transition.end_time,
                "message": transition.message,
            }
            for transition in store.transitions(job.name)
        ],
        "metrics": {
            name: {
                "count": summary.count,
                "last": summary.last,
                "minimum": summary.minimum,
                "maximum": summary.maximum,
                "time": summary.time,
            }
            for name, summary in job.metrics.items()
        },
        "warnings": store.warnings(job.name),
        "log": existing(folder.log()),
        "logs": {host: existing(path) for host, path in folder.logs(job.spec.hosts).items()},
        "model": existing(folder.model_artifact),
        "output": existing(folder.output_artifact),
        "folder": str(folder.root),
    }


def listed_job_document(
    name: str, kind: str, status: JobStatus, creation_time: float, end_time: float | None, **more: Any
) -> dict[str, Any]:
    """A job as a line of `algodock list`."""
    return {
        "name": name,
        "kind": kind,
        "status": status.value,
        "creation_time": creation_time,
        "end_time": end_time,
        **more,
    }


def existing(path: Path) -> str | None:
    """The path as text, or None where nothing is there."""
    return str(path) if path.exists() else None
