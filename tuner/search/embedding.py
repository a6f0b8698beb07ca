"""Configurations as points that a Gaussian process can compare. Pure.

A range of numbers takes one coordinate, its place in the unit interval in the scale of the range. A range of texts
takes one coordinate a text, 1/sqrt(2) at its own and 0 elsewhere, so that any two different texts are 1 apart, as far
as the two ends of a range of numbers. Source: Garrido-Merchan and Hernandez-Lobato, arXiv 1706.03673, for evaluating
integers and texts where they can be, and not between.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.naming import MAGNITUDES, NEAR_ONE, words_of
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange, ParameterRange, ScalingType
from tuner.search.prior import Coordinates
from tuner.search.space import SearchSpace
from tuner.search.warping import FloatArray, unwarped, warped

_APART = 1 / math.sqrt(2)
#: How far log a and log b of a range's warping may be from what is expected: of a scale that somebody chose, and of one
#: that nobody did.
_CHOSEN, _NOT_CHOSEN = 0.2, 0.3
#: (expected, how far from it) where a linear range acts by its order of magnitude as its name says, or as its bounds
#: make one think: log a; and where it acts by its distance from 1: log b. Chosen on the tuning problems of
#: benchmarks/search.
_MAGNITUDE, _POSITIVE, _TOWARDS_ONE = (-0.9, 1.0), (-0.4, 0.7), (-0.5, 0.8)
#: A range from `low` to so many times of it is wide: in general, and where its name says what it is.
_WIDE, _WIDE_MAGNITUDES = 100.0, 20.0
#: From here on the distance from 1 is what counts.
_NEARLY_ONE = 0.9


class Embedding:
    """Between points of the unit cube of a space, ``(m, ranges)``, and embedded points, ``(m, coordinates)``.

    `coordinates` tells what each coordinate is, and `numbers` which ranges are of numbers. `is_continuous`, by
    coordinate, and `is_continuous_range`, by range, tell what can be moved by any small amount.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        widths = [one.size if isinstance(one, CategoricalParameterRange) else 1 for one in space.ranges]
        self._starts = np.concatenate(([0], np.cumsum(widths)[:-1])).astype(int)
        #: Of each range of several texts: its column, its first coordinate, and how many it has.
        self._texts = [
            (column, self._starts[column], one.size)
            for column, one in enumerate(space.ranges)
            if isinstance(one, CategoricalParameterRange) and one.size > 1
        ]
        self.numbers = np.array([column for column, one in enumerate(space.ranges) if _is_number(one)], dtype=int)
        moves = [isinstance(one, ContinuousParameterRange) and one.size is None for one in space.ranges]
        self.is_continuous_range: NDArray[np.bool_] = np.array(moves)
        self.is_continuous: NDArray[np.bool_] = np.repeat(moves, widths)
        beliefs = np.array([_warping_prior(space.ranges[column]) for column in self.numbers]).reshape(-1, 4)
        self.coordinates = Coordinates(
            groups=np.repeat(np.arange(len(widths)), widths),
            is_number=np.repeat([_is_number(one) for one in space.ranges], widths),
            shapes=beliefs[:, :2],
            spreads=beliefs[:, 2:],
        )

    def embed(self, points: FloatArray) -> FloatArray:
        """The embedded points of `points`: (m, ranges) -> (m, coordinates), each where its configuration is."""
        embedded = np.zeros((len(points), len(self.coordinates.groups)))
        snapped = self.space.snap(points)
        embedded[:, self._starts[self.numbers]] = snapped[:, self.numbers]
        for column, start, count in self._texts:
            places = np.minimum((snapped[:, column] * count).astype(int), count - 1)
            embedded[np.arange(len(points)), start + places] = _APART
        return embedded

    def embed_configurations(self, configurations: Sequence[Mapping[str, str]]) -> FloatArray:
        """The embedded points of configurations: -> (m, coordinates)."""
        return self.embed(self.encode(configurations))

    def encode(self, configurations: Sequence[Mapping[str, str]]) -> FloatArray:
        """The points of the unit cube of configurations: -> (m, ranges)."""
        return np.array([self.space.encode(one) for one in configurations]).reshape(-1, len(self.space.ranges))

    def points(self, embedded: FloatArray) -> FloatArray:
        """The points of the unit cube of embedded points: (m, coordinates) -> (m, ranges)."""
        points = np.full((len(embedded), len(self.space.ranges)), 0.5)
        points[:, self.numbers] = embedded[:, self._starts[self.numbers]]
        for column, start, count in self._texts:
            points[:, column] = (embedded[:, start : start + count].argmax(1) + 0.5) / count
        return points

    def evened(self, points: FloatArray) -> FloatArray:
        """Points of the unit cube as they lie on the scales that are expected: (m, ranges) -> (m, ranges)."""
        return self._bent(points, warped)

    def unevened(self, places: FloatArray) -> FloatArray:
        """The inverse of `evened`."""
        return self._bent(places, unwarped)

    def _bent(self, points: FloatArray, by: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]) -> FloatArray:
        bent = points.copy()
        bent[:, self.numbers] = by(points[:, self.numbers], *np.exp(self.coordinates.shapes.T))
        return bent


def _is_number(parameter: ParameterRange) -> bool:
    return not isinstance(parameter, CategoricalParameterRange) and parameter.size != 1


def _warping_prior(parameter: ParameterRange) -> tuple[float, float, float, float]:
    """What is expected of log a and log b of a range's warping, and how far they may be from it.

    Where somebody chose a logarithmic scale it stays nearly as it is. Of a linear one nobody knows whether it was
    thought about: what by its name acts by its order of magnitude, or by its distance from 1, is expected to be bent
    that way, and a little so what is positive and spans two orders of magnitude.
    """
    assert not isinstance(parameter, CategoricalParameterRange)
    if parameter.scaling_type not in {ScalingType.LINEAR, ScalingType.AUTO}:
        return 0.0, 0.0, _CHOSEN, _CHOSEN
    low, high, words = float(parameter.min_value), float(parameter.max_value), words_of(parameter.name)
    span = high / low if low > 0 else 0.0
    if words & MAGNITUDES and (span > _WIDE_MAGNITUDES or (low == 0 and high > 0)):
        (a, spread), (b, other) = _MAGNITUDE, (0.0, _NOT_CHOSEN)
    elif words & NEAR_ONE and _NEARLY_ONE <= high <= 1:
        (a, spread), (b, other) = (0.0, _NOT_CHOSEN), _TOWARDS_ONE
    elif span >= _WIDE:
        (a, spread), (b, other) = _POSITIVE, (0.0, _NOT_CHOSEN)
    else:
        a, b, spread, other = 0.0, 0.0, _NOT_CHOSEN, _NOT_CHOSEN
    return a, b, spread, other
