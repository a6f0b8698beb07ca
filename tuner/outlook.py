"""Whether a tuning job has a gain to expect from the trials to come: `search.convergence` for its records."""

from collections.abc import Sequence

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
from tuner.store.records import TrainingJobRecord, TuningJobRecord, values_as_they_came
from tuner.suggestions import NextTrials, Suggestions

#: Added to the number of trials: what is drawn here is independent of what the next suggestion draws.
_APART = 1_000_000_000


def has_converged(next_trials: NextTrials, ended: Sequence[TrainingJobRecord]) -> bool:
    """Whether a gain of more than 1 % is unlikely after the trials that have `ended`, in the order in which they did.

    A function of these alone. Of two objectives there is no one best to gain on, so such a job never converges.
    """
    job = next_trials.job
    if job.search.second_objective is not None:
        return False
    everything = _outcomes(job, ended)
    if everything.has_just_gained or not np.isfinite(everything.values).any():
        return False
    enough = gain_below(everything.values)
    sizes = [suggestions.space.size for suggestions in next_trials.of_definitions]
    size = None if None in sizes else sum(size or 0 for size in sizes)
    to_come = trials_to_come(len(ended), job.spec.max_training_jobs, size)
    for suggestions in next_trials.of_definitions:
        own = [trial for trial in ended if job.definition_of(trial) == suggestions.definition]
        if _chance(suggestions, own, enough, to_come) >= UNLIKELY:
            return False
    return True


def _chance(suggestions: Suggestions, ended: Sequence[TrainingJobRecord], enough: float, to_come: int) -> float:
    """The chance of a gain where all trials to come are of one definition."""
    job = suggestions.job
    if job.suggesting == "Random":  # independent draws, so those that have been tell of those to come
        given = len(job.search.first_configurations)
        drawn = [trial for trial in ended if (trial.place or 0) > given]
        return chance_by_draws(_outcomes(job, drawn), enough, to_come)
    outcomes = _outcomes(job, ended)
    surrogate = None if has_too_few_to_choose(outcomes) else suggestions.surrogate(ended)
    if surrogate is None:
        return 1.0
    return chance_of_the_unimagined(len(ended), to_come) + chance_by_surrogate(
        surrogate,
        suggestions.space,
        outcomes,
        enough,
        to_come,
        sign=suggestions.goal.sign,
        generator=trial_generator(job.random_seed, _APART + len(ended)),
    )


def _outcomes(job: TuningJobRecord, ended: Sequence[TrainingJobRecord]) -> Outcomes:
    """What has come of trials. One that breaks the bounds of another metric has found nothing."""
    sign = job.spec.objective_type.sign
    values = values_as_they_came(job, ended)
    return Outcomes(
        values=np.array([np.inf if value is None else sign * value for value in values], dtype=float),
        configurations=tuple(trial.tuned for trial in ended),
    )
