"""The next trial of a tuning job: from its records to a strategy's suggestion. Nothing here is remembered.

What the request says of the search (ranges, strategy, parents) meets what the store knows of the trials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Parent, Trial
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store


@dataclass(kw_only=True)
class Suggestions:
    """Suggests trials of one tuning job."""

    job: TuningJobRecord
    parents: tuple[Parent, ...]
    space: SearchSpace = field(init=False)
    goal: Goal = field(init=False)

    def __post_init__(self) -> None:
        self.space = SearchSpace(self.job.spec.ranges)
        self.goal = Goal(objective_type=self.job.spec.objective.type)

    @classmethod
    def of(cls, store: Store, job: TuningJobRecord) -> "Suggestions":
        """Those of a job as `store` knows it."""
        return cls(job=job, parents=parents_of(store, job))

    def next(self, trials: Sequence[TrainingJobRecord]) -> Mapping[str, str] | None:
        """The tuned hyperparameters of the trial after `trials`; None when there is nothing left to try."""
        strategy = make_strategy(self.job.spec.strategy, self.goal, self.parents)
        generator = trial_generator(self.job.random_seed, len(trials) + 1)
        return strategy.suggest(self.space, [as_trial(self.job, trial) for trial in trials], generator)


def parents_of(store: Store, job: TuningJobRecord) -> tuple[Parent, ...]:
    """The tuning jobs that `job` is warm-started from."""
    del store, job
    return ()


def as_trial(job: TuningJobRecord, record: TrainingJobRecord) -> Trial:
    """What a search knows of one training job."""
    metric = job.spec.objective.metric_name
    assert record.trial_index is not None
    metrics = {name: record.final_value(name) for name in record.metrics}
    return Trial(
        index=record.trial_index,
        configuration=record.tuned,
        status=record.objective_status(metric),
        objective=record.final_value(metric),
        metrics={name: value for name, value in metrics.items() if value is not None},
    )
