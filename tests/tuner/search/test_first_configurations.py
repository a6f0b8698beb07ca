"""Configurations that are tried first, and spaces in which there is nothing."""

import pytest
from domain_strategies import bounded_spaces
from hypothesis import given
from hypothesis import strategies as st

from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange, IntegerParameterRange
from contracts.search_extension import Condition, Constraint
from tuner.errors import InfeasibleSpace
from tuner.search.feasibility import impossible
from tuner.search.first_configurations import FirstConfigurations, complete, completes
from tuner.search.random_search import RandomSearch
from tuner.search.space import SearchSpace
from tuner.search.strategy import Trial, trial_generator

X = ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0)
N = IntegerParameterRange(name="n", min_value=1, max_value=9)
KIND = CategoricalParameterRange(name="kind", values=("a", "b"))
SPACE = SearchSpace([X, N, KIND])


def suggested(first: FirstConfigurations, space: SearchSpace, count: int) -> list[dict[str, str]]:
    """The first `count` suggestions, each after those before it."""
    history: list[Trial] = []
    for index in range(1, count + 1):
        suggestion = first.suggest(space, history, trial_generator(4, index))
        assert suggestion is not None
        history.append(Trial(index=index, configuration=suggestion))
    return [dict(trial.configuration) for trial in history]


def test_given_configurations_come_first_and_in_order() -> None:
    """Then the strategy goes on as after any other trials."""
    given_ones = [{"x": "0.25", "n": "2", "kind": "b"}, {"x": "0.5", "n": "9", "kind": "a"}]
    found = suggested(FirstConfigurations(given_ones, RandomSearch()), SPACE, 3)

    assert given_ones == found[:2]
    assert RandomSearch().suggest(SPACE, [], trial_generator(4, 3)) == found[2]


def test_what_is_left_out_is_in_the_middle_of_its_range() -> None:
    """Given values are written as the space itself writes them."""
    (found,) = suggested(FirstConfigurations([{"x": "1e-1"}], RandomSearch()), SPACE, 1)

    assert {"x": "0.1", "n": "5", "kind": "b"} == found
    assert completes(SPACE, {"x": "1e-1"}, found)
    assert not completes(SPACE, {"x": "0.2"}, found)


def test_what_is_left_out_keeps_the_constraints() -> None:
    """Where the middle does not, it is drawn."""
    space = SearchSpace([X, N], constraints=[Constraint.parse("n < 3"), Constraint.parse("x * n < 0.5")])
    (found,) = suggested(FirstConfigurations([{"x": "0.2"}], RandomSearch()), space, 1)

    assert "0.2" == found["x"]
    assert space.contains(found)


def test_the_same_configuration_is_not_given_twice() -> None:
    """A second part that ends up the same is completed otherwise, or is the strategy's turn."""
    space = SearchSpace([N, KIND])
    found = suggested(FirstConfigurations([{"n": "5"}, {"n": "5"}, {"n": "5"}], RandomSearch()), space, 3)

    assert ["5", "5"] == [one["n"] for one in found[:2]]
    assert 3 == len({space.key(one) for one in found})


def test_what_depends_on_a_value_that_is_not_given_is_left_out() -> None:
    """A completed configuration is one of the space."""
    space = SearchSpace([X, KIND], [Condition(name="x", depends_on="kind", values=("a",))])

    assert {"kind": "b"} == complete(space, {"kind": "b"}, trial_generator(1, 1))
    assert {"x": "0.5", "kind": "a"} == complete(space, {"kind": "a"}, trial_generator(1, 1))


@given(bounded_spaces(), st.integers(0, 2**63 - 1))
def test_a_space_from_which_something_can_be_drawn_is_not_impossible(space: SearchSpace, seed: int) -> None:
    """Nor is any of its configurations as the first."""
    assert [] == list(impossible(space, [space.sample(trial_generator(seed, 1))]))


def test_the_constraint_that_leaves_nothing_is_named() -> None:
    """By its place in the file."""
    space = SearchSpace([X, N], constraints=[Constraint.parse("x < n"), Constraint.parse("x * n > 10")])
    ((path, text),) = impossible(space)

    assert ("Constraints", 1) == path
    assert "'x * n > 10'" in text


def test_constraints_that_leave_nothing_together_are_named_together() -> None:
    """Each of them alone leaves something."""
    space = SearchSpace([X, N], constraints=[Constraint.parse("x < 0.2"), Constraint.parse("x * n > 2")])
    ((path, text),) = impossible(space)

    assert ("Constraints",) == path
    assert "x < 0.2; x * n > 2" in text


def test_a_first_configuration_that_cannot_be_is_named() -> None:
    """No drawing of the rest makes up for it."""
    space = SearchSpace([X, N], constraints=[Constraint.parse("x * n > 4")])

    ((path, text),) = impossible(space, [{"x": "0.9"}, {"x": "0.2"}])
    assert ("FirstConfigurations", 1) == path
    assert "no configuration with x 0.2" in text
    with pytest.raises(InfeasibleSpace):
        complete(space, {"x": "0.2"}, trial_generator(1, 1))
