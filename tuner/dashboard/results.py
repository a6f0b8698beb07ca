"""What a report tells, as frozen values: taken from the store once, looked at from several sides afterwards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from contracts.jobs import JobStatus, ObjectiveStatus
from contracts.metrics import Objective
from contracts.ranges import ParameterRange
from tuner.channels.addresses import local_path
from tuner.store.records import TrainingJobRecord, TuningJobRecord, best_training_job
from tuner.store.sqlite_store import Store


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial as it stands. Times are seconds since the epoch, None for what has not happened.

    `curve` are the values of the objective in the order in which they were printed. `metrics` has the last value of
    every metric but the objective. `duration_seconds` of a running trial is the time until now.
    """

    index: int
    training_job: str
    status: JobStatus
    objective_status: ObjectiveStatus
    objective: float | None
    tuned: Mapping[str, str]
    metrics: Mapping[str, float]
    start_time: float | None
    end_time: float | None
    duration_seconds: float | None
    failure_reason: str
    curve: tuple[float, ...] = ()
    model: Path | None = None

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
    """A tuning job and its trials by index, as they stood at `time`."""

    job: TuningJobRecord
    trials: tuple[TrialResult, ...]
    best: TrialResult | None
    time: float

    @property
    def objective(self) -> Objective:
        """What is made as great or as small as it can be."""
        return self.job.spec.objective

    @property
    def ranges(self) -> tuple[ParameterRange, ...]:
        """What the tuned hyperparameters are chosen from."""
        return self.job.spec.ranges

    @property
    def image(self) -> str:
        """The image that every trial runs."""
        return str(self.job.spec.definition["AlgorithmSpecification"]["TrainingImage"])

    @property
    def duration_seconds(self) -> float:
        """From the job's creation to its end, or until now."""
        return (self.time if self.job.end_time is None else self.job.end_time) - self.job.creation_time

    @property
    def counts(self) -> Mapping[str, int]:
        """How many trials completed, failed, were stopped, are running; without the zeros."""
        words = Counter("running" if trial.is_running else str(trial.status).lower() for trial in self.trials)
        return {word: words[word] for word in ("completed", "stopped", "failed", "running") if words[word]}

    @cached_property
    def ranking(self) -> tuple[TrialResult, ...]:
        """The best trial first, then the others that ended with a value, then the running, then the failed ones."""
        return tuple(sorted(self.trials, key=self._rank))

    @cached_property
    def best_so_far(self) -> tuple[tuple[int, float], ...]:
        """For each trial that counts, by index: the index, and the best objective up to it."""
        line: list[tuple[int, float]] = []
        for trial in self.trials:
            if trial.counts and trial.objective is not None:
                best = line[-1][1] if line else trial.objective
                line.append((trial.index, trial.objective if self.objective.is_better(trial.objective, best) else best))
        return tuple(line)

    @property
    def other_metrics(self) -> tuple[str, ...]:
        """The names of all metrics but the objective, in the order of the request."""
        definitions = self.job.spec.definition["AlgorithmSpecification"].get("MetricDefinitions", ())
        names = dict.fromkeys(definition["Name"] for definition in definitions)
        return tuple(name for name in names if name != self.objective.metric_name)

    def _rank(self, trial: TrialResult) -> tuple[int, float, int]:
        if trial.counts and trial.objective is not None:
            return 0, -trial.objective if self.objective.is_better(1, than=0) else trial.objective, trial.index
        return (1 if trial.is_running else 2), 0.0, trial.index


def read_results(store: Store, tuning_job_name: str, now: float) -> TuningResults:
    """The tuning job called `tuning_job_name` and its trials, as they stand; raises ResourceNotFound."""
    job = store.tuning_job(tuning_job_name)
    records = store.trials(job.name)
    best = best_training_job(job, records)
    metric = job.spec.objective.metric_name
    trials = tuple(
        _trial(
            record,
            metric,
            now,
            curve=tuple(o.value for o in store.observations(record.name) if o.metric == metric),
        )
        for record in records
    )
    return TuningResults(
        job=job,
        trials=trials,
        best=next((trial for trial in trials if best is not None and trial.training_job == best.name), None),
        time=now,
    )


def model_path(record: TrainingJobRecord) -> Path | None:
    """Where the model of a training job lies, as its OutputDataConfig has it; None where it lies on no disk of ours."""
    output = record.spec.output_uri
    if output is None or not output.startswith("file://"):
        return None
    return local_path(output) / record.name / "output" / "model.tar.gz"


def _trial(record: TrainingJobRecord, metric: str, now: float, *, curve: tuple[float, ...]) -> TrialResult:
    start, end = record.training_start_time, record.training_end_time or record.end_time
    model = model_path(record)
    return TrialResult(
        index=record.trial_index or 0,
        training_job=record.name,
        status=record.primary_status,
        objective_status=record.objective_status(metric),
        objective=record.final_value(metric),
        tuned=record.tuned,
        metrics={name: summary.last for name, summary in record.metrics.items() if name != metric},
        start_time=start,
        end_time=end,
        duration_seconds=None if start is None else max(0.0, (now if end is None else end) - start),
        failure_reason=record.failure_reason,
        curve=curve,
        model=model if model is not None and model.is_file() else None,
    )
