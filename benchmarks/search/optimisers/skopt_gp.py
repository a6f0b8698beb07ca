"""scikit-optimize: its Gaussian process with expected improvement.

Made anew for every suggestion: it cannot take back what it was told of running trials. Its default acquisition, which
bets on three by what each has gained, would forget its gains that way.
"""

from collections.abc import Mapping

from skopt import Optimizer
from skopt.space import Categorical, Dimension, Integer, Real

from benchmarks.search.optimisers.study import Axis, Optimiser, Points, Study, axes

_INITIAL = 10


class SkoptOptimizer:
    """An Optimizer a suggestion."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._axes = axes(study)
        self._points = Points()

    def ask(self, trial: int) -> Mapping[str, str]:
        """Where expected improvement is greatest, after ten random points."""
        points, values = self._points.with_liars()
        optimizer = Optimizer(
            [_dimension(axis) for axis in self._axes],
            base_estimator="GP",
            acq_func="EI",
            n_initial_points=_INITIAL,
            random_state=self._study.seed * 10_000 + trial,
        )
        if values:
            optimizer.tell(points, values)
        point = optimizer.ask()
        self._points.points[trial] = point
        return {axis.name: axis.text(value) for axis, value in zip(self._axes, point, strict=True)}

    def tell(self, trial: int, value: float | None) -> None:
        """Kept until the next suggestion."""
        self._points.given[trial] = value

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """Kept until the next suggestion."""
        self._points.add(trial, [axis.value(configuration[axis.name]) for axis in self._axes], value)


def _dimension(axis: Axis) -> Dimension:
    if axis.texts:
        return Categorical(axis.texts, name=axis.name)
    prior = "log-uniform" if axis.is_logarithmic else "uniform"
    if axis.is_integer:
        return Integer(int(axis.low), int(axis.high), prior=prior, name=axis.name)
    return Real(axis.low, axis.high, prior=prior, name=axis.name)


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return SkoptOptimizer(study)
