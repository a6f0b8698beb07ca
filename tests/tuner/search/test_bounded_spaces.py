"""Spaces in which hyperparameters depend on each other: conditions and constraints."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from domain_strategies import bounded_spaces, categorical_ranges, integer_ranges, spaces
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
from contracts.search_extension import Condition, Constraint
from tuner.errors import InfeasibleSpace
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.goal import Goal
from tuner.search.grid_search import GridSearch
from tuner.search.random_search import RandomSearch
from tuner.search.space import SearchSpace
from tuner.search.strategy import Strategy, Trial, trial_generator

OPTIMIZER = CategoricalParameterRange(name="optimizer", values=("adam", "sgd"))
MOMENTUM = ContinuousParameterRange(name="momentum", min_value=0.0, max_value=1.0)
NESTEROV = CategoricalParameterRange(name="nesterov", values=("yes", "no"))
MOMENTUM_OF_SGD = Condition(name="momentum", depends_on="optimizer", values=("sgd",))


def small_ranges(name: str) -> st.SearchStrategy[ParameterRange]:
    """Ranges of one to three values."""
    return st.one_of(categorical_ranges(name, most=3), integer_ranges(name, most=1))


small_bounded_spaces = bounded_spaces(small_ranges)


@given(bounded_spaces(), st.integers(0, 2**63 - 1))
def test_what_is_drawn_from_a_space_lies_in_it(space: SearchSpace, seed: int) -> None:
    """Its conditions and constraints included."""
    assert space.contains(space.sample(trial_generator(seed, 1)))


@given(st.data(), bounded_spaces())
def test_what_a_point_decodes_to_has_a_value_of_each_active_range_only(data: st.DataObject, space: SearchSpace) -> None:
    """Whether it keeps the constraints is another question."""
    point = np.array([data.draw(st.floats(0.0, 1.0)) for _ in space.ranges])
    active = space.active(point[None])[0]

    decoded = space.decode(point)
    assert [name for name, is_active in zip(space.names, active, strict=True) if is_active] == list(decoded)
    assert SearchSpace(space.ranges, space.conditions).contains(decoded)


@given(st.data(), st.one_of(spaces, bounded_spaces()))
def test_snapping_many_points_is_encoding_what_each_decodes_to(data: st.DataObject, space: SearchSpace) -> None:
    """On every scale, inactive coordinates included; integers and texts exactly."""
    coordinate = st.floats(0.0, 1.0)
    points = np.array([[data.draw(coordinate) for _ in space.ranges] for _ in range(data.draw(st.integers(1, 4)))])

    expected = np.array([space.encode(space.decode(point)) for point in points])
    assert expected == pytest.approx(space.snap(points), abs=1e-6)


@given(st.data(), bounded_spaces())
def test_what_is_inactive_tells_no_two_configurations_apart(data: st.DataObject, space: SearchSpace) -> None:
    """Neither by key nor by point."""
    point = np.array([data.draw(st.floats(0.0, 1.0)) for _ in space.ranges])
    other = np.where(space.active(point[None])[0], point, 1 - point)

    assert space.decode(point) == space.decode(other)
    assert space.key(space.decode(point)) == space.key(dict(SearchSpace(space.ranges).decode(other)))
    assert bool(np.all(space.snap(np.array([point])) == space.snap(np.array([other]))))


@given(small_bounded_spaces)
def test_the_configurations_of_a_small_space_are_all_that_are_allowed_each_once(space: SearchSpace) -> None:
    """Told by going through every combination of the ranges."""
    whole = SearchSpace(space.ranges).configurations()
    expected = {space.key(one) for one in whole if space.allows(one)}

    listed = [space.key(configuration) for configuration in space.configurations()]
    assert sorted(expected) == sorted(listed)
    assert len(expected) == space.size
    assert all(space.contains(configuration) for configuration in space.configurations())


@pytest.mark.parametrize("make", [RandomSearch, GridSearch])
@given(space=small_bounded_spaces, seed=st.integers(0, 2**63 - 1))
def test_a_search_exhausts_what_is_allowed_exactly_once(
    make: Callable[[], Strategy], space: SearchSpace, seed: int
) -> None:
    """And then has nothing left to suggest."""
    history: list[Trial] = []
    while (suggestion := make().suggest(space, history, trial_generator(seed, len(history) + 1))) is not None:
        assert space.contains(suggestion)
        history.append(Trial(index=len(history) + 1, configuration=suggestion))

    assert sorted(map(space.key, space.configurations())) == sorted(space.key(t.configuration) for t in history)


@settings(max_examples=6, deadline=None)
@given(space=bounded_spaces(), seed=st.integers(0, 2**31))
def test_a_bayesian_search_stays_in_the_space(space: SearchSpace, seed: int) -> None:
    """From the first trial to those that a model suggests."""
    history: list[Trial] = []
    for index in range(1, 6):
        generator = trial_generator(seed, index)
        suggestion = BayesianSearch(Goal(objective_type=ObjectiveType.MINIMIZE)).suggest(space, history, generator)
        if suggestion is None:
            break
        assert space.contains(suggestion)
        value = float(space.encode(suggestion).sum())
        history.append(Trial(index=index, configuration=suggestion, status=ObjectiveStatus.SUCCEEDED, objective=value))


def test_a_hyperparameter_is_there_only_where_its_condition_holds() -> None:
    """And takes those that depend on it with it."""
    space = SearchSpace(
        [MOMENTUM, NESTEROV, OPTIMIZER],
        [Condition(name="nesterov", depends_on="optimizer", values=("sgd",)), MOMENTUM_OF_SGD],
    )

    assert {"optimizer": "adam"} == space.decode([0.3, 0.0, 0.0])
    assert {"momentum": "0.3", "nesterov": "yes", "optimizer": "sgd"} == space.decode([0.3, 0.0, 0.9])
    assert not space.contains({"optimizer": "adam", "momentum": "0.3", "nesterov": "yes"})


def test_a_condition_may_rest_on_another() -> None:
    """The child of what is not there is not there, whatever its parent's value would be."""
    depth = IntegerParameterRange(name="depth", min_value=1, max_value=3)
    width = IntegerParameterRange(name="width", min_value=1, max_value=2)
    space = SearchSpace(
        [width, depth, OPTIMIZER],
        [
            Condition(name="width", depends_on="depth", values=("1", "2")),
            Condition(name="depth", depends_on="optimizer", values=("sgd",)),
        ],
    )

    assert 1 + 1 + 2 * 2 == space.size
    assert ["optimizer"] == list(space.decode([0.0, 0.0, 0.0]))


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([Condition(name="optimizer", depends_on="momentum", values=("0.5",))], "cannot be listed"),
        ([MOMENTUM_OF_SGD, MOMENTUM_OF_SGD], "two conditions"),
        (
            [
                Condition(name="optimizer", depends_on="nesterov", values=("no",)),
                Condition(name="nesterov", depends_on="optimizer", values=("sgd",)),
            ],
            "circle",
        ),
    ],
)
def test_conditions_that_are_none_are_refused(conditions: list[Condition], problem: str) -> None:
    """Two for one hyperparameter, one on what cannot be listed, circles."""
    with pytest.raises(ValueError, match=problem):
        SearchSpace([MOMENTUM, NESTEROV, OPTIMIZER], conditions)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a < b", 28),
        ("a * b <= 8", 20),
        ("a % b == 0", 20),
        ("a == b or a // b >= 2", 8 + 16),
        ("not a < b and abs(a - 4) <= 1", 3 + 4 + 5),
        ("min(a, b) > 2 and max(a, b, 3) < 5", 4),
        ("log(a - 1) >= 0", 7 * 8),
        ("1 / (a - b) > 0", 28),
        ("1 / (a - b) != 2", 56),
        ("log(a - b) < 9", 28),
        ("2 ** a == 2 ** b", 8),
        ("0 < a < b < 4", 3),
        ("-a > -2", 8),
    ],
)
def test_constraints_are_reckoned_as_they_are_written(text: str, kept: int) -> None:
    """How many of the 64 pairs of integers from 1 to 8 keep each; what is no number keeps none."""
    ranges = [IntegerParameterRange(name=name, min_value=1, max_value=8) for name in "ab"]
    space = SearchSpace(ranges, constraints=[Constraint.parse(text)])

    assert kept == space.size
    pairs = [{"a": str(a), "b": str(b)} for a, b in itertools.product(range(1, 9), repeat=2)]
    assert kept == sum(space.allows(pair) for pair in pairs)


def test_constraints_tell_texts_apart_and_reckon_with_texts_that_are_numbers() -> None:
    """Grid has texts only, and batch sizes among them."""
    batch = CategoricalParameterRange(name="batch-size", values=("16", "64", "256"))
    text = "optimizer == 'adam' or `batch-size` <= 64"
    space = SearchSpace([OPTIMIZER, batch], constraints=[Constraint.parse(text)])

    assert 5 == space.size
    assert not space.allows({"optimizer": "sgd", "batch-size": "256"})


def test_a_constraint_on_what_is_not_there_is_kept() -> None:
    """It says something of the hyperparameters that a trial has."""
    space = SearchSpace([MOMENTUM, OPTIMIZER], [MOMENTUM_OF_SGD], [Constraint.parse("momentum > 2")])

    assert space.contains({"optimizer": "adam"})
    assert not space.contains({"optimizer": "sgd", "momentum": "0.5"})
    assert {"optimizer": "adam"} == space.sample(trial_generator(1, 1))


def test_what_is_left_of_a_narrow_space_is_found_by_counting() -> None:
    """One of 100,000 combinations, which drawing would hardly meet."""
    ranges = [
        IntegerParameterRange(name=name, min_value=1, max_value=100, scaling_type=ScalingType.LOGARITHMIC)
        for name in "ab"
    ]
    space = SearchSpace(ranges, constraints=[Constraint.parse("a + b == 200")])

    assert {"a": "100", "b": "100"} == RandomSearch().suggest(space, [], trial_generator(1, 1))


def test_a_space_with_nothing_in_it_is_told_by_its_constraints() -> None:
    """Drawing from it comes to an end."""
    space = SearchSpace([MOMENTUM], constraints=[Constraint.parse("momentum > 1"), Constraint.parse("momentum < 2")])

    with pytest.raises(InfeasibleSpace, match="momentum > 1; momentum < 2"):
        space.sample(trial_generator(1, 1))


def test_a_space_too_wide_to_be_counted_may_repeat_itself() -> None:
    """Rather than that a search ends though something is left."""
    wide = IntegerParameterRange(name="n", min_value=0, max_value=10**6)
    space = SearchSpace([wide, OPTIMIZER], [Condition(name="n", depends_on="optimizer", values=("sgd",))])
    history = [Trial(index=1, configuration={"optimizer": "adam"})]

    assert space.size is None
    assert RandomSearch().suggest(space, history, trial_generator(3, 2)) not in [None, {"optimizer": "adam"}]
