"""Which running trials are stopped, by tables of cases."""

import itertools
from collections import Counter

import numpy as np
import pytest

from contracts.metrics import Objective, ObjectiveType
from contracts.tuning import Hyperband
from tuner.search.early_stopping import Report, falls_behind_the_median, hyperband_stops, rungs

UP = Objective(type=ObjectiveType.MAXIMIZE, metric_name="m")
DOWN = Objective(type=ObjectiveType.MINIMIZE, metric_name="m")
BAND = Hyperband(least=1, most=9)


def curve(*values: float, start: float = 0.0) -> list[Report]:
    """Values reported at one second after the other."""
    return [Report(start + second, value) for second, value in enumerate(values)]


@pytest.mark.parametrize(
    ("objective", "value", "earlier", "stops"),
    [
        pytest.param(UP, 0.1, [], False, id="nobody before it"),
        pytest.param(UP, 0.1, [(0.5,)], False, id="nobody before it at this epoch"),
        pytest.param(UP, 0.2, [(0.1, 0.5)], True, id="below the average of the one before it"),
        pytest.param(UP, 0.3, [(0.1, 0.5)], False, id="at the average"),
        pytest.param(UP, 0.3, [(0.1, 0.5), (0.0, 0.0)], False, id="above the median of two"),
        pytest.param(UP, 0.3, [(0.4, 0.4), (0.4, 0.4), (0.0, 0.0)], True, id="below the median of three"),
        pytest.param(UP, 0.45, [(0.1, 0.5, 9.0)], False, id="later epochs do not count"),
        pytest.param(DOWN, 0.4, [(0.1, 0.5)], True, id="downwards, above"),
        pytest.param(DOWN, 0.2, [(0.1, 0.5)], False, id="downwards, below"),
    ],
)
def test_the_median_rule_compares_a_value_with_the_median_of_averages(
    objective: Objective, value: float, earlier: list[tuple[float, ...]], stops: bool
) -> None:
    """At the second epoch: its value there, against what the others averaged over both."""
    mine = curve(0.7, value, start=100)

    assert stops == falls_behind_the_median(mine, [curve(*one) for one in earlier], objective, 2)


def test_the_median_rule_knows_what_had_come_by_then() -> None:
    """So it decides the same whenever it is asked."""
    mine, late = curve(0.1, 0.1), curve(0.9, 0.9, start=50)

    assert not falls_behind_the_median(mine, [late], UP, 2)


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        (BAND, {(1, 3): 9, (3,): 5, (): 3}),
        (Hyperband(least=1, most=1), {(): 1}),
        (Hyperband(least=5, most=20), {(5, 15): 3, (15,): 2}),
    ],
)
def test_trials_are_spread_over_the_brackets(band: Hyperband, expected: dict[tuple[int, ...], int]) -> None:
    """As many in each as Hyperband gives it; the rungs of all are powers of three times the least."""
    total = sum(expected.values())

    assert expected == Counter(rungs(band, index) for index in range(1, total + 1))
    assert rungs(band, 1) == rungs(band, total + 1)


def stops(values: list[float], mine: float, epoch: int = 1) -> bool:
    """Whether the last of trials that all are in the first bracket is stopped at its first epoch."""
    curves = {index: curve(value) for index, value in enumerate(values, start=1)}
    index = len(values) + 1
    return hyperband_stops(curves | {index: curve(mine, start=10)}, index, BAND, UP, epoch)


@pytest.mark.parametrize(
    ("others", "mine", "expected"),
    [
        pytest.param([], 0.1, False, id="the first at a rung goes on"),
        pytest.param([0.9], 0.1, False, id="so does the second"),
        pytest.param([0.9, 0.8], 0.7, True, id="of three the best goes on"),
        pytest.param([0.9, 0.8], 0.95, False, id="and it is the best"),
        pytest.param([0.9, 0.8, 0.7], 0.85, False, id="of four two go on"),
        pytest.param([0.9, 0.8, 0.7, 0.6, 0.5], 0.75, True, id="the third of six"),
        pytest.param([0.9, 0.8, 0.7, 0.6, 0.5], 0.85, False, id="the second of six"),
        pytest.param([0.9, 0.9], 0.9, False, id="equals are not worse"),
    ],
)
def test_the_best_third_goes_on_at_a_rung(others: list[float], mine: float, expected: bool) -> None:
    """Of those that have reached it."""
    assert expected == stops(others, mine)


def test_a_trial_is_never_stopped_before_the_least_or_between_rungs() -> None:
    """Whatever it reports."""
    band = Hyperband(least=4, most=100)
    weak = {index: curve(*[1.0 / index] * 99, start=float(index)) for index in range(1, 10)}
    between = [epoch for epoch in range(1, 100) if epoch not in {4, 12, 36}]

    assert not any(hyperband_stops(weak, 9, band, UP, epoch) for epoch in between)


def test_a_trial_ends_with_all_of_the_resource() -> None:
    """Also the best."""
    assert hyperband_stops({1: curve(*[1.0] * 9)}, 1, BAND, UP, 9)


def test_other_brackets_do_not_count() -> None:
    """Nor does who comes to the rung later."""
    others = {index: curve(0.9) for index in (10, 11, 12)}
    late = {index: curve(0.9, start=100) for index in (2, 3, 4)}

    assert not hyperband_stops({1: curve(0.1, start=10), **others, **late}, 1, BAND, UP, 1)


def test_hyperband_spends_most_on_the_best() -> None:
    """Of 60 trials with known final values: the best is never lost, and a third of the epochs is saved."""
    generator = np.random.default_rng(3)
    quality = generator.random(60)
    curves: dict[int, list[Report]] = {}
    clock = itertools.count()
    for index in range(1, 61):
        curves[index] = []
        for epoch in range(1, 10):
            curves[index].append(Report(float(next(clock)), float(quality[index - 1] * (1 - 0.5**epoch))))
            if hyperband_stops(curves, index, BAND, UP, epoch):
                break
    epochs = sum(map(len, curves.values()))

    assert 9 == len(curves[int(np.argmax(quality)) + 1])
    assert epochs < 60 * 9 * 2 / 3
