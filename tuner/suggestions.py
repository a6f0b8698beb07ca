"""The next trial of a tuning job: from its records to a strategy's suggestion.

Nothing is remembered here but what is made of single records, so that those of thousands of trials are not turned over
again after each.

What the request says of the search (ranges, strategy, parents) meets what the store knows of the trials. Where a job
has several definitions, first one of them is chosen, then its strategy is asked as if it were alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from typing import Any

import numpy as np

from contracts.definitions import TrainingDefinition
from contracts.jobs import ObjectiveStatus, StopReason, TuningJobSpec
from contracts.ranges import ParameterRange, is_of_kind
from contracts.search_extension import SearchExtension
from tuner.errors import Violation, ViolationKind
from tuner.forecasts import Forecasts
from tuner.requests.front_door import raise_violations
from tuner.requests.search_file import LoadedSearch
from tuner.search.activity import Activity
from tuner.search.allocation import History, preferences
from tuner.search.belief import Belief
from tuner.search.feasibility import impossible
from tuner.search.first_configurations import FirstConfigurations, completes
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.surrogate import Surrogate
from tuner.search.trials import Forecast, Parent, Trial
from tuner.store.derived import Derived
from tuner.store.parents import parent_jobs
from tuner.store.records import TrainingJobRecord, TuningJobRecord, in_places
from tuner.store.sqlite_store import Store

#: How the reason of a failure begins that would have come with any configuration.
_NOT_ITS_FAULT = ("ClientError:", "InternalServerError:")
_NO_MORE_WANTED = frozenset({StopReason.USER, StopReason.TUNING_JOB})


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggested:
    """A trial that is worth trying: its place in the search, of which definition, and its tuned hyperparameters."""

    place: int
    definition: TrainingDefinition
    tuned: Mapping[str, str]


@dataclass(kw_only=True)
class NextTrials:
    """Suggests trials of one tuning job, whatever its number of definitions."""

    job: TuningJobRecord
    of_definitions: "Sequence[Suggestions]"
    _void: Derived[bool] = field(init=False)

    def __post_init__(self) -> None:
        self._void = Derived(self.job.is_void)

    @classmethod
    def of(cls, store: Store, job: TuningJobRecord) -> "NextTrials":
        """Those of a job as `store` knows it."""
        return cls(
            job=job,
            of_definitions=[Suggestions.of(store, job, definition) for definition in job.spec.definitions],
        )

    def next(self, trials: Sequence[TrainingJobRecord]) -> Suggested | None:
        """The trial after `trials`, which are all of the job; None when no definition has anything left to try.

        What came to nothing is tried again first. So whatever was lost, and when: the suggestion for a place sees all
        places before it filled, and nothing else.
        """
        held = in_places(trials)
        is_void = self._void.of(held)
        if True in is_void:
            trial = held[is_void.index(True)]
            return Suggested(place=trial.place or 0, definition=self.job.definition_of(trial), tuned=trial.tuned)
        for suggestions in self._preferred_first(held):
            tuned = suggestions.next(held)
            if tuned is not None:
                return Suggested(place=len(held) + 1, definition=suggestions.definition, tuned=tuned)
        return None

    def _preferred_first(self, trials: Sequence[TrainingJobRecord]) -> "Sequence[Suggestions]":
        if len(self.of_definitions) == 1:
            return self.of_definitions
        generator = trial_generator(self.job.random_seed, len(trials) + 1)
        histories = [suggestions.history(trials, generator) for suggestions in self.of_definitions]
        return [self.of_definitions[place] for place in preferences(histories, self.job.spec.max_training_jobs)]


@dataclass(kw_only=True)
class Suggestions:
    """Suggests trials of one definition of a tuning job.

    The trials that it is told of are all of the job, each in its place.
    """

    job: TuningJobRecord
    definition: TrainingDefinition
    parents: tuple[Parent, ...]
    forecasts: Forecasts
    space: SearchSpace = field(init=False)
    goal: Goal = field(init=False)
    belief: Belief | None = field(init=False)
    _seen: Derived[Trial] = field(init=False)

    def __post_init__(self) -> None:
        search = self.job.search
        self.space = space_of(self.definition, search)
        self.goal = Goal(
            objective_type=self.definition.objective.type,
            metric_constraints=search.metric_constraints,
            second=search.second_objective,
        )
        self.belief = Belief(self.space, search.prior_belief) if search.prior_belief else None
        self._seen = Derived(partial(as_trial, self.job))

    @classmethod
    def of(cls, store: Store, job: TuningJobRecord, definition: TrainingDefinition) -> "Suggestions":
        """Those of a definition of a job as `store` knows it."""
        return cls(
            job=job,
            definition=definition,
            parents=parents_of(store, job),
            forecasts=Forecasts(store=store, job=job),
        )

    def next(self, trials: Sequence[TrainingJobRecord]) -> Mapping[str, str] | None:
        """The tuned hyperparameters of the trial after `trials`, which are of other definitions too.

        None when there is nothing left to try.
        """
        strategy = FirstConfigurations(
            self.job.search.first_configurations,
            make_strategy(self.job.suggesting, self.goal, self.parents, self.belief),
        )
        generator = trial_generator(self.job.random_seed, len(trials) + 1)
        return strategy.suggest(self.space, self.own(trials), generator)

    def is_given(self, trials: Sequence[TrainingJobRecord], tuned: Mapping[str, str]) -> bool:
        """Whether the trial after `trials`, with the values `tuned`, is one of those that the search file has first."""
        given = self.job.search.first_configurations
        place = len(self.own(trials))
        return place < len(given) and completes(self.space, given[place], tuned)

    def surrogate(self, trials: Sequence[TrainingJobRecord]) -> Surrogate | None:
        """What a Bayesian search suggests the trial after `trials` by; None while it has too few values."""
        from tuner.search.bayesian_search import BayesianSearch  # noqa: PLC0415 - scipy takes a third of a second

        search = BayesianSearch(self.goal, self.parents, self.belief)
        generator = trial_generator(self.job.random_seed, len(trials) + 1)
        return search.surrogate(self.space, self.own(trials), generator)

    def own(self, trials: Sequence[TrainingJobRecord]) -> list[Trial]:
        """Those of `trials` that are of this definition, as a search sees them."""
        own = trials
        if len(self.job.spec.definitions) > 1:
            own = [trial for trial in trials if self.job.definition_of(trial) == self.definition]
        seen, forecasts = self._seen.of(own), self.forecasts.of(own)
        if not forecasts:
            return seen
        return [
            replace(trial, forecast=forecasts[record.name]) if record.name in forecasts else trial
            for trial, record in zip(seen, own, strict=True)
        ]

    def history(self, trials: Sequence[TrainingJobRecord], generator: np.random.Generator) -> History:
        """What is known of this definition after `trials`, for a choice among definitions."""
        own = self.own(trials)
        ended = [trial for trial in own if trial.status is not ObjectiveStatus.PENDING]
        return History(values=self.goal.values(ended, generator).tolist(), pending=len(own) - len(ended))


def space_of(definition: TrainingDefinition, search: SearchExtension) -> SearchSpace:
    """What the trials of a definition are chosen from, as far as its job's search file bounds it."""
    return SearchSpace(definition.ranges, search.conditions, search.constraints)


def check_search(search: LoadedSearch, request: Mapping[str, Any]) -> None:
    """Raise ValidationError or NotSupported with all that keeps `search` from being that of `request`, which is valid.

    A space in which hardly any configuration keeps the constraints is among it.
    """
    search.check(request)
    extension = SearchExtension.from_extension(search.extension)
    (definition,) = TuningJobSpec.from_request(request).definitions
    cannot_be = [
        Violation(path=path, message=text, kind=ViolationKind.RULE)
        for path, text in impossible(space_of(definition, extension), extension.first_configurations)
    ]
    raise_violations(search.locate(cannot_be), search.path)


def parents_of(store: Store, job: TuningJobRecord) -> tuple[Parent, ...]:
    """The tuning jobs that `job` is warm-started from, as far as `store` has them, with the trials that tell something.

    A configuration has what the trial was given for each range of `job` (that is active there), tuned or static. Left
    out are trials to which one of them was not given, or something that is not of the range's kind (a text that is none
    of the range's), and trials that nobody can judge: see `_tells_something`.
    """
    warm_start = job.spec.warm_start
    if warm_start is None:
        return ()
    (definition,) = job.spec.definitions
    activity = Activity(definition.ranges, job.search.conditions)
    return tuple(
        Parent(
            name=parent.name,
            trials=_inherited(store, parent, job.creation_time, definition.ranges, activity),
            is_identical=warm_start.is_identical,
        )
        for parent in parent_jobs(store, job)
    )


def _inherited(
    store: Store, parent: TuningJobRecord, begun: float, ranges: Sequence[ParameterRange], activity: Activity
) -> tuple[Trial, ...]:
    """What a job that was `begun` then has of a parent: nothing of what that was given since, or it would change."""
    since = min((more.time for more in parent.more_trials if more.time > begun), default=inf)
    trials, records = [], [trial for trial in store.trials(parent.name) if trial.creation_time < since]
    forecasts = Forecasts(store=store, job=parent).of(records)
    for record in records:
        given = {**parent.definition_of(record).static, **record.tuned}
        inactive = activity.inactive_names(given)
        active = [parameter for parameter in ranges if parameter.name not in inactive]
        if _tells_something(parent, record) and all(
            parameter.name in given and is_of_kind(parameter, given[parameter.name]) for parameter in active
        ):
            configuration = {parameter.name: given[parameter.name] for parameter in active}
            trial = as_trial(parent, record, forecasts.get(record.name))
            trials.append(replace(trial, configuration=configuration))
    return tuple(trials)


def _tells_something(parent: TuningJobRecord, record: TrainingJobRecord) -> bool:
    """Whether a trial has ended, and as it did because of its configuration.

    Not so where somebody wanted no more of it before its first value, which is how a job ends that a warm start goes
    on with; nor where data could not be read or delivered, or its container went away.
    """
    if not record.is_finished or record.failure_reason.startswith(_NOT_ITS_FAULT):
        return False
    return parent.value_of(record) is not None or record.stop_reason not in _NO_MORE_WANTED


def as_trial(job: TuningJobRecord, record: TrainingJobRecord, forecast: Forecast | None = None) -> Trial:
    """What a search knows of one training job; of one that was stopped, a `forecast` of what it would have come to.

    Of one that has not ended, no values: what it has printed so far depends on when somebody looked, and the next
    suggestion must not. One that came to nothing will be tried again.
    """
    assert record.trial_index is not None
    if not record.is_finished or job.is_void(record):
        return Trial(index=record.trial_index, configuration=record.tuned)
    metrics = {name: record.final_value(name) for name in record.metrics}
    return Trial(
        index=record.trial_index,
        configuration=record.tuned,
        status=job.objective_status_of(record),
        objective=job.value_of(record),
        metrics={name: value for name, value in metrics.items() if value is not None},
        forecast=forecast,
    )
