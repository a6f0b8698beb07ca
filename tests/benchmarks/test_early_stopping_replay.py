"""The replay of tuning jobs over learning-curve tables, by a table of three rows."""

from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.early_stopping.replay import FREE, Tried, replay, result
from benchmarks.early_stopping.stoppers import OurRule
from benchmarks.early_stopping.tables import HELD_OUT, TUNING, Table
from benchmarks.search.problem import Split, real
from contracts.metrics import ObjectiveType
from tuner.search.learning_curves import Course


class Small(Table):
    """Rows that are given: row n ends at n, from ten times as much; every tenth prints no number half-way."""

    @cached_property
    def _made(self) -> dict[str, NDArray[np.float64]]:
        curves = np.arange(20)[:, None] + 10.0 * np.arange(20)[:, None] * np.arange(3, -1, -1)
        curves[::10, 1] = np.nan
        return {"points": np.linspace(0, 1, 20)[:, None], "curves": curves}


SMALL = Small(
    name="small",
    split=Split.TUNING,
    type=ObjectiveType.MINIMIZE,
    epochs=4,
    ranges=(real("x", 0, 1),),
    train=lambda *_: np.zeros(4),
)


def stopping_from(limit: float) -> OurRule:
    """Stops a trial whose value is greater than `limit`."""

    def stops(courses: dict[int, Course], index: int, epoch: int) -> bool:
        return courses[index].curve[epoch - 1].value > limit

    return OurRule(lambda *_: stops)  # type: ignore[arg-type] # a rule takes any mapping; this, a dictionary


def tried(limit: float = np.inf) -> list[Tried]:
    """The trials of a job of ten."""
    return replay(SMALL, 1, stopping_from(limit), trials=10, parallel=2)


def test_without_stopping_every_trial_has_all_epochs() -> None:
    """And the best row is found."""
    trials = tried()
    done = result(SMALL, trials)

    assert {4} == {one.epochs for one in trials}
    assert (1.0, 0) == (done.epochs, done.false_stops)
    assert min(one.row for one in trials) == done.value


def test_what_is_no_number_is_no_report() -> None:
    """The epoch takes its time all the same."""
    trials = replay(SMALL, 1, stopping_from(np.inf), trials=20, parallel=2)

    assert {(row, 3 if row % 10 == 0 else 4) for row in range(20)} == {(one.row, len(one.curve)) for one in trials}


def test_a_stopped_trial_leaves_its_slot_at_once() -> None:
    """So the job ends sooner; the same rows are tried in the same order."""
    assert [one.row for one in tried()] == [one.row for one in tried(50.0)]
    assert result(SMALL, tried(50.0)).wall < result(SMALL, tried()).wall


def test_a_false_stop_is_one_of_a_trial_that_ends_better_than_all_before() -> None:
    """After the first few; a rule that stops everything stops all of these."""
    rows = [one.row for one in tried()]
    records = sum(row < min(rows[:number]) for number, row in enumerate(rows) if number >= FREE)
    done = result(SMALL, replay(SMALL, 1, stopping_from(-1.0), trials=10, parallel=2))

    assert (records, records) == (done.records, done.false_stops)


@pytest.mark.parametrize("table", TUNING + HELD_OUT, ids=lambda table: table.name)
def test_the_two_sets_share_no_data_set_with_a_way_of_training(table: Table) -> None:
    """What settings were chosen by is not what is reported."""
    other = HELD_OUT if table.split is Split.TUNING else TUNING

    assert tuple(table.name.split("-")[:2]) not in {tuple(one.name.split("-")[:2]) for one in other}
