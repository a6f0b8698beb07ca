"""A surrogate that a test can foresee: a straight line of one hyperparameter, and an interval of constant width."""

from collections.abc import Mapping, Sequence
from math import log
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tuner.search.surrogate import INTERVAL, Prediction


class StraightSurrogate:
    """Expects ``start + slope * x`` for the hyperparameter ``x``, give or take `width` in nine of ten cases.

    `shares` are what it answers for the influence of the trials that have ended.
    """

    def __init__(
        self,
        *,
        start: float = 0.0,
        slope: float = 1.0,
        width: float = 0.5,
        shares: Sequence[float] = (),
        small_is_good: bool = True,
    ) -> None:
        self._start = start
        self._slope = slope
        self._width = width
        self._shares = np.array(shares, dtype=float)
        self._small_is_good = small_is_good

    def predict(self, configurations: Sequence[Mapping[str, str]]) -> Prediction:
        """The straight line and its interval."""
        mean = self._start + self._slope * np.array([float(one["x"]) for one in configurations])
        return Prediction(mean=mean, low=mean - self._width, high=mean + self._width)

    def chance_beyond(self, configurations: Sequence[Mapping[str, str]], value: float) -> NDArray[np.float64]:
        """The chance of more than `value`, or of less where the surrogate is told that `small_is_good`."""
        normal = NormalDist(0.0, self._width / NormalDist().inv_cdf((1 + INTERVAL) / 2))
        sign = 1.0 if self._small_is_good else -1.0
        return np.array([normal.cdf(sign * (value - mean)) for mean in self.predict(configurations).mean])

    def chance_of_keeping(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """It knows of no bounds."""
        return np.ones(len(configurations))

    def log_expected_improvement(self, configurations: Sequence[Mapping[str, str]]) -> NDArray[np.float64]:
        """An improvement of a quarter everywhere."""
        return np.full(len(configurations), log(0.25))

    def influence(self, configuration: Mapping[str, str]) -> NDArray[np.float64]:
        """The shares that it was made with."""
        del configuration
        return self._shares
