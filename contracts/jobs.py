"""Jobs: what a request asks for, and the table of statuses a job goes through.

A job *is* its SageMaker request, kept as it was given. The specs here are frozen views of a request that has been
validated and completed: they say in Python names what the request says in CamelCase.
Source: API reference, CreateTrainingJob, CreateHyperParameterTuningJob; developer guide, status tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.channels import Channel, InputMode
from contracts.definitions import TrainingDefinition, definitions_from_request
from contracts.errors import IllegalTransition
from contracts.metrics import MetricDefinition, ObjectiveType
from contracts.outcome import DEFAULT_RETRY_ATTEMPTS
from contracts.ranges import number_of_configurations
from contracts.resources import Host, hosts_from_request
from contracts.tuning import CompletionCriteria, WarmStart

#: The service's default for a training job's MaxRuntimeInSeconds: one day.
DEFAULT_MAX_RUNTIME_SECONDS = 86_400


class JobKind(StrEnum):
    """What a job does, of those that run containers."""

    TRAINING = "training"
    PROCESSING = "processing"
    TRANSFORM = "transform"


class JobStatus(StrEnum):
    """The primary status of a job of any kind."""

    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def is_terminal(self) -> bool:
        """Whether a job in this status has ended for good."""
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED}


class SecondaryStatus(StrEnum):
    """What a training job is doing within its primary status."""

    PENDING = "Pending"
    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    TRAINING = "Training"
    INTERRUPTED = "Interrupted"
    RESTARTING = "Restarting"
    UPLOADING = "Uploading"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPED = "Stopped"
    MAX_RUNTIME_EXCEEDED = "MaxRuntimeExceeded"
    MAX_WAIT_TIME_EXCEEDED = "MaxWaitTimeExceeded"

    @property
    def primary(self) -> JobStatus:
        """The primary status that this secondary status belongs to."""
        return _PRIMARY.get(self, JobStatus.IN_PROGRESS)


class ObjectiveStatus(StrEnum):
    """Whether a trial has produced a value of the objective."""

    SUCCEEDED = "Succeeded"
    PENDING = "Pending"
    FAILED = "Failed"


class StopReason(StrEnum):
    """Who asked a training job to stop. Kept with the job: it decides the outcome before the exit code does."""

    USER = "User"
    MAX_RUNTIME = "MaxRuntime"
    MAX_WAIT_TIME = "MaxWaitTime"
    TUNING_JOB = "TuningJob"
    EARLY_STOPPING = "EarlyStopping"


class Interruption(StrEnum):
    """How a job on spot instances loses them: with SIGTERM and 120 s of notice, or with SIGKILL at once."""

    WITH_NOTICE = "WithNotice"
    WITHOUT_NOTICE = "WithoutNotice"


_PRIMARY = {
    SecondaryStatus.STOPPING: JobStatus.STOPPING,
    SecondaryStatus.COMPLETED: JobStatus.COMPLETED,
    SecondaryStatus.FAILED: JobStatus.FAILED,
    SecondaryStatus.STOPPED: JobStatus.STOPPED,
    SecondaryStatus.MAX_RUNTIME_EXCEEDED: JobStatus.STOPPED,
    SecondaryStatus.MAX_WAIT_TIME_EXCEEDED: JobStatus.STOPPED,
}

_S = SecondaryStatus
_ENDS = frozenset({_S.FAILED, _S.STOPPED})
_OUT_OF_TIME = frozenset({_S.MAX_RUNTIME_EXCEEDED, _S.MAX_WAIT_TIME_EXCEEDED})
_TRAINING_JOB_TRANSITIONS: Mapping[SecondaryStatus, frozenset[SecondaryStatus]] = {
    _S.PENDING: frozenset({_S.STARTING}) | _ENDS,
    _S.STARTING: frozenset({_S.DOWNLOADING, _S.TRAINING, _S.STOPPING, _S.RESTARTING}) | _OUT_OF_TIME | _ENDS,
    _S.DOWNLOADING: frozenset({_S.TRAINING, _S.STOPPING, _S.RESTARTING}) | _OUT_OF_TIME | _ENDS,
    _S.TRAINING: frozenset({_S.UPLOADING, _S.STOPPING, _S.INTERRUPTED, _S.RESTARTING}) | _ENDS,
    _S.INTERRUPTED: frozenset({_S.STARTING, _S.STOPPING}) | _OUT_OF_TIME | _ENDS,
    _S.RESTARTING: frozenset({_S.STARTING, _S.STOPPING}) | _OUT_OF_TIME | _ENDS,
    _S.STOPPING: frozenset({_S.UPLOADING}) | _OUT_OF_TIME | _ENDS,
    _S.UPLOADING: frozenset({_S.COMPLETED}) | _OUT_OF_TIME | _ENDS,
}
_TUNING_JOB_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.IN_PROGRESS: frozenset({JobStatus.STOPPING, JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.STOPPING: frozenset({JobStatus.STOPPED, JobStatus.COMPLETED, JobStatus.FAILED}),
}


#: Processing jobs and transform jobs.
_JOB_TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.IN_PROGRESS: frozenset({JobStatus.STOPPING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED}),
    JobStatus.STOPPING: frozenset({JobStatus.STOPPED, JobStatus.COMPLETED, JobStatus.FAILED}),
}


def check_training_job_transition(old: SecondaryStatus, new: SecondaryStatus) -> None:
    """Raise IllegalTransition unless a training job may go from `old` to `new`."""
    if new not in _TRAINING_JOB_TRANSITIONS.get(old, frozenset()):
        raise IllegalTransition(f"a training job does not go from {old} to {new}")


def check_tuning_job_transition(old: JobStatus, new: JobStatus) -> None:
    """Raise IllegalTransition unless a tuning job may go from `old` to `new`."""
    if new not in _TUNING_JOB_TRANSITIONS.get(old, frozenset()):
        raise IllegalTransition(f"a tuning job does not go from {old} to {new}")


def check_job_transition(old: JobStatus, new: JobStatus) -> None:
    """Raise IllegalTransition unless a processing job or transform job may go from `old` to `new`."""
    if new not in _JOB_TRANSITIONS.get(old, frozenset()):
        raise IllegalTransition(f"a job does not go from {old} to {new}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingJobSpec:
    """One training job: what a (valid, completed) CreateTrainingJob request asks for.

    `max_wait_seconds` is there for jobs on spot instances only, which can be interrupted. Without `compress`, model and
    output are delivered file by file. So often it is started again after its containers were lost to something that is
    no doing of its own: `retry_attempts`. `debug_hook` and `profiler` are handed on to the container as they are.
    """

    name: str
    image: str
    hyperparameters: Mapping[str, str]
    channels: tuple[Channel, ...]
    metric_definitions: tuple[MetricDefinition, ...]
    environment: Mapping[str, str]
    max_runtime_seconds: int
    hosts: tuple[Host, ...]
    output_uri: str | None
    max_wait_seconds: int | None = None
    compress: bool = True
    debug_hook: Mapping[str, Any] | None = None
    profiler: Mapping[str, Any] | None = None
    entry_point: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    checkpoint_path: str | None = None
    checkpoint_uri: str | None = None
    network_isolation: bool = False
    retry_attempts: int = DEFAULT_RETRY_ATTEMPTS

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "TrainingJobSpec":
        """The view of a CreateTrainingJob request that has been validated."""
        algorithm = request["AlgorithmSpecification"]
        mode = InputMode(algorithm.get("TrainingInputMode", InputMode.FILE))
        resources = request.get("ResourceConfig", {})
        checkpoint = request.get("CheckpointConfig")
        stopping = request.get("StoppingCondition", {})
        output = request.get("OutputDataConfig", {})
        spot = request.get("EnableManagedSpotTraining", False)
        return cls(
            name=request["TrainingJobName"],
            image=algorithm["TrainingImage"],
            hyperparameters=request.get("HyperParameters", {}),
            channels=tuple(
                Channel.from_request(channel, default_mode=mode) for channel in request.get("InputDataConfig", ())
            ),
            metric_definitions=tuple(
                MetricDefinition.from_request(definition) for definition in algorithm.get("MetricDefinitions", ())
            ),
            environment=request.get("Environment", {}),
            max_runtime_seconds=stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_SECONDS),
            hosts=hosts_from_request(resources),
            output_uri=output.get("S3OutputPath"),
            max_wait_seconds=stopping.get("MaxWaitTimeInSeconds") if spot else None,
            compress=output.get("CompressionType", "GZIP") != "NONE",
            debug_hook=request.get("DebugHookConfig"),
            profiler=request.get("ProfilerConfig"),
            entry_point=_texts(algorithm.get("ContainerEntrypoint")),
            arguments=_texts(algorithm.get("ContainerArguments")),
            checkpoint_path=checkpoint.get("LocalPath", "/opt/ml/checkpoints") if checkpoint else None,
            checkpoint_uri=checkpoint["S3Uri"] if checkpoint else None,
            network_isolation=request.get("EnableNetworkIsolation", False),
            retry_attempts=request.get("RetryStrategy", {}).get("MaximumRetryAttempts", DEFAULT_RETRY_ATTEMPTS),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TuningJobSpec:
    """One tuning job: what a (valid, completed) CreateHyperParameterTuningJob request asks for.

    `max_training_jobs` is None only for Grid, whose number of trials follows from the ranges. With `stops_early`,
    trials that fall behind are stopped by the median rule. `definitions` share the limits; most jobs have one.
    `warm_start` is there for a job that starts from others.
    """

    name: str
    strategy: str
    definitions: tuple[TrainingDefinition, ...]
    max_training_jobs: int | None
    max_parallel_training_jobs: int
    max_runtime_seconds: int | None
    random_seed: int | None
    completion: CompletionCriteria
    stops_early: bool
    warm_start: WarmStart | None = None

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "TuningJobSpec":
        """The view of a CreateHyperParameterTuningJob request that has been validated; raises InvalidRange."""
        config = request["HyperParameterTuningJobConfig"]
        limits = config["ResourceLimits"]
        return cls(
            name=request["HyperParameterTuningJobName"],
            strategy=config["Strategy"],
            definitions=definitions_from_request(request),
            max_training_jobs=limits.get("MaxNumberOfTrainingJobs"),
            max_parallel_training_jobs=limits["MaxParallelTrainingJobs"],
            max_runtime_seconds=limits.get("MaxRuntimeInSeconds"),
            random_seed=config.get("RandomSeed"),
            completion=CompletionCriteria.from_request(config),
            stops_early=config.get("TrainingJobEarlyStoppingType", "Off") == "Auto",
            warm_start=WarmStart.from_request(request),
        )

    @property
    def objective_type(self) -> ObjectiveType:
        """Whether great or small values are good: the same for all definitions, or none could be said to be best."""
        return self.definitions[0].objective.type

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that the definitions make great or small, each once."""
        return tuple(dict.fromkeys(definition.objective.metric_name for definition in self.definitions))

    @property
    def number_of_configurations(self) -> int | None:
        """How many different trials there can be; None for more than can be counted."""
        sizes = [number_of_configurations(definition.ranges) for definition in self.definitions]
        counted = [size for size in sizes if size is not None]
        return sum(counted) if len(counted) == len(sizes) else None

    def definition(self, name: str | None) -> TrainingDefinition:
        """The definition called `name`; where there is only one, that one. Raises KeyError."""
        if len(self.definitions) == 1:
            return self.definitions[0]
        return {definition.name: definition for definition in self.definitions}[name]

    def training_job_name(self, index: int, suffix: str) -> str:
        """The name of trial `index` (from 1): ``<tuning job>-<3-digit counter>-<8 hex digits>``."""
        return f"{self.name}-{index:03d}-{suffix}"


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
