"""Search files as values."""

import math

import pytest

from contracts.metrics import Objective, ObjectiveType
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from contracts.search_extension import (
    Condition,
    MetricConstraint,
    NumberBelief,
    SearchExtension,
    TextBelief,
    in_order,
    is_numeric,
    total_violation,
)


def test_a_file_is_read_member_by_member() -> None:
    """The names of the API's manner become Python's."""
    search = SearchExtension.from_extension(
        {
            "FirstConfigurations": [{"lr": "0.1"}],
            "Conditions": [{"Name": "momentum", "DependsOn": "optimizer", "Values": ["sgd"]}],
            "Constraints": ["low < high"],
            "MetricConstraints": [{"MetricName": "latency", "Maximum": 20}],
            "SecondObjective": {"MetricName": "size", "Type": "Minimize"},
            "PriorBelief": {"lr": {"Around": "0.01", "Spread": 0.1}, "optimizer": {"Weights": {"sgd": 3}}},
        }
    )

    assert ({"lr": "0.1"},) == search.first_configurations
    assert (Condition(name="momentum", depends_on="optimizer", values=("sgd",)),) == search.conditions
    assert ["low < high"] == [constraint.text for constraint in search.constraints]
    assert (MetricConstraint(metric_name="latency", maximum=20.0),) == search.metric_constraints
    assert Objective(type=ObjectiveType.MINIMIZE, metric_name="size") == search.second_objective
    assert NumberBelief(around="0.01", spread=0.1) == search.prior_belief["lr"]
    assert TextBelief(weights={"sgd": 3}) == search.prior_belief["optimizer"]


def test_without_a_file_nothing_is_said() -> None:
    """An empty mapping is an empty extension."""
    assert SearchExtension() == SearchExtension.from_extension({})


@pytest.mark.parametrize(
    ("value", "violation"),
    [(20.0, 0.0), (5.0, 0.0), (30.0, 0.5), (4.0, 0.2), (None, math.inf)],
)
def test_a_violation_is_measured_in_parts_of_the_bound(value: float | None, violation: float) -> None:
    """Both bounds are kept at the bound itself; what was never printed breaks them without end."""
    constraint = MetricConstraint(metric_name="latency", minimum=5.0, maximum=20.0)

    assert pytest.approx(violation) == constraint.violation(value)


def test_a_bound_of_nothing_is_measured_as_it_is() -> None:
    """There are no parts of 0."""
    assert 3.0 == MetricConstraint(metric_name="loss", maximum=0.0).violation(3.0)


def test_violations_of_several_metrics_add_up() -> None:
    """Only a trial that keeps all has none."""
    constraints = [
        MetricConstraint(metric_name="latency", maximum=20.0),
        MetricConstraint(metric_name="recall", minimum=0.5),
    ]

    assert pytest.approx(0.5 + 0.2) == total_violation(constraints, {"latency": 30.0, "recall": 0.4})
    assert 0 == total_violation(constraints, {"latency": 1.0, "recall": 1.0})
    assert 0 == total_violation([], {})


def test_bounds_are_told_in_words() -> None:
    """With the metric's name."""
    assert "latency at most 20" == str(MetricConstraint(metric_name="latency", maximum=20.0))
    assert "recall at least 0.5 and at most 1" == str(MetricConstraint(metric_name="recall", minimum=0.5, maximum=1))


def test_conditions_are_put_into_an_order_in_which_parents_come_first() -> None:
    """Whatever the order of the file."""
    chain = [
        Condition(name="c", depends_on="b", values=("1",)),
        Condition(name="a", depends_on="root", values=("1",)),
        Condition(name="b", depends_on="a", values=("1",)),
    ]

    assert ["a", "b", "c"] == in_order(chain)
    with pytest.raises(ValueError, match="circle"):
        in_order([*chain, Condition(name="root", depends_on="c", values=("1",))])


@pytest.mark.parametrize(("values", "numeric"), [(("1", "2e3"), True), (("1", "x"), False), (("nan",), False)])
def test_texts_that_are_all_numbers_can_be_reckoned_with(values: tuple[str, ...], numeric: bool) -> None:
    """One that is none is enough to make them texts."""
    assert numeric is is_numeric(CategoricalParameterRange(name="n", values=values))
    assert is_numeric(ContinuousParameterRange(name="x", min_value=0.0, max_value=1.0))
