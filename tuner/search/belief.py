"""What somebody believes of where good configurations are, as a density over the unit cube. Pure.

The density is relative to drawing evenly, which believes nothing: its mean over each axis is 1. Axes are independent.
On an axis of numbers it is a normal distribution that ends at the ends of the range; on one of texts each has a share
of its own. A search is only led by it: Hvarfner et al., "piBO", ICLR 2022, arXiv 2204.11051, multiply the acquisition
by it, raised to a power that falls with the number of trials.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contracts.ranges import CategoricalParameterRange
from contracts.search_extension import NumberBelief, TextBelief
from tuner.search import coordinates
from tuner.search.coordinates import FloatArray
from tuner.search.space import SearchSpace

_ROOT_2 = math.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class _Normal:
    """A normal distribution on [0, 1], what lies outside cut off."""

    mean: float
    spread: float

    def log_density(self, u: FloatArray) -> FloatArray:
        below, above = (0 - self.mean) / self.spread, (1 - self.mean) / self.spread
        inside = 0.5 * (math.erf(above / _ROOT_2) - math.erf(below / _ROOT_2))
        constant = math.log(self.spread) + 0.5 * math.log(2 * math.pi) + math.log(inside)
        density: FloatArray = -0.5 * ((u - self.mean) / self.spread) ** 2 - constant
        return density

    def slope(self, u: FloatArray) -> FloatArray:
        slope: FloatArray = -(u - self.mean) / self.spread**2
        return slope

    def draw(self, count: int, generator: np.random.Generator) -> FloatArray:
        found = np.empty(0)
        while len(found) < count:  # at least a third of the draws lie inside, as the mean does
            u = self.mean + self.spread * generator.standard_normal(count)
            found = np.concatenate([found, u[(u >= 0) & (u <= 1)]])
        return found[:count]


@dataclass(frozen=True, slots=True)
class _Shares:
    """A share of the probability for each of equally long pieces of [0, 1]."""

    shares: tuple[float, ...]

    def log_density(self, u: FloatArray) -> FloatArray:
        logarithms: FloatArray = np.log(np.array(self.shares) * len(self.shares))[self._places(u)]
        return logarithms

    def slope(self, u: FloatArray) -> FloatArray:
        return np.zeros_like(u)

    def draw(self, count: int, generator: np.random.Generator) -> FloatArray:
        places = generator.choice(len(self.shares), size=count, p=np.array(self.shares))
        drawn: FloatArray = (places + 0.5) / len(self.shares)
        return drawn

    def _places(self, u: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.minimum((u * len(self.shares)).astype(np.int64), len(self.shares) - 1)


class Belief:
    """A density over the points of `space`, from what is believed of some of its ranges, by name.

    Of a range that is inactive at a point nothing is believed there.
    """

    def __init__(self, space: SearchSpace, beliefs: Mapping[str, NumberBelief | TextBelief]) -> None:
        self._space = space
        self._axes = {space.names.index(name): _axis(space, name, belief) for name, belief in beliefs.items()}

    def log_density(self, points: FloatArray) -> FloatArray:
        """The logarithm of the density at points of the unit cube: (m, ranges) -> (m,)."""
        active = self._space.active(points)
        total = np.zeros(len(points))
        for column, axis in self._axes.items():
            total += np.where(active[:, column], axis.log_density(points[:, column]), 0.0)
        return total

    def gradient(self, points: FloatArray) -> FloatArray:
        """The gradient of `log_density`, nothing along axes of texts: (m, ranges) -> (m, ranges)."""
        active = self._space.active(points)
        slopes = np.zeros(points.shape)
        for column, axis in self._axes.items():
            slopes[:, column] = np.where(active[:, column], axis.slope(points[:, column]), 0.0)
        return slopes

    def draw(self, count: int, generator: np.random.Generator) -> FloatArray:
        """Points drawn from the density, evenly along axes of which nothing is believed: (count, ranges).

        Constraints are not looked at.
        """
        points = generator.random((count, len(self._space.ranges)))
        for column, axis in self._axes.items():
            points[:, column] = axis.draw(count, generator)
        return points


def _axis(space: SearchSpace, name: str, belief: NumberBelief | TextBelief) -> _Normal | _Shares:
    parameter = space.ranges[space.names.index(name)]
    if isinstance(belief, NumberBelief):
        return _Normal(coordinates.encode(parameter, belief.around), belief.spread)
    assert isinstance(parameter, CategoricalParameterRange)
    weights = [float(belief.weights.get(text, 1.0)) for text in parameter.values]
    return _Shares(tuple(weight / sum(weights) for weight in weights))
