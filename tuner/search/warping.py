"""Scales that are learned: a range of numbers is bent before the Gaussian process sees it. Pure.

Kumaraswamy's distribution function, w(u) = 1 - (1 - u^a)^b, maps the unit interval to itself; a below 1 stretches the
lower end, as a logarithm would. Source: Snoek, Swersky, Zemel and Adams, ICML 2014, arXiv 1402.0929. SageMaker's tuner
learns the scale of an ``Auto`` range like this: Perrone et al., KDD 2021, arXiv 2012.08489.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: u^a has an infinite slope at 0 where a < 1; a point so near to an end counts as this far from it.
_EDGE = 1e-8
#: What is left of 1 - u^a at the upper end: its logarithm is taken.
_REST = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Warping:
    """Warps coordinates `columns` (w,) of points, with shapes `a` and `b`, both (..., w): one, or a stack of them."""

    columns: NDArray[np.int_]
    a: FloatArray
    b: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """The warped `points`: (n, d) -> (..., n, d)."""
        stacked = np.broadcast_to(points, (*self.a.shape[:-1], *points.shape)).copy()
        if len(self.columns):
            power, _ = self._power(points)
            stacked[..., self.columns] = 1 - (1 - power) ** self.b[..., None, :]
        return stacked

    def slopes(self, points: FloatArray) -> FloatArray:
        """The derivative of each warped coordinate in its own: (n, d) -> (..., n, d); 1 where nothing is warped."""
        slopes = np.ones((*self.a.shape[:-1], *points.shape))
        if len(self.columns):
            power, u = self._power(points)
            a, b = self.a[..., None, :], self.b[..., None, :]
            slopes[..., self.columns] = a * b * power / u * (1 - power) ** (b - 1)
        return slopes

    def by_shapes(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The derivatives of the warped `columns` in log a and log b: (n, d) -> (..., n, w) twice."""
        power, u = self._power(points)
        a, b, rest = self.a[..., None, :], self.b[..., None, :], 1 - power
        return b * rest ** (b - 1) * power * np.log(u) * a, -(rest**b) * np.log(rest) * b

    def _power(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = np.clip(points[..., self.columns], _EDGE, 1 - _EDGE)
        return np.minimum(u ** self.a[..., None, :], 1 - _REST), u


def warped(u: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """w(u), elementwise, with shapes `a` and `b`."""
    places: FloatArray = 1 - (1 - u**a) ** b
    return places


def unwarped(places: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """The u whose w(u) is `places`, elementwise: the inverse of a warping with shapes `a` and `b`."""
    inverse: FloatArray = (1 - (1 - places) ** (1 / b)) ** (1 / a)
    return inverse
