"""What is believed of a function before anything was seen: the hyperparameters of a kernel, and their prior. Pure.

Points are compared by a lengthscale a range, whose prior grows with the square root of the number of ranges, so that a
space of many ranges is not believed to be rougher (Hvarfner, Hellsten and Nardi, ICML 2024, arXiv 2402.02229). Beside
it is what each range does by itself, its main effect: a slope, a bend and two waves of a number, a level of each text.
With few observations main effects are most of what can be learned. How much of them is waves is a hyperparameter: where
hyperparameters of a training are tuned it is little, but a range with several valleys has nothing else.

All priors were chosen on the tuning problems of benchmarks/search, never on those that it reports.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tuner.search import legendre
from tuner.search.warping import FloatArray, Warping

#: Priors, (mean, deviation), of: a log lengthscale beside what the number of ranges adds; Fisher's z of the correlation
#: with a parent; the log size of the waves, beside what is none; the log amplitude, the log size of the main effects,
#: and the log noise (values are standardised).
_LENGTHSCALE, _CORRELATION = (math.sqrt(2) - 1.9, 1.2), (1.0, 0.7)
_WAVES, _AMPLITUDE, _MAIN, _NOISE = (-2.0, 1.0), (-0.7, 0.7), (-1.0, 1.0), (-5.5, 2.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coordinates:
    """What the coordinates of embedded points are.

    `groups` (d,) is the range of each; `is_number` (d,) whether it is a number's place in its range, otherwise it is
    one of a text's. `shapes` (w, 2) and `spreads` (w, 2) are the prior means and deviations of log a and log b of the
    warping of each number, in their order.
    """

    groups: NDArray[np.int_]
    is_number: NDArray[np.bool_]
    shapes: FloatArray
    spreads: FloatArray

    @property
    def ranges(self) -> int:
        """How many ranges there are: what makes a space large is their number, not that of the coordinates."""
        return int(self.groups.max()) + 1


@dataclass(frozen=True, kw_only=True)
class Model:
    """The prior of theta for points of `coordinates`, and of observations of `parents` earlier jobs besides.

    theta is, in this order: log lengthscale of each range; log a, then log b, of each number's warping; Fisher's z of
    the correlation with each parent; log size of the waves among the main effects; log amplitude, log size of the main
    effects, log noise.
    """

    coordinates: Coordinates
    parents: int = 0
    mean: FloatArray = field(init=False)
    deviation: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        ranges, shapes, spreads = self.coordinates.ranges, self.coordinates.shapes, self.coordinates.spreads
        last = [*[_CORRELATION] * self.parents, _WAVES, _AMPLITUDE, _MAIN, _NOISE]
        means, deviations = zip(*last, strict=True)
        lengthscale = _LENGTHSCALE[0] + math.log(ranges) / 2
        object.__setattr__(self, "mean", np.concatenate([[lengthscale] * ranges, *shapes.T, means]))
        object.__setattr__(self, "deviation", np.concatenate([[_LENGTHSCALE[1]] * ranges, *spreads.T, deviations]))

    @cached_property
    def columns(self) -> NDArray[np.int_]:
        """The coordinates that are numbers."""
        return np.flatnonzero(self.coordinates.is_number)

    def warping(self, theta: FloatArray) -> Warping:
        """(..., t) -> one warping, or a stack of them."""
        start, count = self.coordinates.ranges, len(self.columns)
        shapes = np.exp(theta[..., start : start + 2 * count])
        return Warping(columns=self.columns, a=shapes[..., :count], b=shapes[..., count:])

    def lengthscales(self, theta: FloatArray) -> FloatArray:
        """By coordinate: (..., t) -> (..., d)."""
        scales: FloatArray = np.exp(theta[..., : self.coordinates.ranges])[..., self.coordinates.groups]
        return scales

    def correlations(self, theta: FloatArray) -> FloatArray:
        """Of this job and each parent with this job: (..., t) -> (..., 1 + parents)."""
        z = theta[..., theta.shape[-1] - 4 - self.parents : theta.shape[-1] - 4]
        return np.concatenate([np.ones((*theta.shape[:-1], 1)), np.tanh(z)], axis=-1)

    def main_effects(self, theta: FloatArray, Z: FloatArray) -> FloatArray:
        """The functions whose weighted sum is what each range does by itself: (..., t), (..., n, d) -> (..., n, f).

        Polynomials of each number, and an indicator of each text; scaled so that what is no wave has, of each range, a
        variance near 1 / ranges over the cube.
        """
        polynomials = legendre.values(self._numbers(Z))
        polynomials *= self._sizes(theta)
        numbers = polynomials.reshape(*Z.shape[:-1], self.waves.stop)
        if self._only_numbers:
            return numbers
        texts = Z[..., ~self.coordinates.is_number] * math.sqrt(2 / self.coordinates.ranges)
        return np.concatenate([numbers, texts], axis=-1)

    def main_effects_slopes(self, theta: FloatArray, Z: FloatArray, weights: FloatArray) -> FloatArray:
        """The derivatives in each number of a sum with `weights`: (..., t), (..., n, d), (..., n, f) -> (..., n, w)."""
        slopes = legendre.slopes(self._numbers(Z))
        slopes *= self._sizes(theta)
        by_degree = weights[..., : self.waves.stop].reshape(slopes.shape)
        summed: FloatArray = (by_degree * slopes).sum(-2)
        return summed

    @property
    def waves(self) -> slice:
        """Which of the main effects are waves of numbers."""
        return slice(legendre.WAVES * len(self.columns), len(legendre.SIZES) * len(self.columns))

    @cached_property
    def _only_numbers(self) -> bool:
        return bool(self.coordinates.is_number.all())

    @cached_property
    def _even_sizes(self) -> FloatArray:
        sizes: FloatArray = legendre.SIZES / math.sqrt(self.coordinates.ranges)
        return sizes

    def _numbers(self, Z: FloatArray) -> FloatArray:
        """The coordinates of `Z` that are numbers; where all are, no copy is made."""
        return Z if self._only_numbers else Z[..., self.columns]

    def _sizes(self, theta: FloatArray) -> FloatArray:
        """What the polynomials of each degree are multiplied by: (..., t) -> (..., 1, degrees, 1)."""
        sizes = np.empty((*theta.shape[:-1], len(legendre.SIZES)))
        sizes[...] = self._even_sizes
        sizes[..., legendre.WAVES :] *= np.exp(0.5 * theta[..., -4, None])
        return sizes[..., None, :, None]
