"""What trials that were stopped would have come to."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.metrics import ObjectiveType
from tuner.search.comparable import Run, forecasts

DOWN, UP = ObjectiveType.MINIMIZE, ObjectiveType.MAXIMIZE
VALUES = st.floats(allow_nan=False, allow_infinity=False)


def whole(*values: float) -> Run:
    """A trial that came to its end."""
    return Run(values=values, is_cut_short=False)


def stopped(*values: float) -> Run:
    """One that would have gone on."""
    return Run(values=values, is_cut_short=True)


def ends(runs: Sequence[Run], kind: ObjectiveType = DOWN) -> Mapping[int, float]:
    """The forecast values by place."""
    return {place: one.value for place, one in forecasts(dict(enumerate(runs)), kind).items()}


def test_trials_that_came_to_their_end_are_not_forecast() -> None:
    """Nor is one that was stopped before it printed a value."""
    assert {} == ends([whole(3, 2, 1), whole(5, 4), stopped()])


@pytest.mark.parametrize(("kind", "sign"), [(DOWN, 1), (UP, -1)])
def test_a_stopped_trial_gains_what_the_others_still_gained(kind: ObjectiveType, sign: int) -> None:
    """It lies where others lay at its epoch, so it is forecast to end where they ended."""
    runs = [whole(sign * 8, sign * 4, sign * 2), whole(sign * 6, sign * 2, sign), stopped(sign * 8)]

    assert sign * 2 == pytest.approx(ends(runs, kind)[2], abs=1.0)


def test_trials_that_went_on_and_were_stopped_later_tell_of_the_first_epochs() -> None:
    """So what a trial gains between two rungs is learned from more than those that came to their end."""
    without = ends([whole(3, 1), whole(9, 7), stopped(12)])[2]
    runs = [whole(3, 1), whole(9, 7), *[stopped(20, 8) for _ in range(9)], stopped(12)]

    assert ends(runs)[len(runs) - 1] < without


def test_where_nobody_went_on_values_stay() -> None:
    """All have been compared with all at the same epoch: nothing else is known."""
    assert ends([stopped(3.0), stopped(2.0)]) == pytest.approx({0: 3.0, 1: 2.0})


def test_a_stopped_trial_is_never_the_one_to_beat() -> None:
    """Its forecast is at most as good as the best that came to its end, however much the others gained."""
    assert 1.0 <= ends([whole(90, 1), whole(95, 2), stopped(3)])[2] == pytest.approx(1.0)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6), st.lists(VALUES, min_size=2, max_size=6))
def test_the_order_of_trials_stopped_at_the_same_epoch_stays(
    ended: list[tuple[float, float]], cut: list[float]
) -> None:
    """Whatever the values are, forecasts are numbers, and a worse value is not forecast to be better."""
    found = ends([*(whole(*one) for one in ended), *(stopped(value) for value in sorted(cut))])
    in_order = [found[place] for place in sorted(found)]

    assert all(math.isfinite(value) for value in in_order)
    assert sorted(in_order) == in_order


def test_a_forecast_is_doubted() -> None:
    """It is worth less than a value that was reported."""
    assert forecasts({"one": stopped(1.0), "other": whole(2.0, 1.0)}, DOWN)["one"].doubt > 0
