"""What a search is after: from trials to the numbers that are to be made small. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.jobs import ObjectiveStatus
from contracts.metrics import Objective, ObjectiveType
from contracts.search_extension import MetricConstraint, total_violation
from tuner.search.trials import Trial

FloatArray = NDArray[np.float64]

#: How much of the plain weighted sum is added to the greater of the weighted objectives. Source: Knowles 2006.
_AUGMENTATION = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """One objective, to be made great or small; or two; with bounds that other metrics have to keep."""

    objective_type: ObjectiveType
    metric_constraints: tuple[MetricConstraint, ...] = ()
    second: Objective | None = None

    @property
    def sign(self) -> float:
        """What the objective is multiplied by to become what is to be made small."""
        return self.objective_type.sign

    def values(self, ended: Sequence[Trial], generator: np.random.Generator) -> FloatArray:
        """What is to be made small, by trial that has ended: (n,); infinite for one that failed.

        So is one that never printed a metric with bounds, or the second objective. Of two objectives, each call draws
        the weights with which they are joined from `generator`; for one, nothing is drawn.
        """
        values = self._objective(ended)
        if self.second is not None:
            values = scalarised(values, self._second(ended), float(generator.random()))
        if self.metric_constraints:
            values = np.where(np.isfinite(self.violations(ended)), values, np.inf)
        return values

    def violations(self, ended: Sequence[Trial]) -> FloatArray:
        """By how much each trial breaks the bounds, all together: (n,); 0 where it keeps them."""
        return np.array([total_violation(self.metric_constraints, trial.metrics) for trial in ended], dtype=float)

    def _objective(self, ended: Sequence[Trial]) -> FloatArray:
        return np.array(
            [
                np.inf
                if trial.status is not ObjectiveStatus.SUCCEEDED or trial.objective is None
                else self.sign * (trial.objective if trial.forecast is None else trial.forecast.value)
                for trial in ended
            ],
            dtype=float,
        )

    def _second(self, ended: Sequence[Trial]) -> FloatArray:
        assert self.second is not None
        sign, name = self.second.type.sign, self.second.metric_name
        return np.array([sign * trial.metrics[name] if name in trial.metrics else np.inf for trial in ended])


def scalarised(first: FloatArray, second: FloatArray, weight: float) -> FloatArray:
    """Two objectives to be made small as one: (n,), (n,) -> (n,); infinite where one of them is.

    The augmented Chebyshev function of the objectives, each brought to the same scale, with `weight` in [0, 1] for the
    first. Every point of the Pareto front is the least of it for some weight. Source: Knowles, "ParEGO", IEEE
    Transactions on Evolutionary Computation 10 (2006). The scale there is from the least to the greatest value; here it
    is to the upper quartile, so that one run that diverged is not the scale of everything.
    """
    both = np.isfinite(first) & np.isfinite(second)
    joined = np.full(first.shape, np.inf)
    weighted = np.array([weight * _to_scale(first[both]), (1 - weight) * _to_scale(second[both])])
    if both.any():
        joined[both] = weighted.max(axis=0) + _AUGMENTATION * weighted.sum(axis=0)
    return joined


def _to_scale(values: FloatArray) -> FloatArray:
    if not len(values):
        return values
    largest = float(np.abs(values).max()) or 1.0
    shares = values / largest  # the difference of two values near 1e308 is no number that a computer has
    low, upper, high = np.quantile(shares, [0.0, 0.75, 1.0])
    width = float(upper - low) or float(high - low) or 1.0
    with np.errstate(over="ignore"):
        scaled: FloatArray = np.minimum((shares - low) / width, np.finfo(float).max / 4)
    return scaled
