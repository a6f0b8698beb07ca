"""Why a trial was suggested, and what the predictions were worth."""

from dataclasses import replace

import pytest
from straight_surrogate import StraightSurrogate

from contracts.jobs import ObjectiveStatus
from contracts.metrics import Objective, ObjectiveType
from contracts.search_extension import MetricConstraint
from tuner.search.explanation import (
    Expectation,
    Explanation,
    Influence,
    Knowledge,
    Origin,
    explain,
    foresight,
    rank_correlation,
)
from tuner.search.goal import Goal
from tuner.search.trials import Trial

UP = Goal(objective_type=ObjectiveType.MAXIMIZE)
DOWN = Goal(objective_type=ObjectiveType.MINIMIZE)
BOUNDED = replace(UP, metric_constraints=(MetricConstraint(metric_name="latency", maximum=20.0),))


def trial(index: int, x: float = 0.0, value: float | None = None, *, failed: bool = False) -> Trial:
    """One that has ended with `value`, has failed, or is pending."""
    status = ObjectiveStatus.PENDING if value is None else ObjectiveStatus.SUCCEEDED
    return Trial(
        index=index,
        configuration={"x": str(x)},
        status=ObjectiveStatus.FAILED if failed else status,
        objective=value,
    )


def predicted(index: int, mean: float, value: float | None, *, typical: float = 0.0) -> Explanation:
    """Of a trial for which `mean` was predicted, give or take 1."""
    expectation = Expectation(mean=mean, low=mean - 1, high=mean + 1, improvement=0.1)
    return Explanation(
        trial=index,
        origin=Origin.MODEL,
        ended=index - 1,
        pending=(),
        best=0.0,
        typical=typical,
        expectation=expectation,
        influences=(),
        value=value,
    )


def test_an_explanation_tells_what_was_expected_and_known() -> None:
    """In the objective's own units: the prediction, its interval, the improvement; who was pending; what came of it."""
    known = Knowledge.of([trial(1, value=0.5), trial(2, value=0.75), trial(3)])
    surrogate = StraightSurrogate(start=0.5, slope=0.25, width=0.125, shares=[0.25, 0.75])
    told = explain(trial(4, x=1.0, value=0.8), known, UP, surrogate, origin=Origin.MODEL)

    assert (2, (3,), 0.75, 0.625, 0.8) == (told.ended, told.pending, told.best, told.typical, told.value)
    assert told.expectation is not None
    assert (0.75, 0.625, 0.875) == (told.expectation.mean, told.expectation.low, told.expectation.high)
    assert pytest.approx(0.25) == told.expectation.improvement


def test_the_trials_that_it_leaned_on_most_come_first() -> None:
    """Three of them, with their shares and values; one that failed has no value."""
    known = Knowledge.of([trial(1, value=1.0), trial(2, failed=True), trial(3, value=3.0), trial(4, value=4.0)])
    surrogate = StraightSurrogate(shares=[0.2, 0.3, 0.1, 0.4])
    told = explain(trial(5), known, DOWN, surrogate, origin=Origin.MODEL)

    assert (
        Influence(trial=4, share=0.4, value=4.0),
        Influence(trial=2, share=0.3, value=None),
        Influence(trial=1, share=0.2, value=1.0),
    ) == told.influences


def test_the_best_is_the_least_where_the_objective_is_made_small() -> None:
    """And no value of a trial that failed or is still running."""
    known = Knowledge.of([trial(1, value=3.0), trial(2, value=2.0), trial(3, value=1.0, failed=True), trial(4)])

    assert 2.0 == explain(trial(5), known, DOWN, None, origin=Origin.START).best
    assert 3.0 == explain(trial(5), known, UP, None, origin=Origin.START).best


def test_the_first_trial_has_nothing_to_go_by() -> None:
    """No best, no prediction, and nobody pending."""
    told = explain(trial(1), Knowledge.of([]), UP, None, origin=Origin.START)

    assert (0, (), None, None, None, None) == (
        told.ended,
        told.pending,
        told.best,
        told.typical,
        told.expectation,
        told.value,
    )


def test_foresight_compares_predictions_with_what_came() -> None:
    """Three of four in their intervals; the median error, and that of always saying what is typical."""
    seen = foresight(
        [
            predicted(4, 1.0, 1.5, typical=3.5),
            predicted(5, 2.0, 2.0, typical=3.0),
            predicted(6, 3.0, 2.5, typical=4.5),
            predicted(7, 4.0, 7.0, typical=3.0),
        ]
    )

    assert seen is not None
    assert (4, 0.75, 0.5, 2.0) == (seen.trials, seen.coverage, seen.error, seen.typical_error)
    assert 1.0 == seen.rank_correlation


def test_foresight_counts_only_what_was_predicted_and_has_come() -> None:
    """Neither a trial that is still running, nor one that was spread, says anything of the predictions."""
    spread = explain(trial(1, value=1.0), Knowledge.of([]), UP, None, origin=Origin.START)

    assert foresight([]) is None
    assert foresight([spread, predicted(5, 1.0, None)]) is None
    assert 1 == getattr(foresight([spread, predicted(5, 1.0, None), predicted(6, 1.0, 1.0)]), "trials", 0)


def test_a_trial_that_breaks_a_bound_is_not_the_best_but_was_predicted() -> None:
    """Its value was predicted like any other, and whether it would keep the bound besides."""
    slow = replace(trial(1, value=0.9), metrics={"latency": 30.0})
    fast = replace(trial(2, value=0.5), metrics={"latency": 10.0})
    told = explain(slow, Knowledge.of([slow, fast]), BOUNDED, StraightSurrogate(shares=[1, 0]), origin=Origin.MODEL)

    assert (0.5, True, 1.0) == (told.best, told.breaks_bounds, told.chance_of_keeping)
    assert 1 == getattr(foresight([told]), "trials", 0)


def test_nothing_is_gained_over_the_best_while_no_trial_keeps_the_bounds() -> None:
    """There is none; what is looked for is a trial that does."""
    slow = replace(trial(1, value=0.9), metrics={"latency": 30.0})
    told = explain(slow, Knowledge.of([slow]), BOUNDED, StraightSurrogate(shares=[1]), origin=Origin.MODEL)

    assert told.expectation is not None
    assert told.expectation.improvement is None


def test_of_two_objectives_no_value_is_predicted() -> None:
    """What the surrogate knows is both joined into one, which is in nobody's units."""
    goal = replace(UP, second=Objective(type=ObjectiveType.MINIMIZE, metric_name="size"))
    told = explain(
        trial(2), Knowledge.of([trial(1, value=0.9)]), goal, StraightSurrogate(shares=[1]), origin=Origin.MODEL
    )

    assert told.expectation is None
    assert [1] == [influence.trial for influence in told.influences]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param([1, 2, 3], [10, 100, 1000], 1.0, id="the same order"),
        pytest.param([1, 2, 3], [3, 2, 1], -1.0, id="the opposite order"),
        pytest.param([1, 2, 2, 3], [1, 2, 3, 4], 0.9486832980505138, id="equal values share their rank"),
        pytest.param([1, 2], [1, 2], None, id="too few"),
        pytest.param([1, 1, 1], [1, 2, 3], None, id="a constant"),
    ],
)
def test_rank_correlation(a: list[float], b: list[float], expected: float | None) -> None:
    """Spearman's, as scipy.stats.spearmanr has it."""
    assert pytest.approx(expected) == rank_correlation(a, b)
