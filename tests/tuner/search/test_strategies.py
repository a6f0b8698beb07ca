"""Strategies: pure functions of history, seed and index."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from domain_strategies import grids, small_spaces, spaces
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange, IntegerParameterRange, ScalingType
from tuner.errors import NotSupported
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.goal import Goal
from tuner.search.grid_search import GridSearch
from tuner.search.random_search import RandomSearch
from tuner.search.space import SearchSpace
from tuner.search.strategy import Strategy, Trial, make_strategy, trial_generator

seeds = st.integers(0, 2**63 - 1)


def suggestions(strategy: Strategy, space: SearchSpace, seed: int, history: list[Trial]) -> Iterator[dict[str, str]]:
    """What `strategy` suggests one after the other from `history` on, until it is exhausted; it adds to `history`."""
    while True:
        index = len(history) + 1
        suggestion = strategy.suggest(space, history, trial_generator(seed, index))
        if suggestion is None:
            return
        history.append(Trial(index=index, configuration=suggestion))
        yield dict(suggestion)


@given(spaces, seeds, st.integers(1, 10_000))
def test_random_search_suggests_configurations_of_the_space(space: SearchSpace, seed: int, index: int) -> None:
    """Whatever the ranges."""
    suggestion = RandomSearch().suggest(space, [], trial_generator(seed, index))

    assert suggestion is not None
    assert space.contains(suggestion)


@given(spaces, seeds, st.integers(1, 10_000))
def test_the_same_seed_and_history_give_the_same_suggestion(space: SearchSpace, seed: int, index: int) -> None:
    """Two processes that never met agree."""
    first, second = (RandomSearch().suggest(space, [], trial_generator(seed, index)) for _ in range(2))

    assert first == second


@pytest.mark.parametrize("make", [RandomSearch, GridSearch])
@given(space=grids, seed=seeds)
def test_a_space_that_can_be_counted_is_exhausted_with_each_configuration_once(
    make: Callable[[], Strategy], space: SearchSpace, seed: int
) -> None:
    """Neither one twice, nor one left out, nor one too many."""
    suggested = [space.key(suggestion) for suggestion in suggestions(make(), space, seed, [])]

    assert sorted(space.key(configuration) for configuration in space.configurations()) == sorted(suggested)


@pytest.mark.parametrize("make", [RandomSearch, GridSearch])
@given(space=grids, seed=seeds, data=st.data())
def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(
    make: Callable[[], Strategy], space: SearchSpace, seed: int, data: st.DataObject
) -> None:
    """A new strategy object with the stored history continues where the old one was killed."""
    whole: list[Trial] = []
    list(suggestions(make(), space, seed, whole))
    rest = whole[: data.draw(st.integers(0, len(whole)))]
    list(suggestions(make(), space, seed, rest))

    assert whole == rest


@given(space=small_spaces, seed=seeds, statuses=st.lists(st.sampled_from(ObjectiveStatus), min_size=30, max_size=30))
def test_the_outcome_of_trials_does_not_change_a_random_search(
    space: SearchSpace, seed: int, statuses: list[ObjectiveStatus]
) -> None:
    """Failed, pending and finished trials all have been tried."""
    history: list[Trial] = []
    list(suggestions(RandomSearch(), space, seed, history))
    assume(len(history) > 1)
    known = [
        Trial(index=trial.index, configuration=trial.configuration, status=status)
        for trial, status in zip(history[:-1], statuses, strict=False)
    ]

    assume(len(known) == len(history) - 1)
    assert history[-1].configuration == RandomSearch().suggest(space, known, trial_generator(seed, len(history)))


def test_grid_search_goes_through_the_combinations_in_order() -> None:
    """The last range varies fastest, and a hole in the history is filled first."""
    space = SearchSpace([
        CategoricalParameterRange(name="a", values=("1", "2")),
        CategoricalParameterRange(name="b", values=("x", "y")),
    ])  # fmt: skip
    history = [Trial(index=1, configuration={"b": "x", "a": "1"}), Trial(index=2, configuration={"a": "2", "b": "x"})]

    assert [("1", "y"), ("2", "y")] == [space.key(s) for s in suggestions(GridSearch(), space, 0, history)]


@given(orders=st.lists(st.lists(st.integers(0, 8), max_size=9), max_size=5))
def test_a_grid_that_was_walked_through_before_has_the_same_first_hole(orders: list[list[int]]) -> None:
    """A job asks the same space after each trial; who explains its trials asks it of earlier ones."""

    def space() -> SearchSpace:
        ranges = [CategoricalParameterRange(name=name, values=("1", "2", "3")) for name in "ab"]
        return SearchSpace(ranges)

    kept, every = space(), list(space().configurations())
    for order in orders:
        trials = [Trial(index=index, configuration=every[number]) for index, number in enumerate(order, start=1)]
        holes = [configuration for number, configuration in enumerate(every) if number not in order]

        assert next(iter(holes), None) == GridSearch().suggest(kept, trials, trial_generator(0, 1))


def test_the_last_untried_configuration_is_found_where_drawing_would_take_for_ever() -> None:
    """On a logarithmic scale a great integer among small ones is drawn once in thousands."""
    parameter = IntegerParameterRange(name="n", min_value=1, max_value=3000, scaling_type=ScalingType.LOGARITHMIC)
    tried = [Trial(index=n, configuration={"n": str(n)}) for n in range(1, 3000)]

    suggestion = RandomSearch().suggest(SearchSpace([parameter]), tried, trial_generator(1, 3000))

    assert {"n": "3000"} == suggestion


def test_random_draws_fill_each_scale_evenly() -> None:
    """2000 draws: the quarters of the axis hold a quarter each, on a linear and on a logarithmic scale."""
    space = SearchSpace([
        ContinuousParameterRange(name="a", min_value=0.0, max_value=4.0, scaling_type=ScalingType.LINEAR),
        ContinuousParameterRange(name="b", min_value=1e-4, max_value=1.0, scaling_type=ScalingType.LOGARITHMIC),
    ])  # fmt: skip
    points = np.array([space.encode(space.sample(trial_generator(7, index))) for index in range(1, 2001)])

    for axis in points.T:
        assert pytest.approx([0.25] * 4, abs=0.05) == list(np.histogram(axis, bins=4, range=(0, 1))[0] / 2000)


@given(seeds, st.integers(1, 500))
def test_trials_have_generators_of_their_own(seed: int, index: int) -> None:
    """Neighbours in seed or index do not repeat each other."""
    draws = {
        trial_generator(*key).random()
        for key in ((seed, index), (seed, index + 1), (seed + 1, index), (index, seed % 1000))
    }

    assert len({(seed, index), (seed, index + 1), (seed + 1, index), (index, seed % 1000)}) == len(draws)


def test_a_stored_job_draws_the_same_after_an_update() -> None:
    """These figures stand for every job that is stored somewhere: a change here changes their next trials."""
    space = SearchSpace([ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0)])

    assert ["0.7008402530934993", "0.8112955478748793"] == [
        space.sample(trial_generator(2021, index))["x"] for index in (1, 2)
    ]


def test_strategies_are_made_by_the_names_of_the_api() -> None:
    """One that is not there is refused, with those that are."""
    assert isinstance(make_strategy("Bayesian", Goal(objective_type=ObjectiveType.MAXIMIZE)), BayesianSearch)
    assert isinstance(make_strategy("Random", Goal(objective_type=ObjectiveType.MAXIMIZE)), RandomSearch)
    assert isinstance(make_strategy("Grid", Goal(objective_type=ObjectiveType.MAXIMIZE)), GridSearch)
    assert isinstance(make_strategy("Hyperband", Goal(objective_type=ObjectiveType.MAXIMIZE)), RandomSearch)
    with pytest.raises(NotSupported, match="Bayesian, Random, Grid and Hyperband"):
        make_strategy("Evolution", Goal(objective_type=ObjectiveType.MAXIMIZE))
