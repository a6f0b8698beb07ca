"""A tuning job over a learning-curve table, in simulated time: what a stopping rule saves, and what it costs.

Trial n of a table and seed has epochs of the same length whatever stops it, and its values are the table's. The slot of
a trial that is stopped is taken by the next at once, as it is in a real job.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.early_stopping.tables import Table
from benchmarks.search.problem import trial_noise, trial_seconds
from tuner.search.early_stopping import Report
from tuner.search.learning_curves import Course

Array = NDArray[np.float64]


class Stopper(Protocol):
    """What decides whether a trial goes on: a rule of ours, or another library."""

    def start(self, objective_type: str, epochs: int, seed: int) -> None:
        """A new tuning job."""
        ...

    def stops(self, courses: dict[int, Course], index: int, epoch: int) -> bool:
        """Whether trial `index` ends at its value number `epoch`, which has just come."""
        ...

    def finished(self, courses: dict[int, Course], index: int) -> None:
        """A trial has ended by itself."""
        ...


@dataclass(kw_only=True)
class Tried:
    """One trial of a replay: its row of the table, when it began, the epochs that it had, and how it ended."""

    row: int
    began: float
    epochs: int = 0
    ended: float = math.inf
    stopped: bool = False
    best_then: float = math.nan
    curve: list[Report] = field(default_factory=list)


#: The row of the table that the next trial takes, from (place in the order, trials so far with their last values).
Suggest = Callable[[int, Sequence[Tried]], int]


def replay(
    table: Table, seed: int, stopper: Stopper, *, trials: int, parallel: int, suggest: Suggest | None = None
) -> list[Tried]:
    """The trials of a job, by number."""
    order = trial_noise(table.name, seed, 0).permutation(len(table.curves))
    choose: Suggest = suggest or (lambda place, _: int(order[place]))
    stopper.start(str(table.type), table.epochs, seed)
    tried: list[Tried] = []
    courses: dict[int, Course] = {}
    events: list[tuple[float, int]] = []
    best = math.nan

    def begin(now: float) -> None:
        one = Tried(row=choose(len(tried), tried), began=now)
        tried.append(one)
        courses[len(tried)] = Course(curve=one.curve)
        heapq.heappush(events, (now + seconds(len(tried)), len(tried)))

    def seconds(index: int) -> float:
        return trial_seconds(table.name, seed, index) / table.epochs

    for _ in range(parallel):
        begin(0.0)
    while events:
        now, index = heapq.heappop(events)
        one = tried[index - 1]
        value = float(table.curves[one.row, one.epochs])
        one.epochs += 1
        if math.isfinite(value):
            one.curve.append(Report(now, value))
        if one.epochs == table.epochs:
            one.ended, one.best_then = now, best
            courses[index] = Course(curve=one.curve, finished=now)
            stopper.finished(courses, index)
            if one.curve and not table.objective.is_better(best, than=one.curve[-1].value):
                best = one.curve[-1].value
        elif math.isfinite(value) and stopper.stops(courses, index, len(one.curve)):
            one.ended, one.stopped, one.best_then = now, True, best
        else:
            heapq.heappush(events, (now + seconds(index), index))
            continue
        if len(tried) < trials:
            begin(now)
    return tried


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a replay came to.

    `epochs` is the share of the epochs of no stopping. `value` is the final value in the table of the trial that looked
    best, `rank` the share of the table's rows that end better. `records` are the trials after the first FREE that end,
    or would have ended, better than all trials of smaller number do or would have; `false_stops` those of them that
    were stopped. The same trials are records whatever the rule. `wall` is the simulated time.
    """

    epochs: float
    value: float
    rank: float
    records: int
    false_stops: int
    stopped: int
    wall: float


#: Of so many trials somebody has to be the best, and no rule knows anything yet.
FREE = 5


def result(table: Table, tried: Sequence[Tried]) -> Result:
    """What came of a replay of `table`."""
    finals = last_values(table)
    sign = -1.0 if table.type == "Maximize" else 1.0
    ends = {number: sign * one.curve[-1].value for number, one in enumerate(tried) if one.curve}
    best = tried[min(ends, key=lambda number: ends[number])].row
    value = finals[best]
    true = np.array([sign * finals[one.row] for one in tried])
    records = [one for number, one in enumerate(tried) if number >= FREE and true[number] < np.nanmin(true[:number])]
    return Result(
        epochs=sum(one.epochs for one in tried) / (len(tried) * table.epochs),
        value=float(value),
        rank=float(np.mean(sign * finals < sign * value)),
        records=len(records),
        false_stops=sum(one.stopped for one in records),
        stopped=sum(one.stopped for one in tried),
        wall=max(one.ended for one in tried),
    )


def last_values(table: Table) -> Array:
    """The last number that each row's training printed; NaN for none: (n,)."""
    return np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else np.nan for row in table.curves])
