"""The goal: from trials to what is to be made small."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.jobs import ObjectiveStatus
from contracts.metrics import Objective, ObjectiveType
from contracts.search_extension import MetricConstraint
from tuner.search.goal import Goal, scalarised
from tuner.search.trials import Trial

GREAT, SMALL = ObjectiveType.MAXIMIZE, ObjectiveType.MINIMIZE
LATENCY = MetricConstraint(metric_name="latency", maximum=20.0)
metrics = st.floats(-1e300, 1e300)


def trial(objective: float | None, **others: float) -> Trial:
    """One that succeeded, or failed where there is no objective."""
    status = ObjectiveStatus.FAILED if objective is None else ObjectiveStatus.SUCCEEDED
    return Trial(index=1, configuration={}, status=status, objective=objective, metrics=others)


def values(goal: Goal, *trials: Trial, seed: int = 0) -> list[float]:
    """What the goal makes of the trials."""
    return [float(value) for value in goal.values(trials, np.random.default_rng(seed))]


def test_one_objective_is_made_small_and_a_failure_is_infinitely_bad() -> None:
    """A great objective is turned round."""
    assert [-0.9, math.inf] == values(Goal(objective_type=GREAT), trial(0.9), trial(None))
    assert [0.9, math.inf] == values(Goal(objective_type=SMALL), trial(0.9), trial(None))


def test_one_objective_draws_nothing() -> None:
    """So the trials of a job that has no second one stay what they were."""
    generator = np.random.default_rng(1)
    Goal(objective_type=GREAT, metric_constraints=(LATENCY,)).values([trial(0.5, latency=1.0)], generator)

    assert np.random.default_rng(1).random() == generator.random()


def test_a_trial_that_breaks_a_bound_has_the_value_that_it_has() -> None:
    """How good it would be is known; by how much it breaks the bound is another number."""
    goal = Goal(objective_type=GREAT, metric_constraints=(LATENCY,))
    trials = [trial(0.7, latency=20), trial(0.9, latency=40)]

    assert [-0.7, -0.9] == values(goal, *trials)
    assert [0.0, 1.0] == goal.violations(trials).tolist()


def test_a_trial_without_a_metric_that_has_bounds_counts_as_failed() -> None:
    """Nobody knows whether it keeps them."""
    goal = Goal(objective_type=GREAT, metric_constraints=(LATENCY,))

    assert [-0.7, math.inf] == values(goal, trial(0.7, latency=20), trial(0.9))


@given(st.lists(st.tuples(metrics, metrics), min_size=1, max_size=8, unique=True), st.floats(0.0, 1.0))
def test_the_best_of_two_joined_objectives_is_never_beaten_in_both(
    points: list[tuple[float, float]], weight: float
) -> None:
    """Whatever the weights and the scales."""
    first, second = np.array(points).T
    joined = scalarised(first, second, weight)
    best = int(np.argmin(joined))

    assert bool(np.isfinite(joined).all())
    assert not bool(((first < first[best]) & (second < second[best]) & (joined > joined[best])).any())


def test_weights_lead_to_different_points_of_a_front_that_is_bent_inwards() -> None:
    """Where a weighted sum would only ever find the two ends."""
    first, second = np.array([0.0, 0.6, 1.0]), np.array([1.0, 0.6, 0.0])

    assert [1, 0, 2] == [int(np.argmin(scalarised(first, second, weight))) for weight in (0.5, 0.99, 0.01)]


def test_a_trial_without_the_second_objective_counts_as_failed() -> None:
    """Nobody knows where it stands."""
    goal = Goal(objective_type=GREAT, second=Objective(type=SMALL, metric_name="size"))
    there, missing = values(goal, trial(0.5, size=3.0), trial(0.9))

    assert there < missing == math.inf


def test_the_direction_between_two_objectives_is_drawn() -> None:
    """Another generator looks elsewhere, the same one at the same place."""
    goal = Goal(objective_type=GREAT, second=Objective(type=SMALL, metric_name="size"))
    trials = [trial(0.5, size=1.0), trial(0.9, size=9.0), trial(0.7, size=4.0)]

    assert values(goal, *trials, seed=1) == values(goal, *trials, seed=1)
    assert values(goal, *trials, seed=1) != values(goal, *trials, seed=2)


def test_one_run_that_diverged_is_not_the_scale_of_both_objectives() -> None:
    """The others are still told apart."""
    first = np.array([1.0, 2.0, 3.0, 4.0, 1e300])
    joined = scalarised(first, first[::-1].copy() * 0 + 1.0, 0.7)

    assert pytest.approx([0.0, 0.245, 0.49, 0.735]) == joined[:4].tolist()
