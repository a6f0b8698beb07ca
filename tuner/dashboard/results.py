"""What a report tells, as frozen values: taken from the store once, looked at from several sides afterwards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contracts.definitions import TrainingDefinition
from contracts.jobs import JobStatus, ObjectiveStatus
from tuner.channels.addresses import local_path
from tuner.store.records import TrainingJobRecord, TuningJobRecord, best_training_job, pareto_front
from tuner.store.sqlite_store import Store


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial as it stands. Times are seconds since the epoch, None for what has not happened.

    `curve` are the values of the objective in the order in which they were printed. `metrics` has the last value of
    every metric but the objective. `duration_seconds` of a running trial is the time until now. `violation` is above 0
    where the bounds of a metric are broken. One that `is_lost` was so to the infrastructure, and counts for nothing.
    """

    index: int
    place: int
    training_job: str
    definition: str | None
    status: JobStatus
    objective_status: ObjectiveStatus
    objective: float | None
    tuned: Mapping[str, str]
    metrics: Mapping[str, float]
    start_time: float | None
    end_time: float | None
    duration_seconds: float | None
    failure_reason: str
    violation: float = 0.0
    curve: tuple[float, ...] = ()
    model: Path | None = None
    is_lost: bool = False

    @property
    def is_running(self) -> bool:
        """Whether the trial has not ended yet."""
        return self.objective_status is ObjectiveStatus.PENDING

    @property
    def counts(self) -> bool:
        """Whether the trial ended with a value that may be the best."""
        return self.objective_status is ObjectiveStatus.SUCCEEDED and self.objective is not None


@dataclass(frozen=True, kw_only=True)
class TuningResults:
    """A tuning job and its trials by index, as they stood at `time`.

    `front` is the Pareto front of a job with two objectives, the best of the first objective first.
    """

    job: TuningJobRecord
    trials: tuple[TrialResult, ...]
    best: TrialResult | None
    time: float
    front: tuple[TrialResult, ...] = ()

    @property
    def metric(self) -> str:
        """The name of what is made as great or as small as it can be; all names where definitions differ in it."""
        return " / ".join(self.job.spec.metric_names)

    @property
    def definitions(self) -> tuple[TrainingDefinition, ...]:
        """What the trials are of; one in most jobs."""
        return self.job.spec.definitions

    @property
    def tuned_names(self) -> tuple[str, ...]:
        """The names of the tuned hyperparameters of all definitions, each once."""
        return tuple(dict.fromkeys(one.name for definition in self.definitions for one in definition.ranges))

    @property
    def images(self) -> tuple[str, ...]:
        """The images that the trials run, each once."""
        return tuple(dict.fromkeys(definition.image for definition in self.definitions))

    @property
    def duration_seconds(self) -> float:
        """How long the job has been in progress, until its end or until now."""
        return self.job.seconds_until(self.time)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many trials completed, failed, were stopped, are running, were lost; without the zeros."""
        words = Counter(
            "running" if trial.is_running else "lost" if trial.is_lost else str(trial.status).lower()
            for trial in self.trials
        )
        return {word: words[word] for word in ("completed", "stopped", "failed", "running", "lost") if words[word]}

    @cached_property
    def drawn(self) -> tuple[TrialResult, ...]:
        """The trials that figures show: a lost one tells nothing of its hyperparameters."""
        return tuple(trial for trial in self.trials if not trial.is_lost)

    @property
    def places(self) -> int:
        """How many trials there have been of those that were asked for: a lost one and those after it are one."""
        return len({trial.place for trial in self.trials})

    @cached_property
    def ranking(self) -> tuple[TrialResult, ...]:
        """The best trial first, then the others that ended with a value, then the running, then the failed ones.

        Those that break a metric's bounds come after those that keep them.
        """
        return tuple(sorted(self.trials, key=self._rank))

    @cached_property
    def best_so_far(self) -> tuple[tuple[int, float], ...]:
        """For each trial that counts and breaks no bound, by index: the index, and the best objective up to it."""
        line: list[tuple[int, float]] = []
        for trial in self.trials:
            if trial.counts and trial.objective is not None and not trial.violation:
                best = line[-1][1] if line else trial.objective
                line.append((trial.index, trial.objective if self._is_better(trial.objective, best) else best))
        return tuple(line)

    @property
    def other_metrics(self) -> tuple[str, ...]:
        """The names of all metrics but the objective, in the order of the request."""
        names = dict.fromkeys(name for definition in self.definitions for name in definition.metric_names)
        return tuple(name for name in names if name not in self.job.spec.metric_names)

    def _rank(self, trial: TrialResult) -> tuple[int, float, float, int]:
        if trial.counts and trial.objective is not None:
            return 0, trial.violation, self.job.spec.objective_type.sign * trial.objective, trial.index
        return (1 if trial.is_running else 2), 0.0, 0.0, trial.index

    def _is_better(self, value: float, than: float) -> bool:
        return self.job.spec.objective_type.is_better(value, than)


def read_results(store: Store, tuning_job_name: str, now: float) -> TuningResults:
    """The tuning job called `tuning_job_name` and its trials, as they stand; raises ResourceNotFound."""
    job = store.tuning_job(tuning_job_name)
    records = store.trials(job.name)
    best = best_training_job(job, records)
    trials = tuple(
        _trial(
            record,
            job.metric_of(record),
            now,
            curve=tuple(o.value for o in store.observations(record.name) if o.metric == job.metric_of(record)),
            violation=job.violation_of(record),
        )
        for record in records
    )
    by_name = {trial.training_job: trial for trial in trials}
    return TuningResults(
        job=job,
        trials=trials,
        best=None if best is None else by_name[best.name],
        time=now,
        front=tuple(by_name[record.name] for record in pareto_front(job, records)),
    )


def model_path(record: TrainingJobRecord) -> Path | None:
    """Where the model of a training job lies, as its OutputDataConfig has it; None where it lies on no disk of ours."""
    output = record.spec.output_uri
    if output is None or not output.startswith("file://"):
        return None
    return local_path(output) / record.name / "output" / "model.tar.gz"


def _trial(
    record: TrainingJobRecord, metric: str, now: float, *, curve: tuple[float, ...], violation: float
) -> TrialResult:
    start, end = record.training_start_time, record.training_end_time or record.end_time
    model = model_path(record)
    return TrialResult(
        index=record.trial_index or 0,
        place=record.place or 0,
        training_job=record.name,
        definition=record.definition_name,
        status=record.primary_status,
        objective_status=record.objective_status(metric),
        objective=record.final_value(metric),
        tuned=record.tuned,
        metrics={name: summary.last for name, summary in record.metrics.items() if name != metric},
        start_time=start,
        end_time=end,
        duration_seconds=None if start is None else max(0.0, (now if end is None else end) - start),
        failure_reason=record.failure_reason,
        violation=violation,
        curve=curve,
        model=model if model is not None and model.is_file() else None,
        is_lost=record.is_lost,
    )
