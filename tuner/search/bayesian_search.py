"""Bayesian search: a Gaussian process of the objective, and the configuration that is expected to improve on it most.

What it takes from where: values warped against outliers and failures as in Google Vizier (Song et al., arXiv
2408.11527, "half-rank"); the process and its priors in `gaussian_process`; log expected improvement in `acquisition`,
averaged over draws of the hyperparameters, in each of which pending trials have values drawn from what is known of
them; the best value so far is that of the process, not of the luckiest observation.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from contracts.jobs import ObjectiveStatus
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from tuner.search.acquisition import ExpectedImprovement, climb
from tuner.search.embedding import Embedding, FloatArray
from tuner.search.gaussian_process import GaussianProcess, Observations, Prior, most_probable, posterior_draws
from tuner.search.goal import Goal
from tuner.search.random_search import RandomSearch
from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Parent, Trial

#: Values that must be there before the process says more than the distances between points do.
_FEWEST_VALUES = 3
#: Points among which the one farthest from all others starts the search.
_SPREAD_CANDIDATES = 500
#: Points drawn from the whole space, and around each of the best, before the best of them climb.
_EVERYWHERE, _AROUND, _BEST, _CLIMBERS = 1000, 100, 3, 5
#: A space with at most so many configurations is looked at whole.
_LOOK_AT_ALL = 1500
#: By the number of values: how many draws of the hyperparameters. More values leave less doubt, and cost more each.
_DRAWS = ((60, 10), (150, 5), (400, 2))


class BayesianSearch:
    """Chooses where improvement is expected, after a few trials that are spread over the space."""

    def __init__(self, goal: Goal, parents: Sequence[Parent] = ()) -> None:
        self._goal = goal
        self._parents = parents

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Configuration | None:
        """The next configuration; None when a space that can be counted is exhausted."""
        tried = {space.key(trial.configuration) for trial in trials}
        if space.size is not None and len(tried) >= space.size:
            return None
        ended = [trial for trial in trials if trial.status is not ObjectiveStatus.PENDING]
        values = sum(trial.status is ObjectiveStatus.SUCCEEDED for trial in ended)
        candidates = _Candidates(space, tried, generator)
        if values < max(_FEWEST_VALUES, min(len(space.ranges), 8)):
            chosen = candidates.farthest_from([space.encode(trial.configuration) for trial in trials])
        else:
            improvement = self._improvement(candidates.embedding, trials, generator)
            best_first = [ended[place] for place in np.argsort(self._goal.values(ended), kind="stable")]
            chosen = candidates.most_promising(
                improvement, [space.encode(trial.configuration) for trial in best_first[:_BEST]]
            )
        return chosen or RandomSearch().suggest(space, trials, generator)

    def _improvement(
        self, embedding: Embedding, trials: Sequence[Trial], generator: np.random.Generator
    ) -> ExpectedImprovement:
        ended = [trial for trial in trials if trial.status is not ObjectiveStatus.PENDING]
        pending = [trial for trial in trials if trial.status is ObjectiveStatus.PENDING]
        observations = Observations(
            groups=embedding.groups,
            X=embedding.embed_configurations([trial.configuration for trial in ended]),
            y=warped(self._goal.values(ended)),
        )
        waiting = embedding.embed_configurations([trial.configuration for trial in pending])
        processes = [
            process.with_fantasies(waiting, generator) for process in _processes(embedding, observations, generator)
        ]
        return ExpectedImprovement(
            processes=processes,
            incumbents=[float(process.predict(process.observations.X)[0].min()) for process in processes],
        )


def warped(values: FloatArray) -> FloatArray:
    """Values to be made small, infinite ones included, made fit for a Gaussian process: (n,) -> (n,), standardised.

    The better half stays as it is. The worse half keeps only its order: it is laid out like the worse half of a normal
    distribution as wide as the better half. So a run that diverged to 1e30, or failed, is bad, and not the scale of
    everything.
    """
    largest = float(np.abs(values[np.isfinite(values)]).max()) or 1.0
    values = values / largest  # the square of 1e200 is no number that a computer has, nor is the sum of two 1e308
    finite = values[np.isfinite(values)]
    median = float(np.median(finite))
    result = values.copy()
    is_worse = values > median
    better = finite[finite <= median] - median
    span = float(np.abs(better).max())
    width = span * float(np.sqrt(np.mean((better / span) ** 2))) if span else 1.0
    places = np.argsort(np.argsort(values[is_worse], kind="stable"), kind="stable")
    for value in np.unique(values[is_worse]):  # equal values are equally bad
        same = values[is_worse] == value
        places[same] = int(places[same].mean())
    result[is_worse] = median + width * ndtri(0.5 + 0.5 * (places + 0.5) / max(len(places), 1))
    centred: FloatArray = result - result.mean()
    spread = float(centred.std())
    return centred / spread if spread > 0 else centred


def _processes(
    embedding: Embedding, observations: Observations, generator: np.random.Generator
) -> list[GaussianProcess]:
    """Processes under equally likely hyperparameters, or under the likeliest alone where there are many values."""
    prior = Prior.for_dimensions(embedding.dimensions)
    rough = prior.mean.copy()
    rough[:-2] -= 1.5
    likeliest = most_probable(prior, observations, [prior.mean, rough])
    count = next((draws for most, draws in _DRAWS if len(observations.y) <= most), 0)
    thetas = posterior_draws(prior, observations, start=likeliest, count=count, thinning=3, generator=generator)
    return [observations.condition(theta) for theta in thetas or [likeliest]]


class _Candidates:
    """The points of a space that no trial has been at."""

    def __init__(self, space: SearchSpace, tried: set[tuple[str, ...]], generator: np.random.Generator) -> None:
        self.embedding = Embedding(space)
        self._space = space
        self._tried = tried
        self._generator = generator

    def farthest_from(self, points: Sequence[FloatArray]) -> Configuration | None:
        """The first in the middle of the space, then each as far from all others as can be found.

        Distances go around the edges of the cube, where one side meets the other: otherwise corners, of which a space
        has many and where the best is seldom, would come first.
        """
        if not points:
            return self._space.decode([0.5] * len(self._space.ranges))
        candidates = self._anywhere(_SPREAD_CANDIDATES)
        apart = np.abs(candidates[:, None, :] - np.array(points)[None, :, :])
        nearest = (np.minimum(apart, 1 - apart) ** 2).sum(2).min(1)
        return self._first_untried(candidates[np.argsort(-nearest, kind="stable")])

    def most_promising(self, improvement: ExpectedImprovement, best: Sequence[FloatArray]) -> Configuration | None:
        """The untried configuration with the greatest expected improvement that is found; None where all were tried."""
        points = self._anywhere(_EVERYWHERE)
        if self._space.size is None or self._space.size > _LOOK_AT_ALL:
            points = np.vstack([points, *(self._around(point) for point in best)])
        order = np.argsort(-improvement(self.embedding.embed(points)), kind="stable")
        climbed = [self._climb(improvement, points[place]) for place in order[:_CLIMBERS]]
        points = np.vstack([*climbed, points[order]])
        values = improvement(self.embedding.embed(points))
        return self._first_untried(points[np.argsort(-values, kind="stable")])

    def _anywhere(self, count: int) -> FloatArray:
        space = self._space
        if space.size is not None and space.size <= _LOOK_AT_ALL:
            return np.array([space.encode(configuration) for configuration in space.configurations()])
        return self._generator.random((count, len(space.ranges)))

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

    def _climb(self, improvement: ExpectedImprovement, point: FloatArray) -> FloatArray:
        """The best that is found from `point` by following the slope, then by stepping through integers and texts."""
        top = self._follow_slope(improvement, point)
        steps = np.array(list(self._steps(top)))
        if not len(steps):
            return top
        values = improvement(self.embedding.embed(np.vstack([top, steps])))
        best = int(np.argmax(values))
        return top if best == 0 else self._follow_slope(improvement, steps[best - 1])

    def _follow_slope(self, improvement: ExpectedImprovement, point: FloatArray) -> FloatArray:
        embedded = climb(improvement, self.embedding.embed(point[None])[0], self.embedding.is_continuous)
        top = point.copy()
        top[self.embedding.is_continuous_range] = embedded[self.embedding.is_continuous]
        return top

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
            for place in places:
                step = point.copy()
                step[column] = place
                yield step

    def _first_untried(self, points: FloatArray) -> Configuration | None:
        for point in points:
            configuration = self._space.decode(point)
            if self._space.key(configuration) not in self._tried:
                return configuration
        return None
