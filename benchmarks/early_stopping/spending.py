"""A search that has so many epochs to spend on a learning-curve table, in simulated time.

Runs are what is paid for: a configuration from one epoch to a later one. A searcher that goes on with a configuration
pays only for the further epochs, as if every image kept checkpoints; ours does not need that, some peers do. A
configuration has the curve of the nearest row that nobody else has. Everybody meets the same length of an epoch.
"""

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.early_stopping.replay import last_values
from benchmarks.early_stopping.tables import Table
from benchmarks.search.problem import trial_seconds

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a searcher wants run: a new configuration, or to go `on_with` an earlier run's; `until` which epoch."""

    configuration: Mapping[str, str]
    on_with: int | None = None
    until: int | None = None


class Searcher(Protocol):
    """Runs are numbered from 1 in the order of asking; values are as the table has them."""

    def ask(self, run: int) -> Asked:
        """What run number `run` is."""
        ...

    def report(self, run: int, epoch: int, value: float, now: float) -> bool:
        """A value has come; whether the run is stopped at it."""
        ...

    def ended(self, run: int, now: float, *, stopped: bool) -> None:
        """A run has come to its last epoch, or been stopped."""
        ...


@dataclass(kw_only=True)
class _Run:
    row: int
    epoch: int
    until: int
    last: float = math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """`left` (e,) is, after each epoch that was spent, the share of rows that end better than what looked best then.

    What looks best is the run with the best last value of those that have ended; 1 while there is none.
    """

    left: list[float]
    runs: int
    rows: int


def spend(table: Table, seed: int, searcher: Searcher, *, budget: int, parallel: int) -> Spent:
    """Spend `budget` whole trainings' worth of epochs, `parallel` runs at a time."""
    finals = last_values(table)
    sign = table.objective.type.sign
    ranks = [float(np.mean(sign * finals < sign * value)) if math.isfinite(value) else 1.0 for value in finals]
    runs: dict[int, _Run] = {}
    events: list[tuple[float, int]] = []
    place = _places(table)

    def begin(now: float) -> None:
        number = len(runs) + 1
        asked = searcher.ask(number)
        until = min(asked.until or table.epochs, table.epochs)
        if asked.on_with is None:
            runs[number] = _Run(row=place(asked.configuration), epoch=0, until=until)
        else:
            earlier = runs[asked.on_with]
            runs[number] = _Run(row=earlier.row, epoch=earlier.epoch, until=until, last=earlier.last)
        heapq.heappush(events, (now + seconds(number), number))

    def seconds(number: int) -> float:
        return trial_seconds(table.name, seed, number) / table.epochs

    for _ in range(parallel):
        begin(0.0)
    best, left = math.inf, []
    looks = 1.0
    while len(left) < budget * table.epochs:
        now, number = heapq.heappop(events)
        run = runs[number]
        value = float(table.curves[run.row, run.epoch])
        run.epoch += 1
        stopped = False
        if math.isfinite(value):
            run.last = value
            stopped = searcher.report(number, run.epoch, value, now) and run.epoch < run.until
        if stopped or run.epoch == run.until:
            searcher.ended(number, now, stopped=stopped)
            if sign * run.last < best:  # not so for one without a number
                best, looks = sign * run.last, ranks[run.row]
            begin(now)
        else:
            heapq.heappush(events, (now + seconds(number), number))
        left.append(looks)
    return Spent(left=left, runs=len(runs), rows=len({run.row for run in runs.values()}))


def _places(table: Table) -> Callable[[Mapping[str, str]], int]:
    """The row of a configuration: the nearest that none has had before."""
    taken: list[int] = []

    def place(configuration: Mapping[str, str]) -> int:
        distances = np.linalg.norm(table.points - table.space.encode(configuration), axis=1)
        distances[taken] = np.inf
        taken.append(int(distances.argmin()))
        return taken[-1]

    return place
