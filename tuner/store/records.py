"""What the store remembers, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, total_ordering
from typing import Any, Final, Literal, TypeAlias

from contracts.definitions import TrainingDefinition
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
from contracts.outcome import FailureKind, LossCause
from contracts.search_extension import SearchExtension, total_violation

#: What holds a GPU beside jobs: something that is served.
ENDPOINT: Final = "endpoint"
#: The same of an image that is checked.
CHECK: Final = "check"
#: What kind of work holds a GPU.
GpuHolder: TypeAlias = JobKind | Literal["endpoint", "check"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuLease:
    """A GPU that a job, an endpoint or a check of the home, called `name`, may use."""

    gpu: str
    kind: GpuHolder
    name: str

    @property
    def holder(self) -> str:
        """Who holds it, in words."""
        if self.kind == CHECK:
            return "a check of an image"
        return f"the endpoint {self.name}" if self.kind == ENDPOINT else f"the {self.kind} job {self.name}"


def gpu_holder(kind: str) -> GpuHolder:
    """What kind of work a word of the store stands for; raises ValueError."""
    if kind == CHECK:
        return CHECK
    return ENDPOINT if kind == ENDPOINT else JobKind(kind)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class LossRecord:
    """A time that a training job lost its containers to something that is no doing of its configuration."""

    cause: LossCause
    reason: str
    time: float


@dataclass(frozen=True, kw_only=True)
class TrainingJobRecord:
    """A training job as it stands. `tuned` are the values that the search chose; `metrics` are by metric name.

    `exit_code` is the one that decides: of several hosts, that of the first which failed. `interruption` is the one
    that has been asked for and has not come yet. `definition_name` is there where the tuning job has several
    definitions. `losses` is how often it has lost its containers to something that is no doing of its own. `place`
    is a trial's in the search: that of another which came to nothing, where it is that one's configuration again.
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
    definition_name: str | None = None
    failure_kind: FailureKind | None = None
    losses: int = 0
    place: int | None = None

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

    @property
    def is_lost(self) -> bool:
        """Whether the job has failed for something that is no doing of its own."""
        return self.failure_kind is FailureKind.INTERNAL and self.status is SecondaryStatus.FAILED

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

    `start_time` is when its containers first ran, after a loss of them anew; until then `message` may say what it waits
    for.
    """

    kind: JobKind
    name: str
    request: Mapping[str, Any]
    model: Mapping[str, Any] | None
    gpu_count: int
    status: JobStatus
    message: str
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


@total_ordering
@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a trial stands among those of its tuning job: the least is the best.

    First whether it has a value, with those that go on in the middle; then by how much it breaks the bounds of other
    metrics; then the value, negated where great ones are good, and 0 where there is none.
    """

    objective_status: ObjectiveStatus
    violation: float
    minimized: float

    def __lt__(self, other: "Standing") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[int, float, float]:
        return list(ObjectiveStatus).index(self.objective_status), self.violation, self.minimized


@dataclass(frozen=True, kw_only=True, slots=True)
class MoreTrials:
    """A time at which a tuning job was given more trials, after it had `ended`: so many in all may it have since."""

    time: float
    ended: float
    max_training_jobs: int


@dataclass(frozen=True, kw_only=True)
class TuningJobRecord:
    """A tuning job as it stands. `extension` is what its search file says, which the request has no word for.

    `convergence_detected_time` is when its objective was first seen not to get better any more.
    """

    name: str
    request: Mapping[str, Any]
    status: JobStatus
    random_seed: int
    creation_time: float
    end_time: float | None
    failure_reason: str
    extension: Mapping[str, Any] | None = None
    convergence_detected_time: float | None = None
    more_trials: tuple[MoreTrials, ...] = ()

    @cached_property
    def spec(self) -> TuningJobSpec:
        """What the job's request asks for, with as many trials as it was given since."""
        spec = TuningJobSpec.from_request(self.request)
        return replace(spec, max_training_jobs=self.more_trials[-1].max_training_jobs) if self.more_trials else spec

    @property
    def begun_time(self) -> float:
        """When the job began, the last time that it did."""
        return self.more_trials[-1].time if self.more_trials else self.creation_time

    def as_of(self, time: float) -> "TuningJobRecord":
        """The job with as many trials as it was to have at `time`."""
        given = tuple(more for more in self.more_trials if more.time <= time)
        return self if given == self.more_trials else replace(self, more_trials=given)

    def seconds_until(self, now: float) -> float:
        """How long the job has been in progress until its end, or until now."""
        between = sum(more.time - more.ended for more in self.more_trials)
        return (now if self.end_time is None else self.end_time) - self.creation_time - between

    @cached_property
    def search(self) -> SearchExtension:
        """What the job's search file says; of a job without one, nothing."""
        return SearchExtension.from_extension(self.extension or {})

    @property
    def suggesting(self) -> str:
        """The name of the strategy that suggests configurations: Hyperband only says who goes on."""
        if self.spec.strategy == "Hyperband":
            return str(self.search.hyperband_suggestions)
        return self.spec.strategy

    def definition_of(self, trial: TrainingJobRecord) -> TrainingDefinition:
        """The training job definition that a trial of this job is of."""
        return self.spec.definition(trial.definition_name)

    def metric_of(self, trial: TrainingJobRecord) -> str:
        """The name of the metric that a trial of this job is judged by."""
        return self.definition_of(trial).objective.metric_name

    def value_of(self, trial: TrainingJobRecord) -> float | None:
        """The last value of the objective of a trial of this job; None where it was never printed."""
        return trial.final_value(self.metric_of(trial))

    def counted_value_of(self, trial: TrainingJobRecord) -> float | None:
        """The final objective of a trial of this job that has ended; None where it has none.

        A trial that breaks the bounds of a metric is no better than one that failed.
        """
        counts = self.objective_status_of(trial) is ObjectiveStatus.SUCCEEDED and self.violation_of(trial) == 0
        return self.value_of(trial) if counts else None

    def objective_status_of(self, trial: TrainingJobRecord) -> ObjectiveStatus:
        """Whether a trial of this job has produced a value of its objective."""
        return trial.objective_status(self.metric_of(trial))

    def is_void(self, trial: TrainingJobRecord) -> bool:
        """Whether a trial of this job has come to nothing through no doing of its configuration.

        It was lost, or stopped before its first value because the whole job was. Its place is another trial's to take.
        """
        return trial.is_lost or (
            trial.stop_reason is StopReason.TUNING_JOB and trial.is_finished and self.value_of(trial) is None
        )

    def violation_of(self, trial: TrainingJobRecord) -> float:
        """By how much a trial of this job breaks the bounds of its metrics, all together; 0 where it keeps them."""
        last = {name: summary.last for name, summary in trial.metrics.items()}
        return total_violation(self.search.metric_constraints, last)

    def standing_of(self, trial: TrainingJobRecord) -> "Standing":
        """How a trial of this job stands among the others; one that goes on breaks no bound yet."""
        value = self.value_of(trial)
        return Standing(
            objective_status=self.objective_status_of(trial),
            violation=self.violation_of(trial) if trial.is_finished else 0.0,
            minimized=0.0 if value is None else self.spec.objective_type.sign * value,
        )


def in_places(trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
    """The trial in each place of a search, in order. `trials` are by index: of several in a place, the last has it."""
    if trials and trials[-1].place == len(trials):  # places are filled in order, so each has one of its own
        return list(trials)
    holders = {trial.place or 0: trial for trial in trials}
    return [holders[place] for place in sorted(holders)]


def in_order_of_ending(tuning_job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
    """The trials that have ended, in the order in which they did; of equal times, the earlier created first.

    Without those that came to nothing: others are in their places, or will be.
    """
    ended = [
        (trial.end_time, trial.trial_index or 0, trial)
        for trial in trials
        if trial.end_time is not None and not tuning_job.is_void(trial)
    ]
    return [trial for _, _, trial in sorted(ended, key=lambda one: one[:2])]


def values_as_they_came(tuning_job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> list[float | None]:
    """The final objectives of the trials that have ended, in the order in which they did.

    None for one that has none: see `counted_value_of`.
    """
    return [tuning_job.counted_value_of(trial) for trial in in_order_of_ending(tuning_job, trials)]


def best_training_job(tuning_job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> TrainingJobRecord | None:
    """The trial with the best final objective among those that ended with one; the earliest of equals; or None.

    Values of several definitions are compared as they are, also where their metrics have different names. Where other
    metrics have bounds to keep, it is the best of those that keep them; where none does, the one that comes closest.
    """
    best: tuple[float, float, TrainingJobRecord] | None = None
    for trial in trials:
        value = tuning_job.value_of(trial)
        if value is None or tuning_job.objective_status_of(trial) is not ObjectiveStatus.SUCCEEDED:
            continue
        violation = tuning_job.violation_of(trial)
        if (
            best is None
            or violation < best[0]
            or (violation == best[0] and tuning_job.spec.objective_type.is_better(value, than=best[1]))
        ):
            best = (violation, value, trial)
    return None if best is None else best[2]


def pareto_front(tuning_job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
    """Of a job with two objectives, the trials that none beats in one without losing in the other.

    The best of the first objective first. Trials that break the bounds of a metric are not among them. Empty for a job
    with one objective.
    """
    second = tuning_job.search.second_objective
    if second is None:
        return []
    first = tuning_job.spec.definitions[0].objective
    points = []
    for trial in trials:
        ours, others = trial.final_value(first.metric_name), trial.final_value(second.metric_name)
        has_ended_well = tuning_job.objective_status_of(trial) is ObjectiveStatus.SUCCEEDED
        if ours is not None and others is not None and has_ended_well and tuning_job.violation_of(trial) == 0:
            points.append(((first.type.sign * ours, second.type.sign * others), trial))
    front = [(point, trial) for point, trial in points if not any(_dominates(other, point) for other, _ in points)]
    return [trial for _, trial in sorted(front, key=lambda member: (member[0], member[1].trial_index or 0))]


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether `one` is as small in all and smaller in some."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))
