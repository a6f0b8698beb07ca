"""From values to figures: regret, ranks, random-search equivalents, and intervals. Pure.

A run's value after n trials is the noiseless value of the trial with the best observed value so far: what a user would
take home. Regret is that value on a scale on which the best that anybody found is 0 and the median of random trials is
1, and nothing is worse than 1: otherwise a single diverged run would decide every mean.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Regrets that differ by less are the same: the same table cell, summed in another order.
_SAME = 1e-12


def values_taken_home(observed: Sequence[float | None], true: Sequence[float]) -> Array:
    """By number of trials: the true value of the trial that looked best; infinite while none has a value."""
    taken, best, value = [], np.inf, np.inf
    for seen, truth in zip(observed, true, strict=True):
        if seen is not None and seen < best:
            best, value = seen, truth
        taken.append(value)
    return np.array(taken)


@dataclass(frozen=True, kw_only=True)
class RandomPool:
    """Many random trials of one problem, from which random search with any number of trials is computed."""

    observed: Array
    true: Array

    @property
    def median(self) -> float:
        """The middle of the true values, failures left out: where many trials fail there is no other middle."""
        return float(np.median(self.true[np.isfinite(self.true)]))

    @property
    def best(self) -> float:
        """The least true value."""
        return float(self.true.min())

    def expected_regret(self, trials: float, best: float) -> float:
        """The mean regret of random search with so many trials (of any size, 12.5 too): exact for this pool.

        Of n draws from m, the one that looks k-th best of all is taken home with probability
        ((m - k + 1) / m)^n - ((m - k) / m)^n.
        """
        order = np.argsort(self.observed, kind="stable")
        size = len(order)
        left = (np.arange(size, -1, -1) / size) ** trials
        weights = left[:-1] - left[1:]
        return float(weights @ regret(self.true[order], best, self.median))

    @property
    def most_trials(self) -> float:
        """Beyond these the luck of the pool's own best decides."""
        return len(self.observed) / 4

    def equivalent_trials(self, mean_regret: float, best: float) -> float:
        """How many random trials have this mean regret; never more than `most_trials`, which then means "at least"."""
        low, high = 0.5, self.most_trials
        if mean_regret <= self.expected_regret(high, best):
            return high
        if mean_regret >= self.expected_regret(low, best):
            return low
        for _ in range(40):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if self.expected_regret(middle, best) > mean_regret else (low, middle)
        return low


def regret(values: Array, best: float, median: float) -> Array:
    """Values on the scale from the best to the middle, cut at both ends."""
    scaled = np.minimum((np.minimum(values, median) - best) / max(median - best, 1e-300), 1.0)
    return np.maximum(scaled, 0.0)


def ranks(rows: Array) -> Array:
    """The rank of every column in its row, from 1, ties shared: (runs, optimisers) -> the same."""
    below = (rows[:, None, :] < rows[:, :, None] - _SAME).sum(2)
    same = (np.abs(rows[:, None, :] - rows[:, :, None]) <= _SAME).sum(2)
    ranked: Array = below + (same + 1) / 2
    return ranked


Regrets = Mapping[str, Array]
"""By problem: (seeds, optimisers)."""


def bootstrap(
    regrets: Regrets,
    statistic: Callable[[Regrets], Array],
    draws: int = 1000,
    seed: int = 0,
) -> tuple[Array, Array, Array]:
    """A statistic by optimiser, and the ends of its 95 % interval over problems and, within each, seeds."""
    generator = np.random.default_rng(seed)
    names = list(regrets)
    drawn = []
    for _ in range(draws):
        sample = {}
        for place, index in enumerate(generator.integers(len(names), size=len(names))):
            rows = regrets[names[index]]
            chosen = rows[generator.integers(len(rows), size=len(rows))]
            sample[f"{names[index]} {place}"] = chosen
        drawn.append(statistic(sample))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return statistic(regrets), low, high


def mean_rank(regrets: Regrets) -> Array:
    """By optimiser; every problem counts the same, however many seeds it has."""
    by_problem: Array = np.mean([ranks(rows).mean(0) for rows in regrets.values()], axis=0)
    return by_problem


def mean_regret(regrets: Regrets) -> Array:
    """By optimiser; every problem counts the same."""
    by_problem: Array = np.mean([rows.mean(0) for rows in regrets.values()], axis=0)
    return by_problem


def random_equivalents(
    pools: Mapping[str, RandomPool], best: Mapping[str, float], trials: int
) -> Callable[[Regrets], Array]:
    """The statistic "random trials for the same mean regret, per trial": geometric mean over problems."""
    grids = {}
    for name, pool in pools.items():
        numbers = np.geomspace(0.5, pool.most_trials, 200)
        curve = np.array([pool.expected_regret(number, best[name]) for number in numbers])
        grids[name] = (np.log(numbers), np.minimum.accumulate(curve))

    def statistic(regrets: Regrets) -> Array:
        logarithms = []
        for key, rows in regrets.items():
            numbers, curve = grids[key.split(" ")[0]]
            logarithms.append(np.interp(-rows.mean(0), -curve, numbers) - np.log(trials))
        geometric: Array = np.exp(np.mean(logarithms, axis=0))
        return geometric

    return statistic
