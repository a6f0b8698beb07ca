"""What the store remembers, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from contracts.jobs import (
    Interruption,
    JobKind,
    JobStatus,
    ObjectiveStatus,
    SecondaryStatus,
    StopReason,
    TrainingJobSpec,
    TuningJobSpec,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One number that a metric's regex captured: where in the log, and when by the engine's clock."""

    host: str
    line: int
    match: int
    metric: str
    value: float
    time: float


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSummary:
    """A metric of one training job: how often it was printed, its last value and when, its extremes."""

    count: int
    last: float
    time: float
    minimum: float
    maximum: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusTransition:
    """A time that a training job spent in one secondary status."""

    status: SecondaryStatus
    start_time: float
    end_time: float | None
    message: str


@dataclass(frozen=True, kw_only=True)
class TrainingJobRecord:
    """A training job as it stands. `tuned` are the values that the search chose; `metrics` are by metric name.

    `exit_code` is the one that decides: of several hosts, that of the first which failed. `interruption` is the one
    that has been asked for and has not come yet.
    """

    name: str
    request: Mapping[str, Any]
    tuning_job: str | None
    trial_index: int | None
    tuned: Mapping[str, str]
    gpu_count: int
    status: SecondaryStatus
    exit_code: int | None
    stop_reason: StopReason | None
    stop_time: float | None
    interruption: Interruption | None
    failure_reason: str
    creation_time: float
    training_start_time: float | None
    training_end_time: float | None
    end_time: float | None
    metrics: Mapping[str, MetricSummary]

    @cached_property
    def spec(self) -> TrainingJobSpec:
        """What the job's request asks for."""
        return TrainingJobSpec.from_request(self.request)

    @property
    def primary_status(self) -> JobStatus:
        """The status in the words of the API."""
        return self.status.primary

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended for good."""
        return self.status.primary.is_terminal

    def final_value(self, metric: str) -> float | None:
        """The last value of `metric`, which is what a trial is judged by; None where it was never printed."""
        summary = self.metrics.get(metric)
        return None if summary is None else summary.last

    def objective_status(self, metric: str) -> ObjectiveStatus:
        """Whether the job has produced a value of the objective `metric`."""
        if not self.is_finished:
            return ObjectiveStatus.PENDING
        if self.primary_status is JobStatus.FAILED or metric not in self.metrics:
            return ObjectiveStatus.FAILED
        return ObjectiveStatus.SUCCEEDED


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRecord:
    """A processing job or a transform job as it stands. `model` is what a transform job serves: a CreateModel request.

    `start_time` is when its containers first ran.
    """

    kind: JobKind
    name: str
    request: Mapping[str, Any]
    model: Mapping[str, Any] | None
    gpu_count: int
    status: JobStatus
    exit_code: int | None
    exit_message: str
    failure_reason: str
    creation_time: float
    start_time: float | None
    end_time: float | None

    @property
    def is_finished(self) -> bool:
        """Whether the job has ended for good."""
        return self.status.is_terminal


@dataclass(frozen=True, kw_only=True, slots=True)
class LogStart:
    """Where a container's output begins in the log of its host: after so many lines, and bytes."""

    lines: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class TuningJobRecord:
    """A tuning job as it stands."""

    name: str
    request: Mapping[str, Any]
    status: JobStatus
    random_seed: int
    creation_time: float
    end_time: float | None
    failure_reason: str

    @cached_property
    def spec(self) -> TuningJobSpec:
        """What the job's request asks for."""
        return TuningJobSpec.from_request(self.request)


def best_training_job(tuning_job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> TrainingJobRecord | None:
    """The trial with the best final objective among those that ended with one; the earliest of equals; or None."""
    objective = tuning_job.spec.objective
    best: tuple[float, TrainingJobRecord] | None = None
    for trial in trials:
        value = trial.final_value(objective.metric_name)
        if value is None or trial.objective_status(objective.metric_name) is not ObjectiveStatus.SUCCEEDED:
            continue
        if best is None or objective.is_better(value, than=best[0]):
            best = (value, trial)
    return None if best is None else best[1]
