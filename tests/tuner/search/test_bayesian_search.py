"""Bayesian search: what it suggests, and that it finds more than chance does."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from domain_strategies import parameter_ranges
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.embedding import Embedding
from tuner.search.evidence import warped
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import Trial, make_strategy, trial_generator

_SMALL, _GREAT = Goal(objective_type=ObjectiveType.MINIMIZE), Goal(objective_type=ObjectiveType.MAXIMIZE)

MIXED = SearchSpace(
    (
        ContinuousParameterRange(name="rate", min_value=1e-5, max_value=1.0, scaling_type=ScalingType.LOGARITHMIC),
        IntegerParameterRange(name="depth", min_value=1, max_value=20),
        CategoricalParameterRange(name="optimizer", values=("sgd", "adam", "rms")),
    )
)


def mixed(configuration: Mapping[str, str]) -> float:
    """Best for adam at a rate of 0.001 and a depth of 7."""
    best_rate = {"sgd": -1.0, "adam": -3.0, "rms": -2.0}[configuration["optimizer"]]
    rate = (math.log10(float(configuration["rate"])) - best_rate) ** 2
    penalty = {"sgd": 0.5, "adam": 0.0, "rms": 0.3}[configuration["optimizer"]]
    return 0.2 * rate + 0.05 * abs(int(configuration["depth"]) - 7) + penalty


def search(
    strategy: str, space: SearchSpace, function: Callable[[Mapping[str, str]], float], *, count: int, seed: int
) -> list[Trial]:
    """A search of `count` trials, two at a time: the newest is still running when the next is chosen."""
    trials: list[Trial] = []
    chooser = make_strategy(strategy, _SMALL)
    for index in range(1, count + 1):
        known = [*(ended(trial, function) for trial in trials[:-1]), *trials[-1:]]
        configuration = chooser.suggest(space, known, trial_generator(seed, index))
        assert configuration is not None
        trials.append(Trial(index=index, configuration=configuration))
    return [ended(trial, function) for trial in trials]


def ended(trial: Trial, function: Callable[[Mapping[str, str]], float]) -> Trial:
    """The trial with its value; one that is not finite has failed."""
    value = function(trial.configuration)
    status = ObjectiveStatus.SUCCEEDED if math.isfinite(value) else ObjectiveStatus.FAILED
    return Trial(index=trial.index, configuration=trial.configuration, status=status, objective=value)


def best(trials: Sequence[Trial]) -> float:
    """The least value of those that succeeded."""
    return min(t.objective for t in trials if t.status is ObjectiveStatus.SUCCEEDED and t.objective is not None)


def test_it_finds_in_25_trials_what_chance_does_not_in_100() -> None:
    """On a mixed space, over three seeds."""
    found = np.mean([best(search("Bayesian", MIXED, mixed, count=25, seed=seed)) for seed in range(3)])
    chance = np.mean([best(search("Random", MIXED, mixed, count=100, seed=seed)) for seed in range(3)])

    assert found < chance


def test_failures_are_kept_away_from() -> None:
    """Everything with a rate above 0.1 diverges: after five trials the search knows, until it has found the best.

    Of four searches, because what a single one tries is luck.
    """

    def diverges(configuration: Mapping[str, str]) -> float:
        return math.inf if float(configuration["rate"]) > 0.1 else mixed(configuration)

    searches = [search("Bayesian", MIXED, diverges, count=25, seed=seed) for seed in range(4)]
    failures = [trial.status is ObjectiveStatus.FAILED for trials in searches for trial in trials[5:17]]

    assert sum(failures) <= len(failures) / 10
    assert max(best(trials) for trials in searches) < 0.01


def test_the_same_history_and_seed_give_the_same_suggestion() -> None:
    """A search that is interrupted goes on as if it had not been."""
    first, second = (search("Bayesian", MIXED, mixed, count=8, seed=5) for _ in range(2))

    assert [t.configuration for t in first] == [t.configuration for t in second]


def test_maximising_is_minimising_the_negative() -> None:
    """The same suggestions, from the values with the other sign."""
    trials = search("Bayesian", MIXED, mixed, count=7, seed=2)
    negative = [
        Trial(index=t.index, configuration=t.configuration, status=t.status, objective=-(t.objective or 0.0))
        for t in trials
    ]

    assert BayesianSearch(_SMALL).suggest(MIXED, trials, trial_generator(2, 8)) == BayesianSearch(_GREAT).suggest(
        MIXED, negative, trial_generator(2, 8)
    )


def test_a_space_that_can_be_counted_is_exhausted_exactly_once() -> None:
    """Every configuration, none twice, then nothing."""
    space = SearchSpace(
        (
            IntegerParameterRange(name="n", min_value=1, max_value=4),
            CategoricalParameterRange(name="c", values=("x", "y", "z")),
            ContinuousParameterRange(name="fixed", min_value=2.0, max_value=2.0),
        )
    )
    trials = search("Bayesian", space, lambda c: int(c["n"]) + len(c["c"]), count=12, seed=0)

    assert 12 == len({space.key(trial.configuration) for trial in trials})
    assert BayesianSearch(_SMALL).suggest(space, trials, trial_generator(0, 13)) is None


@pytest.mark.parametrize("status", [ObjectiveStatus.FAILED, ObjectiveStatus.PENDING])
def test_without_any_value_the_trials_are_spread(status: ObjectiveStatus) -> None:
    """Many at a time before the first has ended, or nothing but failures."""
    trials: list[Trial] = []
    for index in range(1, 21):
        suggested = BayesianSearch(_SMALL).suggest(MIXED, trials, trial_generator(0, index))
        assert suggested is not None
        trials.append(Trial(index=index, configuration=suggested, status=status))
    rates = np.log10([float(trial.configuration["rate"]) for trial in trials])

    assert {"sgd", "adam", "rms"} == {trial.configuration["optimizer"] for trial in trials}
    assert rates.std() > 1


@settings(max_examples=25)
@given(data=st.data())
def test_every_suggestion_lies_in_the_space(data: st.DataObject) -> None:
    """Whatever the ranges and whatever the values: huge, equal, missing."""
    ranges: list[ParameterRange] = [
        data.draw(parameter_ranges(f"p{place}")) for place in range(data.draw(st.integers(1, 4)))
    ]
    space = SearchSpace(ranges)
    count = data.draw(st.integers(0, 9))
    generator = np.random.default_rng(0)
    values = st.one_of(st.none(), st.floats(-1e300, 1e300), st.just(1.0))
    trials = []
    for index in range(1, count + 1):
        value = data.draw(values)
        status = data.draw(st.sampled_from(ObjectiveStatus)) if value is None else ObjectiveStatus.SUCCEEDED
        if value is None and status is ObjectiveStatus.SUCCEEDED:
            status = ObjectiveStatus.FAILED
        trials.append(Trial(index=index, configuration=space.sample(generator), status=status, objective=value))
    suggested = BayesianSearch(_GREAT).suggest(space, trials, trial_generator(1, count + 1))

    assert suggested is None or space.contains(suggested)


def test_an_outlier_does_not_set_the_scale() -> None:
    """The better half keeps its distances, 1e30 is merely the worst, and a failure is worse than any value."""
    plain = warped(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    wild = warped(np.array([1.0, 2.0, 3.0, 4.0, 1e30]))
    failed = warped(np.array([1.0, 2.0, 3.0, 1e30, np.inf]))

    assert np.allclose(plain, wild)
    assert np.all(np.diff(failed) > 0)
    assert failed.max() < 3


def test_equal_values_stay_equal() -> None:
    """Two failures are equally bad; a constant objective tells nothing."""
    values = warped(np.array([1.0, 2.0, np.inf, np.inf]))

    assert values[2] == values[3]
    assert [0.0, 0.0, 0.0] == warped(np.array([7.0, 7.0, 7.0])).tolist()


def test_texts_are_one_apart_and_integers_lie_where_they_are_evaluated() -> None:
    """Points that decode to one configuration are one point to the process."""
    embedding = Embedding(MIXED)
    a, b, c = embedding.embed(np.array([[0.5, 0.51, 0.1], [0.5, 0.54, 0.2], [0.5, 0.51, 0.9]]))

    assert np.array_equal(a, b)
    assert np.linalg.norm(a - c) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200, 1e307])
def test_the_size_of_the_values_does_not_matter(scale: float) -> None:
    """Losses in any unit, down and up to what a computer can hold."""
    values = np.array([-8.0, -1.0, 2.0, 7.0, np.inf])

    assert np.allclose(warped(values), warped(values * scale))
