"""Where a Bayesian search looks for its next trial: points of the space that no trial has been at."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from tuner.search.acquisition import Acquisition, climb
from tuner.search.belief import Belief
from tuner.search.embedding import Embedding
from tuner.search.gaussian_process import Processes
from tuner.search.space import Configuration
from tuner.search.warping import FloatArray, unwarped

#: Points among which the one farthest from all others starts the search.
_SPREAD_CANDIDATES = 500
#: Points drawn from the whole space, and around each of the best, before the best of them climb.
_EVERYWHERE, _AROUND, _CLIMBERS = 1000, 100, 5
#: How often climbers step through integers and texts, and follow the slope from there.
_ROUNDS = 3
#: A space with at most so many configurations is looked at whole.
_LOOK_AT_ALL = 1500


class Candidates:
    """The points of a space that no trial has been at. `tried` are the keys of configurations."""

    def __init__(self, embedding: Embedding, tried: set[tuple[str, ...]], generator: np.random.Generator) -> None:
        self._embedding = embedding
        self._space = embedding.space
        self._tried = tried
        self._generator = generator

    def farthest_from(self, points: FloatArray, belief: Belief | None) -> Configuration | None:
        """The first in the middle of the space, then each as far from all others as can be found.

        On the scales that are expected of the ranges, and with distances that go around the edges of the cube, where
        one side meets the other: otherwise corners, of which a space has many and where the best is seldom, would come
        first. Where there is a belief, it draws what there is to choose from.
        """
        embedding, count = self._embedding, len(self._space.ranges)
        if belief is not None:
            drawn = belief.draw(_SPREAD_CANDIDATES, self._generator)
            candidates = drawn[self._space.allowed(drawn)]
        elif not len(points):
            candidates = embedding.unevened(np.full((1, count), 0.5))
        else:
            candidates = self._anywhere(_SPREAD_CANDIDATES)
            if self._is_large:
                evenly = embedding.unevened(candidates)
                candidates = evenly[self._space.allowed(evenly)]
        if len(points) and len(candidates):
            apart = np.abs(embedding.evened(candidates)[:, None, :] - embedding.evened(points)[None, :, :])
            nearest = (np.minimum(apart, 1 - apart) ** 2).sum(2).min(1)
            candidates = candidates[np.argsort(-nearest, kind="stable")]
        return self._first_untried(candidates)

    def most_promising(self, acquisition: Acquisition, processes: Processes, best: FloatArray) -> Configuration | None:
        """The untried configuration with the greatest acquisition that is found; None where all were tried.

        Looked for everywhere, as evenly as the ranges are and as the `processes` have warped them, and around the
        `best` points (k, ranges).
        """
        points = self._anywhere(_EVERYWHERE)
        if self._is_large:
            warped = self._evenly_warped(points[::2], processes)
            points = np.vstack([points, warped, *(self._around(point) for point in best)])
            points = points[self._space.allowed(points)]
        order = np.argsort(-acquisition(self._embedding.embed(points)), kind="stable")
        tops = self._climb(acquisition, points[order[:_CLIMBERS]])
        best_first = np.vstack([tops, points[order[:_CLIMBERS]]])
        values = acquisition(self._embedding.embed(best_first))
        return self._first_untried(best_first[np.argsort(-values, kind="stable")]) or self._first_untried(points[order])

    @property
    def _is_large(self) -> bool:
        return self._space.size is None or self._space.size > _LOOK_AT_ALL

    def _anywhere(self, count: int) -> FloatArray:
        if not self._is_large:
            return self._embedding.encode(list(self._space.configurations()))
        return self._space.draw(count, self._generator)

    def _evenly_warped(self, places: FloatArray, processes: Processes) -> FloatArray:
        """Points that lie evenly where each of the processes, drawn for each point, has warped the ranges to."""
        numbers = self._embedding.numbers
        points = places.copy()
        if len(numbers):
            warping = processes.observations.model.warping(processes.thetas)
            drawn = self._generator.integers(len(processes.thetas), size=len(points))
            points[:, numbers] = unwarped(places[:, numbers], warping.a[drawn], warping.b[drawn])
        return points

    def _around(self, center: FloatArray) -> FloatArray:
        """Points near `center`: some coordinates moved by a little or by more, texts drawn anew."""
        shape = (_AROUND, len(center))
        moved = self._generator.random(shape) < max(0.4, 2 / len(center))
        steps = 10.0 ** self._generator.uniform(-2.5, -0.7, size=(_AROUND, 1)) * self._generator.standard_normal(shape)
        points = np.clip(center + np.where(moved, steps, 0.0), 0.0, 1.0)
        for column, parameter in enumerate(self._space.ranges):
            if isinstance(parameter, CategoricalParameterRange):
                points[:, column] = np.where(moved[:, column], self._generator.random(_AROUND), center[column])
        return points

    def _climb(self, acquisition: Acquisition, points: FloatArray) -> FloatArray:
        """The best that is found from `points`, following the slope and stepping through integers and texts in turn."""
        tops = self._follow_slope(acquisition, points)
        for _ in range(_ROUNDS):
            around = [np.array([top, *self._steps(top)]) for top in tops]
            sizes = np.cumsum([len(one) for one in around])[:-1]
            values = np.split(acquisition(self._embedding.embed(np.vstack(around))), sizes)
            best = [int(np.argmax(one)) for one in values]
            if not any(best):
                break
            tops = self._follow_slope(acquisition, np.array([a[place] for a, place in zip(around, best, strict=True)]))
        return tops

    def _follow_slope(self, acquisition: Acquisition, points: FloatArray) -> FloatArray:
        embedding = self._embedding
        embedded = climb(acquisition, embedding.embed(points), embedding.is_continuous)
        tops = points.copy()
        tops[:, embedding.is_continuous_range] = embedded[:, embedding.is_continuous]
        return np.where(self._space.allowed(tops)[:, None], tops, points)

    def _steps(self, point: FloatArray) -> Iterator[FloatArray]:
        """Points that differ from `point` in one integer or text: the neighbours of integers, all other texts."""
        for column, parameter in enumerate(self._space.ranges):
            if isinstance(parameter, ContinuousParameterRange) or parameter.size == 1:
                continue
            if isinstance(parameter, CategoricalParameterRange):
                places: NDArray[np.float64] = (np.arange(parameter.size) + 0.5) / parameter.size
            else:
                width = 1 / parameter.size
                places = np.clip(point[column] + width * np.array([-3, -1, 1, 3]), 0.0, 1.0)
            steps = np.tile(point, (len(places), 1))
            steps[:, column] = places
            yield from steps[self._space.allowed(steps)]

    def _first_untried(self, points: Sequence[FloatArray] | FloatArray) -> Configuration | None:
        for point in points:
            configuration = self._space.decode(point)
            if self._space.key(configuration) not in self._tried and self._space.allows(configuration):
                return configuration
        return None
