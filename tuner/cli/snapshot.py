"""A tuning job at one moment, with what people want to know of it. Pure but for what reads the store."""

import heapq
from abc import ABC, abstractmethod
from collections import Counter
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
from tuner.store.tuning_job_reading import FailureCount

#: A running trial is never taken to be further than this: its model is still to be packed.
_ALMOST_DONE = 0.98


@dataclass(frozen=True, kw_only=True)
class TuningOverview(ABC):
    """A tuning job as it stood at `now`, in seconds since the epoch: its numbers and its best trials."""

    job: TuningJobRecord
    now: float

    @property
    @abstractmethod
    def count(self) -> int:
        """How many trials there are."""

    @property
    @abstractmethod
    def done(self) -> int:
        """How many trials have ended, however they did; void ones do not count."""

    @property
    @abstractmethod
    def best(self) -> TrainingJobRecord | None:
        """The best trial so far among those that ended."""

    @property
    @abstractmethod
    def front(self) -> Sequence[TrainingJobRecord]:
        """The Pareto front of a job with two objectives, the best of the first objective first; of others nothing."""

    @property
    @abstractmethod
    def failures(self) -> Sequence[FailureCount]:
        """Why trials failed, what happened most often first."""

    @abstractmethod
    def best_first(self, limit: int) -> list[TrainingJobRecord]:
        """At most `limit` trials by final value, the best first; then those that have none yet; then those that failed.

        Those that break the bounds of a metric come after those that keep them, the worst last.
        """

    @cached_property
    def spec(self) -> TuningJobSpec:
        """What the job asks for."""
        return self.job.spec

    @property
    def total(self) -> int:
        """How many trials there will be: the limit, or all configurations where those are fewer."""
        limits = [limit for limit in (self.spec.max_training_jobs, self._number_of_configurations) if limit is not None]
        return min(limits) if limits else self.count

    @cached_property
    def _number_of_configurations(self) -> int | None:
        search = self.job.search
        if not search.conditions and not search.constraints:
            return self.spec.number_of_configurations
        from tuner.suggestions import space_of  # noqa: PLC0415 - it brings numpy, which takes a while to import

        return space_of(self.spec.definitions[0], search).size

    @property
    def elapsed(self) -> float:
        """How many seconds the job has been in progress, until now or its end."""
        return self.job.seconds_until(self.now)

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


@dataclass(frozen=True, kw_only=True)
class TuningSnapshot(TuningOverview):
    """A tuning job with all its `trials`, by index."""

    trials: Sequence[TrainingJobRecord]

    @property
    def count(self) -> int:
        return len(self.trials)

    @property
    def done(self) -> int:
        return sum(trial.is_finished and not self.job.is_void(trial) for trial in in_places(self.trials))

    @cached_property
    def best(self) -> TrainingJobRecord | None:
        return best_training_job(self.job, self.trials)

    @cached_property
    def front(self) -> Sequence[TrainingJobRecord]:
        return pareto_front(self.job, self.trials)

    @property
    def failures(self) -> Sequence[FailureCount]:
        reasons = Counter(trial.failure_reason for trial in self.trials if trial.failure_reason)
        first = {trial.failure_reason: trial for trial in reversed(self.trials)}
        return [
            FailureCount(reason=reason, times=times, first=first[reason].name, is_lost=first[reason].is_lost)
            for reason, times in reasons.most_common()
        ]

    def best_first(self, limit: int | None = None) -> list[TrainingJobRecord]:
        return sorted(self.trials, key=lambda trial: (self.job.standing_of(trial), trial.trial_index))[:limit]

    def predecessor_of(self, trial: TrainingJobRecord) -> TrainingJobRecord | None:
        """The trial that came to nothing, whose place in the search `trial` takes; None where it has its own."""
        before = self.trials[: self.trials.index(trial)]
        return next((other for other in reversed(before) if other.place == trial.place), None)

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
            estimate = min(estimate, self.spec.max_runtime_seconds - (self.now - self.job.begun_time))
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


@dataclass(frozen=True, kw_only=True)
class StoredOverview(TuningOverview):
    """What the store can say of a tuning job without reading all its trials."""

    store: Store

    @cached_property
    def count(self) -> int:
        return self.store.trial_count(self.job.name)

    @cached_property
    def done(self) -> int:
        return self.store.done_trial_count(self.job.name)

    @cached_property
    def best(self) -> TrainingJobRecord | None:
        return self.store.best_trial(self.job.name)

    @cached_property
    def front(self) -> Sequence[TrainingJobRecord]:
        two = self.job.search.second_objective is not None
        return pareto_front(self.job, self.store.trials(self.job.name)) if two else []

    @cached_property
    def failures(self) -> Sequence[FailureCount]:
        return self.store.failures(self.job.name)

    def best_first(self, limit: int) -> list[TrainingJobRecord]:
        return self.store.best_first(self.job, limit)
