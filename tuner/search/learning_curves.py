"""Early stopping by a forecast from the curves of earlier trials, with a stated rate of false stops. Pure.

A false stop is a trial that is stopped and would have ended better than all that had ended before it. What is held to
its rate is the share of these among the trials that would have become the best, not among all trials: most trials
never become the best, so a rule that stopped every trial would be wrong in a few per cent of all.

So the question is asked backwards: where would a trial be by now that is going to end at the best value so far? The
trials that have ended by themselves tell how far from its end a trial is at this epoch, those that ended well most of
all. A trial whose value is worse than that by more than chance allows is stopped.

Values are measured by their distance to the best final value, in units of the half-way distance of the other final
values, on a scale that is linear near the best and logarithmic away from it: a training that diverged to 1e30 is bad,
and not the scale of everything. The constants were chosen on the tuning tables of benchmarks/early_stopping, and say
what is believed before this job's own trials are seen. docs/early-stopping.md tells how well it does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from contracts.early_stopping import ForecastStopping
from contracts.metrics import Objective, ObjectiveType
from tuner.search.early_stopping import Curve

Array = NDArray[np.float64]

#: No trial is stopped before so many have ended by themselves: two curves tell nothing of how much curves differ.
LEAST_FINISHED = 3

#: A trial is looked at after each of its values, and values that follow each other say nearly the same: the looks at
#: one trial are worth about five independent ones, so a fifth of the rate is allowed to each.
_LOOKS = 5
#: A value is smoothed by taking the best of the last so many: one bad epoch is noise.
_SMOOTHED = 3
#: How fast the weight of an ended trial falls with the distance of its final value from the best.
_WEIGHT_SCALE = 1.0
#: What is believed of the spread between curves: at the start and at the end of training, and for each unit that
#: trials have still to go on average; and how many trials this belief counts for.
_SPREAD_AT_START, _SPREAD_AT_END, _SPREAD_PER_UNIT = 0.3, 0.1, 0.3
_FADING = 3
_BELIEF = 3.0
#: The degrees of freedom of Student's tail. Few, and not more with more trials: there are always slow starters and
#: schedules that drop late, whose curves cross all others.
_FREEDOM = 3.0
#: Far enough from anything that matters, and near enough for no square to overflow.
GREATEST_VALUE, _GREATEST_DISTANCE = 1e150, 1e30


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What a trial has reported, and when it came to its end by itself.

    `finished` is None for a trial that runs, was stopped or failed: where it would have ended is not known.
    """

    curve: Curve
    finished: float | None = None


def forecast_stops(
    courses: Mapping[int, Course], index: int, stopping: ForecastStopping, objective: Objective, epoch: int
) -> bool:
    """Whether trial `index` is stopped at its `epoch` (from 1): it is forecast not to become the best.

    `courses` are those of all trials by index. It is looked at what had been reported, and had ended, when the value
    came: the same reports give the same decision, whenever it is asked for.
    """
    if epoch < stopping.minimum_epochs:
        return False
    chance = chance_of_the_best(courses, index, objective, epoch)
    return chance is not None and chance < stopping.false_stop_rate / _LOOKS


def chance_of_the_best(courses: Mapping[int, Course], index: int, objective: Objective, epoch: int) -> float | None:
    """How likely a trial that is going to end at the best value so far is to look as bad as trial `index` does.

    At its `epoch` (from 1). None where nothing can be said: fewer than LEAST_FINISHED trials have ended by themselves
    after as many epochs or more, all ended alike, or this one is as old as trials usually get.
    """
    now = courses[index].curve[epoch - 1].time
    ended = [
        course.curve
        for at, course in courses.items()
        if at != index and course.curve and course.finished is not None and course.finished <= now
    ]
    compared = [curve for curve in ended if len(curve) >= epoch]
    if len(compared) < LEAST_FINISHED or epoch >= (usual := median(map(len, ended))):
        return None
    sign = -1.0 if objective.type is ObjectiveType.MAXIMIZE else 1.0
    ends = [_smoothed(curve, len(curve), sign, last=1) for curve in ended]
    best = min(ends)
    behind = [end - best for end in ends if end > best]
    if not behind:
        return None
    unit = median(behind)
    finals = distances([_smoothed(curve, len(curve), sign, last=1) for curve in compared], best, unit)
    there = distances([_smoothed(curve, epoch, sign) for curve in compared], best, unit)
    (here,) = distances([_smoothed(courses[index].curve, epoch, sign)], best, unit)
    return _tail(float(here), finals, there, epoch / usual)


def _tail(here: float, finals: Array, there: Array, progress: float) -> float:
    """The probability of a value at `here` or beyond for a trial that ends at the best, from the others' values.

    The mean and the spread of what trials have still to go, by weights, the spread together with what is believed of
    it; then Student's tail.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - a third of a second, for jobs that ask for a forecast

    weights = np.exp(-finals / _WEIGHT_SCALE)
    total = weights.sum()
    count = total**2 / (weights**2).sum()
    to_go = there - finals
    mean = weights @ to_go / total
    believed = _SPREAD_AT_START * (1 - progress) ** _FADING + _SPREAD_AT_END + _SPREAD_PER_UNIT * max(float(mean), 0.0)
    seen = weights @ (to_go - mean) ** 2 / total
    variance = (_BELIEF * believed**2 + count * seen) / (_BELIEF + count) * (1 + 1 / count)
    return float(stdtr(_FREEDOM, (mean - here) / math.sqrt(variance)))


def _smoothed(curve: Curve, epoch: int, sign: float, last: int = _SMOOTHED) -> float:
    """The best of the `last` values at `epoch`, to be made small; of fewer at the start, where curves are steep."""
    window = curve[max(0, epoch - min(last, 1 + epoch // 3)) : epoch]
    return max(-GREATEST_VALUE, min(GREATEST_VALUE, *(sign * report.value for report in window)))


def distances(values: Sequence[float], best: float, unit: float) -> Array:
    """How far `values` are behind the `best`, in units, on a scale that is linear near it and logarithmic far away."""
    with np.errstate(over="ignore"):  # a tiny unit: what is infinitely many of them away is far
        return np.arcsinh(np.clip((np.array(values) - best) / unit, -_GREATEST_DISTANCE, _GREATEST_DISTANCE))
