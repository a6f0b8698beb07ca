"""What Gaussian processes of warped values say in the objective's own units. Pure.

A value is warped by a function that only rises, so that a quantile of the warped value is the warped quantile of the
value: intervals are brought back by the way that the known values went. Beyond them the way goes straight on, before
the best as in the better half of the values, which is not bent, and behind the worst as in the worse half.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tuner.search.acquisition import Acquisition
from tuner.search.blas import one_thread
from tuner.search.embedding import Embedding
from tuner.search.gaussian_process import Processes
from tuner.search.keeping import Keeping
from tuner.search.surrogate import INTERVAL, Prediction
from tuner.search.warping import FloatArray

#: Halvings of the interval in which a quantile is looked for: its place is known to a millionth of the interval.
_HALVINGS = 24
_DEVIATIONS = 8.0
#: Where values are as far apart as numbers can be, what is beyond them is still one.
_GREATEST_SLOPE = 1e300


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The way between values to be made small and the warped ones of the processes, both in rising order."""

    values: FloatArray
    warped: FloatArray

    @classmethod
    def of(cls, values: FloatArray, warped: FloatArray) -> "Scale":
        """That of trials with `values`, infinite ones included, that were warped to `warped`."""
        known = np.isfinite(values)
        places, first = np.unique(warped[known], return_index=True)
        return cls(values=values[known][first], warped=places)

    @property
    def slope(self) -> float:
        """How much of the value a unit of the warped value is, where values are good."""
        return self._slope_between(0, max((len(self.values) - 1) // 2, 1))

    def back(self, warped: FloatArray) -> FloatArray:
        """The values of warped ones."""
        with np.errstate(over="ignore"):  # beyond what a computer has is infinite
            better = np.minimum(warped - self.warped[0], 0.0) * self.slope
            worse = np.maximum(warped - self.warped[-1], 0.0) * self._slope_between(len(self.values) // 2 - 1, -1)
            found: FloatArray = np.interp(warped, self.warped, self.values) + better + worse
        return found

    def there(self, value: float) -> float:
        """The warped value of one: `back` leads from there to it."""
        better = min(value - float(self.values[0]), 0.0) / self.slope
        worse = max(value - float(self.values[-1]), 0.0) / self._slope_between(len(self.values) // 2 - 1, -1)
        return float(np.interp(value, self.values, self.warped)) + better + worse

    def _slope_between(self, first: int, last: int) -> float:
        if len(self.values) == 1:  # nothing but equal values: of what size a difference would be is not known
            return abs(float(self.values[0])) or 1.0
        with np.errstate(over="ignore"):
            rise = float(self.values[last] - self.values[first])
        return min(rise / float(self.warped[last] - self.warped[first]), _GREATEST_SLOPE)


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianSurrogate:
    """Processes under equally likely hyperparameters, in the objective's units.

    `improvement` is what chose the next trial: pending ones are accounted for in it. The `processes` of the predictions
    know only of what had ended: first of this job's trials, those that `succeeded` (n,) of all that had ended, then of
    those of parents. `sign` is what an objective is multiplied by to be made small. `keeping` are the metrics that have
    bounds, of which each is believed to be kept whatever the objective is. Whether a trial fails is not its business:
    what is expected is expected of one that does not.
    """

    embedding: Embedding
    processes: Processes
    improvement: Acquisition
    scale: Scale
    succeeded: NDArray[np.bool_]
    sign: float
    keeping: Sequence[Keeping] = ()

    def predict(self, configurations: Sequence[Mapping[str, str]]) -> Prediction:
        """What is expected of trials with `configurations`: mean and interval of the warped value, brought back."""
        means, deviations = self._reported(configurations)
        outside = (1 - INTERVAL) / 2
        middle, low, high = (
            self.sign * self.scale.back(warped)
            for warped in (
                means.mean(0),
                _quantile(means, deviations, outside),
                _quantile(means, deviations, 1 - outside),
            )
        )
        return Prediction(mean=middle, low=np.minimum(low, high), high=np.maximum(low, high))

    def chance_beyond(self, configurations: Sequence[Mapping[str, str]], value: float) -> NDArray[np.float64]:
        """The chances that trials with `configurations` are better than `value`, and keep all bounds: (m,)."""
        means, deviations = self._reported(configurations)
        chances: FloatArray = ndtr((self.scale.there(self.sign * value) - means) / deviations).mean(0)
        return chances * self.chance_of_keeping(configurations)

    def chance_of_keeping(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """The chances that trials with `configurations` keep all bounds of other metrics: (m,)."""
        chances = np.ones(len(configurations))
        x = self.embedding.embed_configurations(configurations)
        with one_thread():
            for one in self.keeping:
                chances *= np.exp(one.logarithm(x)).mean(0)
        return chances

    def log_expected_improvement(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """The logarithms of the expected improvements over what the processes hold for the best so far: (m,)."""
        with one_thread():
            improvement = self.improvement(self.embedding.embed_configurations(configurations))
        return improvement + math.log(self.scale.slope)

    def influence(self, configuration: Mapping[str, str]) -> NDArray[np.float64]:
        """By ended trial, the size of the weight that its value has in the mean: shares of 1, (n,)."""
        x = self.embedding.embed_configurations([configuration])
        shares = np.zeros(len(self.succeeded))
        with one_thread():
            shares[self.succeeded] = np.abs(self.processes.weights(x)[:, 0, : self.succeeded.sum()]).sum(0)
        total = float(shares.sum())
        return shares / total if total > 0 else np.full(len(shares), 1 / max(len(shares), 1))

    def _reported(self, configurations: Sequence[Mapping[str, str]]) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of the warped value that a trial would report, by process: (s, m), (s, m)."""
        with one_thread():
            means, variances = self.processes.predict(self.embedding.embed_configurations(configurations))
        return means, np.sqrt(variances + np.exp(self.processes.thetas[:, -1:]))


def _quantile(means: FloatArray, deviations: FloatArray, level: float) -> FloatArray:
    """Of equal mixtures of normal distributions, (k, m) each: (m,)."""
    low = (means - _DEVIATIONS * deviations).min(0)
    high = (means + _DEVIATIONS * deviations).max(0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = ndtr((middle - means) / deviations).mean(0) < level
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    found: FloatArray = (low + high) / 2
    return found
