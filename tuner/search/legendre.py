"""Legendre's polynomials of the first degrees: a slope, a bend, and two waves. Pure.

They are uncorrelated over the interval. Weights with a normal prior make a sum of them a Gaussian process, whose kernel
is the product of their values.
"""

import math

import numpy as np

from tuner.search.warping import FloatArray

#: Times these, each has a variance of 1/2 over the interval: without them, 1 / (2 degree + 1).
SIZES = np.array([math.sqrt((2 * degree + 1) / 2) for degree in (1, 2, 3, 4)])
#: From this degree on, counted from 0, they are waves: they rise and fall more than once.
WAVES = 2


def values(u: FloatArray) -> FloatArray:
    """Of each degree from 1, at places in the unit interval: (..., w) -> (..., degrees, w)."""
    found = np.empty((*u.shape[:-1], len(SIZES), u.shape[-1]))
    slope, bend, third, fourth = (found[..., degree, :] for degree in range(len(SIZES)))
    np.subtract(2 * u, 1, out=slope)
    square = slope * slope
    np.subtract(1.5 * square, 0.5, out=bend)
    np.multiply(2.5 * square - 1.5, slope, out=third)
    np.add((4.375 * square - 3.75) * square, 0.375, out=fourth)
    return found


def slopes(u: FloatArray) -> FloatArray:
    """Their derivatives: (..., w) -> (..., degrees, w)."""
    t = 2 * u - 1
    square = t * t
    found = np.empty((*u.shape[:-1], len(SIZES), u.shape[-1]))
    found[..., 0, :] = 2.0
    found[..., 1, :] = 6.0 * t
    found[..., 2, :] = 15.0 * square - 3.0
    found[..., 3, :] = (35.0 * square - 15.0) * t
    return found
