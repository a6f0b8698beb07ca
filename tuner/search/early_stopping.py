"""Which running trials are not worth going on with, by the values that they and others have reported so far.

Both rules are functions of what was reported and when: at each value of a trial they look at what the others had
reported by then. So the same reports give the same decision, whenever and by whichever process it is asked for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from contracts.metrics import Objective
from contracts.tuning import Hyperband

#: Of the trials that reach a rung, one in so many goes on. Source: Li et al., "Hyperband", JMLR 18 (2018).
REDUCTION = 3


@dataclass(frozen=True, slots=True)
class Report:
    """A value of the objective that a trial has reported, and when; one value is one epoch."""

    time: float
    value: float


#: What a trial has reported, in order.
Curve = Sequence[Report]


def falls_behind_the_median(curve: Curve, earlier: Sequence[Curve], objective: Objective, epoch: int) -> bool:
    """The median rule, as SageMaker's early stopping has it, at `epoch` (from 1) of `curve`.

    A trial is stopped when its value at epoch r is worse than the median of the averages over epochs 1 to r of the
    trials before it, `earlier`, of those that had come so far. Source: developer guide, "Stop Training Jobs Early".
    """
    now = curve[epoch - 1]
    averages = [
        fmean(report.value for report in other[:epoch]) for other in earlier if _had_reached(other, epoch, now.time)
    ]
    return bool(averages) and objective.is_better(median(averages), than=now.value)


def rungs(band: Hyperband, index: int) -> tuple[int, ...]:
    """The epochs at which trial `index` (from 1) is compared with others, in order.

    Brackets differ in when they first compare. Trials are spread over them as Hyperband does: many in the bracket that
    stops soonest, few in the one that never stops.
    """
    highest = _highest_bracket(band)
    first = highest - _bracket(index, highest)
    epochs = (band.least * REDUCTION**step for step in range(first, highest + 1))
    return tuple(epoch for epoch in epochs if epoch < band.most)


def hyperband_stops(curves: Mapping[int, Curve], index: int, band: Hyperband, objective: Objective, epoch: int) -> bool:
    """Whether Hyperband ends trial `index` at its `epoch` (from 1): it has had all of the resource, or is weak.

    `curves` are those of all trials by index. A trial is weak at a rung when it is not among the best third
    of those of its bracket that had reached it; the first two to reach a rung go on. Asynchronous: no trial waits for
    others. Source: Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020), the variant that stops
    instead of pausing.
    """
    if epoch >= band.most:
        return True
    mine = rungs(band, index)
    if epoch not in mine:
        return False
    now = curves[index][epoch - 1]
    rivals = [
        other[epoch - 1].value
        for at, other in curves.items()
        if at != index and rungs(band, at) == mine and _had_reached(other, epoch, now.time)
    ]
    if len(rivals) + 1 < REDUCTION:
        return False
    better = sum(objective.is_better(rival, than=now.value) for rival in rivals)
    return better >= math.ceil((len(rivals) + 1) / REDUCTION)


def _had_reached(curve: Curve, epoch: int, time: float) -> bool:
    return len(curve) >= epoch and curve[epoch - 1].time <= time


def _highest_bracket(band: Hyperband) -> int:
    highest = 0
    while band.least * REDUCTION ** (highest + 1) <= band.most:
        highest += 1
    return highest


def _bracket(index: int, highest: int) -> int:
    """The bracket of trial `index`: `highest` compares soonest, 0 never."""
    sizes = {
        bracket: math.ceil((highest + 1) / (bracket + 1) * REDUCTION**bracket) for bracket in range(highest, -1, -1)
    }
    place = (index - 1) % sum(sizes.values())
    for bracket, size in sizes.items():
        if place < size:
            return bracket
        place -= size
    raise AssertionError("the sizes add up to more than any place")
