"""bayesian-optimization: its Gaussian process with its default acquisition, after five random points.

It has no logarithmic ranges: as its users do, such a range is given as the range of its logarithm.
"""

import math
from collections.abc import Mapping
from typing import Any

from bayes_opt import BayesianOptimization

from benchmarks.search.optimisers.study import Axis, Optimiser, Points, Study, axes

_INITIAL = 5


class BayesOptOptimizer:
    """A BayesianOptimization a suggestion: it cannot take back what it was told of running trials."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._axes = axes(study)
        self._points = Points()

    def ask(self, trial: int) -> Mapping[str, str]:
        """Its suggestion."""
        optimizer = BayesianOptimization(
            f=None,
            pbounds={axis.name: _bounds(axis) for axis in self._axes},
            random_state=self._study.seed * 10_000 + trial,
            allow_duplicate_points=True,
            verbose=0,
        )
        points, values = self._points.with_liars()
        if len(values) >= _INITIAL:
            for point, value in zip(points, values, strict=True):
                optimizer.register(params=point, target=-value)
            suggested: dict[str, Any] = optimizer.suggest()
        else:
            suggested = optimizer.space.array_to_params(
                optimizer.space.random_sample(random_state=optimizer._random_state)  # noqa: SLF001
            )
        self._points.points[trial] = suggested
        return {axis.name: _text(axis, suggested[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """Kept until the next suggestion."""
        self._points.given[trial] = value

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """Kept until the next suggestion."""
        values = {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}
        point = {axis.name: math.log(values[axis.name]) for axis in self._axes if axis.is_logarithmic}
        self._points.add(trial, values | point, value)


def _bounds(axis: Axis) -> Any:
    if axis.texts:
        return list(axis.texts)
    if axis.is_logarithmic:
        return (math.log(axis.low), math.log(axis.high))
    return (int(axis.low), int(axis.high), int) if axis.is_integer else (axis.low, axis.high)


def _text(axis: Axis, value: Any) -> str:
    if axis.texts:
        return axis.text(value)
    return axis.text(math.exp(float(value)) if axis.is_logarithmic else float(value))


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return BayesOptOptimizer(study)
