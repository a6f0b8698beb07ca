"""When a tuning job is complete before its limits, by tables of cases."""

import pytest

from contracts.metrics import Objective, ObjectiveType
from contracts.tuning import CompletionCriteria
from tuner.search.completion import is_complete

UP = Objective(type=ObjectiveType.MAXIMIZE, metric_name="m")
DOWN = Objective(type=ObjectiveType.MINIMIZE, metric_name="m")


@pytest.mark.parametrize(
    ("objective", "values", "complete"),
    [
        (UP, [], False),
        (UP, [0.8], False),
        (UP, [0.8, None, 0.9], True),
        (UP, [0.95, 0.1], True),
        (DOWN, [0.91], False),
        (DOWN, [0.9], True),
        (DOWN, [2.0, 0.2], True),
        (DOWN, [None], False),
    ],
)
def test_a_target_is_reached_by_any_trial(objective: Objective, values: list[float | None], complete: bool) -> None:
    """At the target or beyond it."""
    assert complete == (is_complete(CompletionCriteria(target=0.9), values, objective) is not None)


@pytest.mark.parametrize(
    ("objective", "values", "complete"),
    [
        pytest.param(UP, [], False, id="nothing yet"),
        pytest.param(UP, [1.0, 0.9, 0.8], False, id="two that did not improve"),
        pytest.param(UP, [1.0, 0.9, 0.8, 1.0], True, id="as good as the best is no improvement"),
        pytest.param(UP, [1.0, 0.9, 1.02, 0.9, 0.9], False, id="an improvement in between"),
        pytest.param(UP, [1.0, 1.005, 1.009, 1.01], True, id="gains of less than one percent"),
        pytest.param(UP, [1.0, None, None, None], True, id="trials without a value improve nothing"),
        pytest.param(UP, [None, None, None], True, id="none has ever had a value"),
        pytest.param(UP, [1.0, 0.9, 0.9, 0.9, 2.0], True, id="it stays complete"),
        pytest.param(DOWN, [1.0, 0.995, 1.2, 0.991], True, id="downwards"),
        pytest.param(DOWN, [1.0, 0.98, 1.2, 1.2], False, id="downwards, improved"),
        pytest.param(UP, [-1.0, -0.995, -1.2, -0.992], True, id="one percent of a negative value"),
        pytest.param(UP, [-1.0, -0.5, -0.6, -0.6], False, id="a negative value improved"),
        pytest.param(UP, [0.0, 0.0, 0.0, 0.0], True, id="nothing but zero"),
    ],
)
def test_so_many_trials_in_a_row_may_fail_to_improve(
    objective: Objective, values: list[float | None], complete: bool
) -> None:
    """A gain of less than one percent of the best is none."""
    criteria = CompletionCriteria(most_not_improving=3)

    assert complete == (is_complete(criteria, values, objective) is not None)


def test_without_criteria_no_job_is_complete() -> None:
    """Only limits end it."""
    assert is_complete(CompletionCriteria(), [1.0] * 100, UP) is None
