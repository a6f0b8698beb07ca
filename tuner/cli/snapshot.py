"""A tuning job at one moment, with what people want to know of it. Pure but for `read_tuning_job`."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from contracts.jobs import JobStatus, ObjectiveStatus, SecondaryStatus, TuningJobSpec
from contracts.metrics import ObjectiveType
from tuner.store.records import (
    MetricSummary,
    TrainingJobRecord,
    TuningJobRecord,
    best_training_job,
    in_places,
    pareto_front,
)
from tuner.store.sqlite_store import Store

#: A running trial is never taken to be further than this: its model is still to be packed.
_ALMOST_DONE = 0.98


@dataclass(frozen=True, kw_only=True)
class TuningSnapshot:
    """A tuning job and its trials (by index) as they stood at `now`, in seconds since the epoch."""

    job: TuningJobRecord
    trials: Sequence[TrainingJobRecord]
    now: float

    @cached_property
    def spec(self) -> TuningJobSpec:
        """What the job asks for."""
        return self.job.spec

    @cached_property
    def best(self) -> TrainingJobRecord | None:
        """The best trial so far among those that ended."""
        return best_training_job(self.job, self.trials)

    @cached_property
    def front(self) -> Sequence[TrainingJobRecord]:
        """The Pareto front of a job with two objectives, the best of the first objective first; of others nothing."""
        return pareto_front(self.job, self.trials)

    @property
    def done(self) -> int:
        """How many trials have ended, however they did; one that was lost does not count."""
        return sum(trial.is_finished and not trial.is_lost for trial in in_places(self.trials))

    @property
    def total(self) -> int:
        """How many trials there will be: the limit, or all configurations where those are fewer."""
        limits = (self.spec.max_training_jobs, self._number_of_configurations)
        return min((limit for limit in limits if limit is not None), default=len(self.trials))

    @cached_property
    def _number_of_configurations(self) -> int | None:
        search = self.job.search
        if not search.conditions and not search.constraints:
            return self.spec.number_of_configurations
        from tuner.suggestions import space_of  # noqa: PLC0415 - it brings numpy, which takes a while to import

        return space_of(self.spec.definitions[0], search).size

    @property
    def elapsed(self) -> float:
        """Seconds since the job was made, until now or its end."""
        return (self.now if self.job.end_time is None else self.job.end_time) - self.job.creation_time

    def predecessor_of(self, trial: TrainingJobRecord) -> TrainingJobRecord | None:
        """The trial that came to nothing, whose place in the search `trial` takes; None where it has its own."""
        before = self.trials[: self.trials.index(trial)]
        return next((other for other in reversed(before) if other.place == trial.place), None)

    def definition_of(self, trial: TrainingJobRecord) -> str:
        """The name of the definition that `trial` is of, where the job has several; else nothing."""
        return (trial.definition_name or "") if len(self.spec.definitions) > 1 else ""

    def summary_of(self, trial: TrainingJobRecord) -> MetricSummary | None:
        """What is known of the objective of `trial`; None before its first value."""
        return trial.metrics.get(self.job.metric_of(trial))

    def best_value_of(self, trial: TrainingJobRecord) -> float | None:
        """The best value of the objective that `trial` has had, which need not be its last."""
        summary = self.summary_of(trial)
        if summary is None:
            return None
        return summary.maximum if self.spec.objective_type is ObjectiveType.MAXIMIZE else summary.minimum

    def seconds_of(self, trial: TrainingJobRecord) -> float | None:
        """How long the container of `trial` has been running, until now or its end; None before it began."""
        if trial.training_start_time is None:
            return None
        # What is packed afterwards is no training; a job that never got so far has an end only.
        end = trial.training_end_time or trial.end_time or self.now
        return end - trial.training_start_time

    def best_first(self) -> list[TrainingJobRecord]:
        """The trials by final value, the best first; then those that have none yet; then those that failed.

        Those that break the bounds of a metric come after those that keep them, the worst last.
        """
        sign = -1.0 if self.spec.objective_type is ObjectiveType.MAXIMIZE else 1.0

        def place(trial: TrainingJobRecord) -> tuple[int, float, float, int]:
            group = list(ObjectiveStatus).index(self.job.objective_status_of(trial))
            value = self.job.value_of(trial)
            violation = self.job.violation_of(trial) if trial.is_finished else 0.0
            return group, violation, 0.0 if value is None else sign * value, trial.trial_index or 0

        return sorted(self.trials, key=place)

    @property
    def seconds_left(self) -> float | None:
        """An estimate of the time left; None before any trial has ended, and once the job has.

        From how long the trials that succeeded took, how far the running ones are (told by the values they have
        reported, compared with those that ended), and how many run at once.
        """
        if self.job.status is not JobStatus.IN_PROGRESS:
            return None
        ended = [t for t in self.trials if self.job.objective_status_of(t) is ObjectiveStatus.SUCCEEDED]
        if not ended:
            return None
        typical_seconds = sum(self.seconds_of(trial) or 0.0 for trial in ended) / len(ended)
        typical_count = sum(trial.metrics[self.job.metric_of(trial)].count for trial in ended) / len(ended)
        running = [t for t in self.trials if not t.is_finished and t.status is not SecondaryStatus.PENDING]
        left = [self._seconds_left_of(trial, typical_seconds, typical_count) for trial in running]
        estimate = _makespan(left, self._slots(len(running)), self.total - self.done - len(running), typical_seconds)
        if self.spec.max_runtime_seconds is not None:
            estimate = min(estimate, self.spec.max_runtime_seconds - self.elapsed)
        return max(estimate, 0.0)

    def _seconds_left_of(self, trial: TrainingJobRecord, typical_seconds: float, typical_count: float) -> float:
        seconds = self.seconds_of(trial) or 0.0
        summary = self.summary_of(trial)
        if summary is None:
            return max(typical_seconds - seconds, 0.0)
        part = min(summary.count / typical_count, _ALMOST_DONE)
        return seconds * (1 - part) / part

    def _slots(self, running: int) -> int:
        """How many trials can run at once: fewer than the limit where some wait for a GPU."""
        waits = any(trial.status is SecondaryStatus.PENDING for trial in self.trials)
        return max(running, 1) if waits else max(running, self.spec.max_parallel_training_jobs)


def _makespan(running: Sequence[float], slots: int, waiting: int, seconds_each: float) -> float:
    """When the last of `waiting` pieces of work ends, each put into the slot that is free first."""
    free_at = [*running, *([0.0] * (slots - len(running)))]
    heapq.heapify(free_at)
    for _ in range(waiting):
        heapq.heapreplace(free_at, free_at[0] + seconds_each)
    return max(free_at)


def read_tuning_job(store: Store, name: str, now: float) -> TuningSnapshot:
    """The tuning job called `name` as it stands; raises ResourceNotFound."""
    # The job first: a job that is read as ended has no trial that changes afterwards.
    job = store.tuning_job(name)
    return TuningSnapshot(job=job, trials=tuple(store.trials(job.name)), now=now)
