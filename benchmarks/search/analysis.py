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
        return float(self.expected_regrets([trials], best)[0])

    def expected_regrets(self, trials: Sequence[float] | Array, best: float) -> Array:
        """The same for several numbers of trials."""
        order = np.argsort(self.observed, kind="stable")
        by_looks = regret(self.true[order], best, self.median)
        share = np.arange(len(order), -1, -1) / len(order)
        curve = []
        for number in trials:
            left = share**number
            curve.append(float((left[:-1] - left[1:]) @ by_looks))
        return np.array(curve)

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
"""By problem: (seeds, optimisers), NaN where an optimiser has not run a seed."""

Weights = Mapping[str, Array]
"""By problem, how much each seed counts: (seeds,)."""

Interval = tuple[Array, Array, Array]
"""A statistic by optimiser, and the low and the high end of its 95 % interval."""

Statistic = Callable[[Regrets, Weights], Array]


def equally(regrets: Regrets) -> Weights:
    """Every seed counts the same."""
    return {name: np.ones(len(rows)) for name, rows in regrets.items()}


def bootstrap(regrets: Regrets, statistic: Statistic, draws: int = 1000, seed: int = 0) -> Interval:
    """A statistic by optimiser, and the ends of its 95 % interval over problems and, within each, seeds.

    Problems are drawn with replacement; seeds are weighted by exponential draws (the Bayesian bootstrap: Rubin, Annals
    of Statistics 9, 1981). So no draw is without the one seed that two optimisers may have in common.
    """
    generator = np.random.default_rng(seed)
    names = list(regrets)
    drawn = []
    for _ in range(draws):
        sample, weights = {}, {}
        for place, index in enumerate(generator.integers(len(names), size=len(names))):
            key = f"{names[index]} {place}"
            sample[key] = regrets[names[index]]
            weights[key] = generator.exponential(size=len(sample[key]))
        drawn.append(statistic(sample, weights))
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    return statistic(regrets, equally(regrets)), low, high


def losses(rows: Array, weights: Array) -> Array:
    """How often the second optimiser is better than the first, a tie being half: (seeds, n), (seeds,) -> (n, n).

    Of the seeds that both have run; NaN where there is none.
    """
    apart = rows[:, :, None] - rows[:, None, :]
    won = (apart > _SAME) + 0.5 * (np.abs(apart) <= _SAME)
    there = (~np.isnan(rows)).astype(float)
    both = (there * weights[:, None]).T @ there
    return _quotient(np.tensordot(weights, won, axes=1), both)


def mean_rank(regrets: Regrets, weights: Weights) -> Array:
    """By optimiser: 1 and how many of the others are better, on average; every problem counts the same.

    It is the mean of `ranks` where every optimiser has run every seed. Where not, each two are compared on the seeds
    that both have run, so that nobody is ahead for having met the easier seeds.
    """
    share = _mean_of_known([losses(rows, weights[key]) for key, rows in regrets.items()])
    rank: Array = 0.5 + share.sum(1)  # an optimiser ties with itself, which the half makes good
    return rank


def mean_regret(regrets: Regrets, weights: Weights) -> Array:
    """By optimiser, of the seeds that it has run; every problem counts the same."""
    by_problem: Array = np.mean([mean_of_seeds(rows, weights[key]) for key, rows in regrets.items()], axis=0)
    return by_problem


def mean_of_seeds(rows: Array, weights: Array) -> Array:
    """By optimiser, of the seeds that it has run: (seeds, ...), (seeds,) -> (...); NaN where it has run none."""
    known = ~np.isnan(rows)
    return _quotient(
        np.tensordot(weights, np.where(known, rows, 0.0), axes=1), np.tensordot(weights, known.astype(float), axes=1)
    )


def behind(place: int) -> Statistic:
    """The statistic "mean ranks behind the optimiser at `place`"."""

    def statistic(regrets: Regrets, weights: Weights) -> Array:
        rank = mean_rank(regrets, weights)
        difference: Array = rank - rank[place]
        return difference

    return statistic


def share_of_wins(place: int) -> Statistic:
    """The statistic "how often the optimiser at `place` is better", a tie being half, on what both have run."""

    def statistic(regrets: Regrets, weights: Weights) -> Array:
        return _mean_of_known([losses(rows, weights[key])[:, place] for key, rows in regrets.items()])

    return statistic


def regret_ratio(place: int) -> Statistic:
    """The statistic "mean regret of the optimiser at `place`, to that of each", on the seeds that both have run.

    Problems that the two have no seed in common of are left out; NaN where there is no other.
    """

    def statistic(regrets: Regrets, weights: Weights) -> Array:
        own, other = [], []
        for key, rows in regrets.items():
            mine = np.where(np.isnan(rows), np.nan, rows[:, [place]])
            own.append(mean_of_seeds(mine, weights[key]))
            other.append(mean_of_seeds(np.where(np.isnan(mine), np.nan, rows), weights[key]))
        least = 1e-12  # two that both have no regret at all are equally good
        ratio: Array = (_mean_of_known(own) + least) / (_mean_of_known(other) + least)
        return ratio

    return statistic


def _mean_of_known(arrays: Sequence[Array]) -> Array:
    values = np.array(arrays)
    return mean_of_seeds(values, np.ones(len(values)))


def _quotient(numerator: Array, denominator: Array) -> Array:
    quotient: Array = np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1.0), np.nan)
    return quotient


def gain_lost(random: Mapping[str, float]) -> Statistic:
    """The statistic "share of the first column's gain that each column lost".

    The gain is the mean regret of random search, `random` by problem, less one's own.
    """

    def statistic(regrets: Regrets, weights: Weights) -> Array:
        chance = float(np.mean([random[key.split(" ")[0]] for key in regrets]))
        gain = chance - mean_regret(regrets, weights)
        lost: Array = 1 - gain / gain[0]
        return lost

    return statistic


def random_equivalents(pools: Mapping[str, RandomPool], best: Mapping[str, float], trials: int) -> Statistic:
    """The statistic "random trials for the same mean regret, per trial": geometric mean over problems."""
    grids = {}
    for name, pool in pools.items():
        numbers = np.geomspace(0.5, pool.most_trials, 200)
        curve = pool.expected_regrets(numbers, best[name])
        grids[name] = (np.log(numbers), np.minimum.accumulate(curve))

    def statistic(regrets: Regrets, weights: Weights) -> Array:
        logarithms = []
        for key, rows in regrets.items():
            numbers, curve = grids[key.split(" ")[0]]
            regret_of_seeds = mean_of_seeds(rows, weights[key])
            logarithms.append(np.interp(-regret_of_seeds, -curve, numbers) - np.log(trials))
        geometric: Array = np.exp(np.mean(logarithms, axis=0))
        return geometric

    return statistic


def trials_until(curve: Array, value: float) -> int | None:
    """The first number of trials with which a mean regret of `value` is reached; None where it never is."""
    reached = np.flatnonzero(curve <= value + _SAME)
    return int(reached[0]) + 1 if len(reached) else None
