"""Whether a gain of more than 1 % is still likely in the trials to come. Pure.

The service says no more than that: `ConvergenceDetected` is when its detector finds such a gain unlikely. Here it is a
chance, which is below 5 %. How it is computed follows from how the trials to come are chosen:

- Drawn at random: trials are draws from one distribution. n more of them beat the best of m with a chance of
  n / (n + m), whatever the distribution is; and by 1 % with one that the tail of what was drawn tells, a generalised
  Pareto distribution whose shape and scale are averaged over what the best values leave possible. A tail cannot tell
  of a region that no trial has been in, so a part of the first chance is added to the second.
- Chosen by a surrogate: the greatest chance that it gives any configuration, times the number of trials to come. A
  surrogate cannot tell of what it has no idea of either: a smaller part of the first chance is added.

What says "converged" has to be wrong seldom: docs/adr/0028 has the rates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.search.completion import LEAST_GAIN
from tuner.search.space import Configuration, SearchSpace
from tuner.search.surrogate import Surrogate

FloatArray = NDArray[np.float64]

#: A gain is unlikely below this chance.
UNLIKELY = 0.05
#: Fewer trials than these say nothing, whatever their values are.
_FEWEST_DRAWS, _FEWEST_CHOSEN = 20, 10
#: A job is looked at as if at least so many trials were to come: that hardly any are left does not make a search ready.
_FEWEST_TO_COME = 10
#: A trial as recent as this that has gained 1 % is answer enough.
_RECENT = 5
#: Of the best values, the share and the least number that tell of the tail.
_TAIL_SHARE, _FEWEST_IN_TAIL = 0.2, 8
#: The shapes of a tail that are averaged over (0 is none of them: the formulas divide by it), and its scales in units
#: of the mean excess.
_SHAPES = np.linspace(-0.95, 0.45, 15)
_SCALES = np.geomspace(0.1, 30.0, 50)
#: So many factors, each between 1e-16 and 1e8, have a product that a computer has.
_FACTORS = 16
#: How much of what no draw has shown is feared: the part of n / (n + m) that is added to the tail's chance.
_UNSEEN = 0.2
#: The same for trials that a surrogate chooses, which spreads them where it knows little.
_UNIMAGINED = 0.09
#: A space with at most so many configurations is looked at whole.
_LOOK_AT_ALL = 1500
#: Configurations looked at everywhere, and in each round around each of the most promising.
_EVERYWHERE, _AROUND, _CENTERS, _ROUNDS = 1000, 50, 4, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """What a search has found: `values` to be made small, in order of ending, infinite for a trial that failed."""

    values: FloatArray
    configurations: Sequence[Mapping[str, str]]

    @property
    def has_just_gained(self) -> bool:
        """Whether one of the latest trials has beaten those before it by more than 1 %, or has the first value."""
        return bool(self.values[-_RECENT:].min(initial=np.inf) < gain_below(self.values[:-_RECENT]))


def gain_below(values: FloatArray) -> float:
    """What a value has to be below to gain more than 1 % over the best of `values`; infinite before the first."""
    best = float(values.min(initial=np.inf))
    return best - LEAST_GAIN * abs(best) if np.isfinite(best) else np.inf


def trials_to_come(ended: int, most: int | None, size: int | None) -> int:
    """How many trials a search may still have, when `ended` have and it may have `most`; of `size` configurations.

    Without either, as many again. At least ten, unless the configurations run out.
    """
    if size is not None:
        return max(min(size - ended, size if most is None else max(most - ended, _FEWEST_TO_COME)), 0)
    return max(ended if most is None else most - ended, _FEWEST_TO_COME)


def chance_by_draws(outcomes: Outcomes, enough: float, to_come: int) -> float:
    """The chance that one of `to_come` draws is below `enough`, when `outcomes` are draws of the same kind.

    `enough` may be a gain over other draws, which were better. 1 where there are too few to tell.
    """
    count = len(outcomes.values)
    finite = np.sort(outcomes.values[np.isfinite(outcomes.values)])
    record = to_come / (to_come + count) if count else 1.0
    if count < _FEWEST_DRAWS or len(finite) <= _FEWEST_IN_TAIL:
        return 1.0
    in_tail = min(max(_FEWEST_IN_TAIL, int(_TAIL_SHARE * count)), len(finite) - 1)
    threshold = float(finite[in_tail])
    excesses = threshold - finite[:in_tail]
    if not excesses.mean() > 0:
        return record
    chances = in_tail / count * _tail_beyond(excesses, threshold - enough)
    weights = _weights(excesses)
    tail = float((weights * -np.expm1(to_come * np.log1p(-chances))).sum())
    return min(record, tail + _UNSEEN * record)


def chance_by_surrogate(
    surrogate: Surrogate,
    space: SearchSpace,
    outcomes: Outcomes,
    enough: float,
    to_come: int,
    *,
    sign: float,
    generator: np.random.Generator,
) -> float:
    """A bound of the chance that one of `to_come` trials, wherever they are, is below `enough`.

    `sign` is what an objective is multiplied by to be made small. Where all configurations can be looked at, only those
    that no trial of `outcomes` has been at can come.
    """

    def chances(configurations: Sequence[Configuration]) -> FloatArray:
        found = np.array(surrogate.chance_beyond(configurations, sign * enough))
        found[np.isnan(found)] = 1.0  # what is no number counts as certain: it must end nothing
        return found

    if space.size is not None and space.size <= _LOOK_AT_ALL:
        tried = space.keys(outcomes.configurations)
        left = [one for one in space.configurations() if space.key(one) not in tried]
        greatest = np.sort(chances(left))[::-1][:to_come] if left else np.zeros(0)
        return min(1.0, float(greatest.sum()))
    best_first = np.argsort(outcomes.values, kind="stable")[:_CENTERS]
    centers = [space.encode(outcomes.configurations[place]) for place in best_first]
    return min(1.0, to_come * _greatest(space, chances, centers, generator))


def chance_of_the_unimagined(ended: int, to_come: int) -> float:
    """What is to be added to the chance that a surrogate sees, for what it has no idea of: a gain no trial hints at."""
    return _UNIMAGINED * to_come / (to_come + ended) if to_come else 0.0


def has_too_few_to_choose(outcomes: Outcomes) -> bool:
    """Whether there are too few values for a surrogate's word to end a search."""
    return int(np.isfinite(outcomes.values).sum()) < _FEWEST_CHOSEN


def _greatest(
    space: SearchSpace,
    chances: Callable[[Sequence[Configuration]], FloatArray],
    centers: Sequence[FloatArray],
    generator: np.random.Generator,
) -> float:
    """The greatest chance that is found in the space, closer and closer around where it is great."""
    points = space.draw(_EVERYWHERE, generator)
    found = chances([space.decode(point) for point in points])
    for round_ in range(_ROUNDS):
        top = list(points[np.argsort(-found, kind="stable")[:_CENTERS]])
        around = np.vstack([_near(center, generator) for center in [*top, *(centers if round_ == 0 else ())]])
        around = around[space.allowed(around)]
        points = np.vstack([points, around])
        found = np.concatenate([found, chances([space.decode(point) for point in around])])
    return float(found.max())


def _near(center: FloatArray, generator: np.random.Generator) -> FloatArray:
    shape = (_AROUND, len(center))
    moved = generator.random(shape) < max(0.4, 2 / len(center))
    steps = 10.0 ** generator.uniform(-2.5, -0.5, size=(_AROUND, 1)) * generator.standard_normal(shape)
    return np.clip(center + np.where(moved, steps, 0.0), 0.0, 1.0)


def _weights(excesses: FloatArray) -> FloatArray:
    """How believable each shape and scale is: (shapes, scales), of sum 1. Beforehand all are alike."""
    shape, scales = _SHAPES[:, None], _SCALES[None, :] * excesses.mean()
    ratios = shape / scales
    possible = 1 + ratios * excesses.max() > 0
    logarithms = np.full(ratios.shape, -np.inf)
    logarithms[possible] = _summed_logarithms(ratios[possible], excesses)
    with np.errstate(invalid="ignore"):
        likelihood = -(1 / shape + 1) * logarithms - len(excesses) * np.log(scales)
    likelihood[~possible] = -np.inf
    likely = np.exp(likelihood - likelihood.max())
    weights: FloatArray = likely / likely.sum()
    return weights


def _summed_logarithms(ratios: FloatArray, excesses: FloatArray) -> FloatArray:
    """The sum of log(1 + ratio * excess) over all excesses, by ratio: (r,).

    A product of a few factors has one logarithm: a tail of thousands is weighed after each trial.
    """
    padded = np.zeros(-(-len(excesses) // _FACTORS) * _FACTORS)
    padded[: len(excesses)] = excesses
    products = np.ones((len(ratios), len(padded) // _FACTORS))
    for part in padded.reshape(_FACTORS, -1):
        products *= 1 + ratios[:, None] * part
    summed: FloatArray = np.log(products).sum(-1)
    return summed


def _tail_beyond(excesses: FloatArray, excess: float) -> FloatArray:
    """The chance of a draw from the tail to exceed its threshold by `excess`: (shapes, scales)."""
    shape, scales = _SHAPES[:, None], _SCALES[None, :] * excesses.mean()
    inside = np.maximum(1 + shape * excess / scales, 0.0)
    beyond: FloatArray = np.exp(-np.log(inside, where=inside > 0, out=np.full(inside.shape, -np.inf)) / shape)
    return np.where(inside > 0, beyond, 0.0)
