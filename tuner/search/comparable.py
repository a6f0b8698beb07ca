"""What trials that were stopped would have come to, so that a search can compare them with those that were not. Pure.

The last value of a trial that was stopped after a few epochs is worse than what it would have come to: a search that
took it for the trial's value would keep away from whatever was stopped early. Nor is it worth as much as a value at the
end: early values order trials only roughly.

So it is moved by what others still gained: the median gain, from the same epoch to the end, of the trials that went on
beyond it. The order of trials that were stopped at the same epoch stays as it was. Trials are gone through from the
longest to the shortest, and those that went on and were stopped later count with their forecasts: what is known of the
first epochs is known from many trials, and what is known of the last ones from few. Where nobody went on, values stay.
A forecast is never better than the best value at the end: what was stopped is not to be the one to beat.

Values are measured as in `learning_curves`, by distances that are logarithmic far from the best. That the value is
moved rather than fitted, and how much doubt there is, was found on the tuning tables of benchmarks/early_stopping.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from contracts.metrics import ObjectiveType
from tuner.search.learning_curves import GREATEST_VALUE, distances
from tuner.search.trials import Forecast

#: The variance of a forecast, in units of the variance of all trials' values.
_DOUBT = 0.5

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What a trial has reported, in order, until it ended. `is_cut_short`: it was stopped, and would have gone on."""

    values: Sequence[float]
    is_cut_short: bool


def forecasts(runs: Mapping[_Name, Run], objective_type: ObjectiveType) -> dict[_Name, Forecast]:
    """Of each of `runs` that was cut short, what it would have come to.

    `runs` are all that have ended, by whatever names them; one that has reported nothing is left out.
    """
    sign = objective_type.sign
    curves = {
        name: [max(-GREATEST_VALUE, min(GREATEST_VALUE, sign * value)) for value in run.values]
        for name, run in runs.items()
        if run.values
    }
    cut_short = [name for name in curves if runs[name].is_cut_short]
    if not cut_short:
        return {}
    whole = [curve[-1] for name, curve in curves.items() if not runs[name].is_cut_short]
    best, unit = _scale(whole or [curve[-1] for curve in curves.values()])
    least = 0.0 if whole else -math.inf
    there = {name: distances(curve, best, unit) for name, curve in curves.items()}
    ends = {name: float(distance[-1]) for name, distance in there.items()}
    for epoch in sorted({len(curves[name]) for name in cut_short}, reverse=True):
        stopped = [name for name in cut_short if len(curves[name]) == epoch]
        went_on = [name for name, curve in curves.items() if len(curve) >= epoch and name not in stopped]
        if went_on:
            gain = median(float(there[name][epoch - 1]) - ends[name] for name in went_on)
            ends |= {name: max(ends[name] - gain, least) for name in stopped}
    return {name: Forecast(value=sign * (best + unit * math.sinh(ends[name])), doubt=_DOUBT) for name in cut_short}


def _scale(finals: Sequence[float]) -> tuple[float, float]:
    """The best of values to be made small, and how far behind it half of the others are; 1 where there are none."""
    best = min(finals)
    behind = [value - best for value in finals if value > best]
    return best, median(behind) if behind else 1.0
