"""Configurations as points that a Gaussian process can compare. Pure.

A range of numbers takes one coordinate, its place in the unit interval in the scale of the range. A range of texts
takes one coordinate a text, 1/sqrt(2) at its own and 0 elsewhere, so that any two different texts are 1 apart, as far
as the two ends of a range of numbers. Source: Garrido-Merchan and Hernandez-Lobato, arXiv 1706.03673, for evaluating
integers and texts where they can be, and not between.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from tuner.search.space import SearchSpace

FloatArray = NDArray[np.float64]

_APART = 1 / math.sqrt(2)


class Embedding:
    """Between points of the unit cube of a space, ``(m, ranges)``, and embedded points, ``(m, coordinates)``.

    `groups` tells for each coordinate which range it belongs to; `is_continuous`, by coordinate, whether it can be
    moved by any small amount.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        widths = [
            len(one.values) if isinstance(one, CategoricalParameterRange) and len(one.values) > 1 else 1
            for one in space.ranges
        ]
        self.groups = np.repeat(np.arange(len(widths)), widths)
        self.is_continuous = np.repeat(
            [isinstance(one, ContinuousParameterRange) and one.min_value < one.max_value for one in space.ranges],
            widths,
        )
        self._starts = np.concatenate(([0], np.cumsum(widths)[:-1])).astype(int)

    @property
    def dimensions(self) -> int:
        """How many ranges there are: what makes a space large is their number, not that of the coordinates."""
        return len(self.space.ranges)

    def embed(self, points: FloatArray) -> FloatArray:
        """The embedded points of `points`: (m, ranges) -> (m, coordinates), each where its configuration is."""
        embedded = np.zeros((len(points), len(self.groups)))
        for column, parameter in enumerate(self.space.ranges):
            start = self._starts[column]
            values = points[:, column]
            if isinstance(parameter, CategoricalParameterRange):
                if len(parameter.values) > 1:
                    places = np.minimum((values * len(parameter.values)).astype(int), len(parameter.values) - 1)
                    embedded[np.arange(len(points)), start + places] = _APART
            elif parameter.size is None:
                embedded[:, start] = values
            elif parameter.size > 1:
                embedded[:, start] = _snapped(self.space, column, values)
        return embedded

    def embed_configurations(self, configurations: Sequence[Mapping[str, str]]) -> FloatArray:
        """The embedded points of configurations: -> (m, coordinates)."""
        points = np.array([self.space.encode(one) for one in configurations]).reshape(-1, self.dimensions)
        return self.embed(points)

    @property
    def is_continuous_range(self) -> NDArray[np.bool_]:
        """By range: whether it can be moved by any small amount."""
        return np.array([bool(self.is_continuous[start]) for start in self._starts], dtype=bool)


def _snapped(space: SearchSpace, column: int, values: FloatArray) -> FloatArray:
    """Where the integers lie that `values` decode to."""
    center = np.full(len(space.ranges), 0.5)
    snapped = []
    for value in values:
        center[column] = value
        snapped.append(space.encode(space.decode(center))[column])
    return np.array(snapped)
