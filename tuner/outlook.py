"""Whether a tuning job has a gain to expect from the trials to come: `search.convergence` for its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.search.convergence import (
    UNLIKELY,
    Outcomes,
    chance_by_draws,
    chance_by_surrogate,
    chance_of_the_unimagined,
    gain_below,
    has_too_few_to_choose,
    trials_to_come,
)
from tuner.search.strategy import trial_generator
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.suggestions import NextTrials, Suggestions

#: Added to the number of trials: what is drawn here is independent of what the next suggestion draws.
_APART = 1_000_000_000


@dataclass(kw_only=True, slots=True)
class _Ended:
    """Trials that have ended, in the order in which they did, with what came of them."""

    trials: list[TrainingJobRecord] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    configurations: list[Mapping[str, str]] = field(default_factory=list)

    def take_in(self, trial: TrainingJobRecord, value: float) -> None:
        self.trials.append(trial)
        self.values.append(value)
        self.configurations.append(trial.tuned)

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(values=np.array(self.values, dtype=float), configurations=self.configurations)


class Outlook:
    """What the trials that have ended say of those to come. They are taken in one by one, in the order of ending."""

    def __init__(self, job: TuningJobRecord) -> None:
        self._job = job
        self._all = _Ended()
        self._by_definition = {definition.name: _Ended() for definition in job.spec.definitions}

    def take_in(self, trial: TrainingJobRecord) -> None:
        """The next trial has ended. One that breaks the bounds of another metric has found nothing."""
        job = self._job
        counted = job.counted_value_of(trial)
        value = np.inf if counted is None else job.spec.objective_type.sign * counted
        self._all.take_in(trial, value)
        # Independent draws tell of those to come; a configuration that was given is none.
        if job.suggesting != "Random" or (trial.place or 0) > len(job.search.first_configurations):
            self._by_definition[job.definition_of(trial).name].take_in(trial, value)

    def has_converged(self, next_trials: NextTrials) -> bool:
        """Whether a gain of more than 1 % is unlikely after these trials.

        Of two objectives there is no one best to gain on, so such a job never converges.
        """
        job = self._job
        if job.search.second_objective is not None:
            return False
        everything = self._all.outcomes
        if everything.has_just_gained or not np.isfinite(everything.values).any():
            return False
        enough = gain_below(everything.values)
        sizes = [suggestions.space.size for suggestions in next_trials.of_definitions]
        size = None if None in sizes else sum(size or 0 for size in sizes)
        to_come = trials_to_come(len(everything.values), job.spec.max_training_jobs, size)
        return not any(
            self._chance(suggestions, enough, to_come) >= UNLIKELY for suggestions in next_trials.of_definitions
        )

    def _chance(self, suggestions: Suggestions, enough: float, to_come: int) -> float:
        """The chance of a gain where all trials to come are of one definition."""
        job, ended = self._job, self._by_definition[suggestions.definition.name]
        outcomes = ended.outcomes
        if job.suggesting == "Random":
            return chance_by_draws(outcomes, enough, to_come)
        surrogate = None if has_too_few_to_choose(outcomes) else suggestions.surrogate(ended.trials)
        if surrogate is None:
            return 1.0
        return chance_of_the_unimagined(len(ended.trials), to_come) + chance_by_surrogate(
            surrogate,
            suggestions.space,
            outcomes,
            enough,
            to_come,
            sign=suggestions.goal.sign,
            generator=trial_generator(job.random_seed, _APART + len(ended.trials)),
        )


def has_converged(next_trials: NextTrials, ended: Sequence[TrainingJobRecord]) -> bool:
    """Whether a gain is unlikely after the trials that have `ended`, in the order in which they did.

    A function of these alone.
    """
    outlook = Outlook(next_trials.job)
    for trial in ended:
        outlook.take_in(trial)
    return outlook.has_converged(next_trials)
