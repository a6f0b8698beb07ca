"""Early stopping by a forecast: which trials are stopped, and how often one that would have been the best."""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from contracts.early_stopping import ForecastStopping
from contracts.metrics import Objective, ObjectiveType
from tuner.search.early_stopping import Report
from tuner.search.learning_curves import LEAST_FINISHED, Course, chance_of_the_best, forecast_stops

UP = Objective(type=ObjectiveType.MAXIMIZE, metric_name="m")
DOWN = Objective(type=ObjectiveType.MINIMIZE, metric_name="m")

Values = Sequence[float] | NDArray[np.float64]
EPOCHS = 20
ASKED = ForecastStopping()


def course(values: Values, start: float = 0.0, *, ended: bool = True) -> Course:
    """A value a second; `ended` by itself a second after the last."""
    curve = [Report(start + second, float(value)) for second, value in enumerate(values)]
    return Course(curve=curve, finished=start + len(values) if ended else None)


def loss(final: float, epochs: int = EPOCHS) -> NDArray[np.float64]:
    """A curve that comes down to `final`."""
    return np.asarray(final + np.exp(-np.arange(epochs) / 3.0), dtype=float)


def earlier(*finals: float) -> dict[int, Course]:
    """Trials that have ended, each at one of `finals`."""
    return {index: course(loss(final)) for index, final in enumerate(finals, start=1)}


FOUR = earlier(0.1, 0.3, 0.5, 0.9)


def stops_at(values: Values, others: dict[int, Course] | None = None, objective: Objective = DOWN) -> int:
    """The epoch at which a later trial is stopped; 0 for never."""
    others = FOUR if others is None else others
    courses = others | {99: course(values, start=1000.0, ended=False)}
    found = (epoch for epoch in range(1, len(values) + 1) if forecast_stops(courses, 99, ASKED, objective, epoch))
    return next(found, 0)


def test_a_hopeless_trial_is_stopped_soon() -> None:
    """It is far above where any of the good ones were."""
    assert 0 < stops_at(loss(9.0)) < EPOCHS / 2


def test_a_trial_that_would_be_the_best_goes_on() -> None:
    """Also where it is as good as the best."""
    assert 0 == stops_at(loss(0.05)) == stops_at(loss(0.1))


def test_up_and_down_are_the_same() -> None:
    """The mirror image of every curve gives the same decisions."""
    mirrored = {index: replace(one, curve=[Report(r.time, -r.value) for r in one.curve]) for index, one in FOUR.items()}

    assert stops_at(loss(2.0)) == stops_at(-loss(2.0), mirrored, UP)


@pytest.mark.parametrize("scale", [1e-250, 1e-9, 1e9, 1e120])
def test_the_unit_of_the_objective_does_not_matter(scale: float) -> None:
    """Nor does an offset."""
    others = {index: course(scale * loss(final)) for index, final in enumerate((0.1, 0.3, 0.5, 0.9), start=1)}

    assert stops_at(loss(2.0)) == stops_at(scale * loss(2.0), others)


def test_nobody_is_stopped_before_enough_have_ended() -> None:
    """Trials that run, failed or were stopped have no final value to learn from."""
    few = dict(list(FOUR.items())[: LEAST_FINISHED - 1])
    unfinished = {index: course(loss(0.2), ended=False) for index in range(10, 20)}

    assert 0 == stops_at(loss(9.0), few | unfinished)


def test_what_came_later_does_not_count() -> None:
    """So the same is decided by whoever looks later."""
    later = {index: course(loss(0.1 * index), start=5000.0) for index in range(1, 6)}

    assert 0 == stops_at(loss(9.0), later)


def test_nobody_is_stopped_before_the_minimum_of_epochs() -> None:
    """However bad it is."""
    courses = FOUR | {99: course(loss(99.0), start=1000.0, ended=False)}
    patient = ForecastStopping(minimum_epochs=15)
    stopped = [epoch for epoch in range(1, EPOCHS + 1) if forecast_stops(courses, 99, patient, DOWN, epoch)]

    assert 15 == min(stopped)


def test_a_trial_that_is_older_than_usual_is_left_alone() -> None:
    """There is nothing left to forecast."""
    courses = FOUR | {99: course(loss(99.0, epochs=2 * EPOCHS), start=1000.0, ended=False)}

    assert all(chance_of_the_best(courses, 99, DOWN, epoch) is None for epoch in range(EPOCHS, 2 * EPOCHS + 1))


def test_trials_that_all_end_alike_tell_nothing() -> None:
    """There is no unit to measure a distance in."""
    assert 0 == stops_at(loss(9.0), earlier(0.5, 0.5, 0.5, 0.5))


def test_one_bad_epoch_stops_nobody() -> None:
    """A spike is noise."""
    values = loss(0.05)
    values[10] = 5.0

    assert 0 == stops_at(values)


def test_a_trial_that_diverged_is_bad_and_not_the_scale_of_everything() -> None:
    """The others are told apart as they are without it."""
    exploded = course([2.0, 1e10, 1e200, 1e308, 1e308] + [1e308] * (EPOCHS - 5))

    assert 0 < stops_at(loss(9.0), FOUR | {5: exploded})
    assert 0 == stops_at(loss(0.05), FOUR | {5: exploded})
    assert 0 < stops_at([2.0, *[1e308] * (EPOCHS - 1)])


def test_curves_of_different_lengths_are_compared_where_both_are() -> None:
    """A training that printed no number for a while has fewer values; it is no reason to fail."""
    uneven = {index: course(loss(0.1 * index, epochs=EPOCHS - 3 * index)) for index in range(1, 6)}

    assert 0 < stops_at(loss(9.0), uneven)


def test_several_hosts_that_print_the_same_change_nothing_but_the_count() -> None:
    """Each epoch is there twice, in every trial."""
    twice = {index: course(np.repeat(loss(final), 2)) for index, final in enumerate((0.1, 0.3, 0.5, 0.9), start=1)}

    assert 0 < stops_at(np.repeat(loss(9.0), 2), twice)
    assert 0 == stops_at(np.repeat(loss(0.05), 2), twice)


@pytest.mark.parametrize("value", [0.0, 1e-320, 1e308, -1e308])
def test_extreme_values_give_a_chance_or_none(value: float) -> None:
    """Never an error, and never a number that is none."""
    others = FOUR | {5: course([value] * EPOCHS)}
    courses = others | {99: course([value] * EPOCHS, start=1000.0, ended=False)}
    chances = [chance_of_the_best(courses, 99, DOWN, epoch) for epoch in range(1, EPOCHS)]

    assert all(chance is None or 0 <= chance <= 1 for chance in chances)


Family = Callable[[np.random.Generator], NDArray[np.float64]]


def power_laws(generator: np.random.Generator) -> NDArray[np.float64]:
    """A loss that falls by a power law to its own level, with noise in every epoch."""
    level, height, power = generator.gamma(2.0, 0.2), generator.lognormal(0, 0.5), generator.uniform(0.5, 1.5)
    falling = level + height * np.arange(1, EPOCHS + 1) ** -power
    return np.asarray(falling + 0.02 * generator.standard_normal(EPOCHS), dtype=float)


def saturating(generator: np.random.Generator) -> NDArray[np.float64]:
    """An error that falls exponentially, fast or slow: curves cross, since the slow ones may end well."""
    level, speed = generator.beta(2, 5), generator.lognormal(-1.0, 0.5)
    falling = level + (1 - level) * np.exp(-speed * np.arange(1, EPOCHS + 1))
    return np.asarray(falling + 0.01 * generator.standard_normal(EPOCHS), dtype=float)


def diverging(generator: np.random.Generator) -> NDArray[np.float64]:
    """Power laws of which a third explode at some epoch."""
    values = power_laws(generator)
    if generator.random() < 1 / 3:
        values[generator.integers(1, EPOCHS) :] = 10.0 ** generator.uniform(1, 300)
    return values


def false_stops(family: Family, jobs: int, rate: float) -> tuple[int, int, float]:
    """Of the trials that would have beaten all that had ended, how many were stopped; and the share of the epochs.

    Each job has 30 trials, three at a time, with epochs of different length.
    """
    stopping = ForecastStopping(false_stop_rate=rate)
    lost = records = epochs = 0
    for job in range(jobs):
        generator = np.random.default_rng([job, 7])
        values = [family(generator) for _ in range(30)]
        seconds = generator.lognormal(0, 0.3, 30)
        courses = {index: Course(curve=[]) for index in range(3)}
        events = [(seconds[index], index) for index in courses]
        best = [math.inf]
        while events:
            now, index = heapq.heappop(events)
            curve = [*courses[index].curve, Report(now, float(values[index][len(courses[index].curve)]))]
            is_last = len(curve) == EPOCHS
            courses[index] = Course(curve=curve, finished=now if is_last else None)
            epochs += 1
            stops = not is_last and forecast_stops(courses, index, stopping, DOWN, len(curve))
            if not stops and not is_last:
                heapq.heappush(events, (now + seconds[index], index))
                continue
            if len(best) > LEAST_FINISHED and values[index][-1] < min(best):
                records, lost = records + 1, lost + stops
            if is_last:
                best.append(values[index][-1])
            if len(courses) < len(values):
                heapq.heappush(events, (now + seconds[len(courses)], len(courses)))
                courses[len(courses)] = Course(curve=[])
    return lost, records, epochs / (jobs * 30 * EPOCHS)


@pytest.mark.parametrize("family", [power_laws, saturating, diverging])
def test_of_those_that_would_be_the_best_no_more_are_stopped_than_was_said(family: Family) -> None:
    """On simulated curves: what is seen would be no surprise if the stated rate were the true one; and it saves."""
    lost, records, share = false_stops(family, jobs=20, rate=0.05)

    assert records > 30
    assert lost <= binom.ppf(0.99, records, 0.05)
    assert share < 0.8
