"""What an expected improvement is weighted with. Pure.

How well what it is expected by explains what was seen, that a trial succeeds, and what somebody believes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, logsumexp

from tuner.search.acquisition import Acquisition
from tuner.search.belief import Belief
from tuner.search.embedding import Embedding
from tuner.search.gaussian_process import Processes
from tuner.search.warping import FloatArray

#: The belief counts fully until so many trials have ended, then less and less: a tenth after ten times as many.
_TRIALS_OF_BELIEF = 10.0
#: The logarithm of the square root of 2 pi.
_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """The mean of `acquisitions`, of which each counts as its share, whose logarithms are `log_shares`, says."""

    acquisitions: Sequence[Acquisition]
    log_shares: Sequence[float]

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        pairs = zip(self.acquisitions, self.log_shares, strict=True)
        mixed: FloatArray = logsumexp([acquisition(x) + share for acquisition, share in pairs], axis=0)
        return mixed

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithm at points, and its gradients: (m, d) -> (m,), (m, d)."""
        parts = [acquisition.with_gradient(x) for acquisition in self.acquisitions]
        values = np.array([value for value, _ in parts]) + np.array(self.log_shares)[:, None]
        total: FloatArray = logsumexp(values, axis=0)
        gradients = np.array([gradient for _, gradient in parts])
        return total, np.einsum("am,amd->md", np.exp(values - total), gradients)


@dataclass(frozen=True, kw_only=True, slots=True)
class Feasible:
    """The `acquisition` times the probability that a trial does not fail.

    `outcomes` are processes of 1 for a failure and -1 for anything else, so a failure has the probability that their
    value, noise included, is above 0: least-squares classification, Rasmussen and Williams, "Gaussian Processes for
    Machine Learning", 6.5. A failure is thus no value: the best configurations are often beside those that fail.
    """

    acquisition: Acquisition
    outcomes: Processes

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        mean, variance = self.outcomes.predict(x)
        success: FloatArray = log_ndtr(-mean / np.sqrt(variance + self._noise)).mean(0)
        return self.acquisition(x) + success

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithm at points, and its gradients: (m, d) -> (m,), (m, d)."""
        values, gradients = self.acquisition.with_gradient(x)
        mean, variance, mean_slope, variance_slope = self.outcomes.predict_with_gradient(x)
        deviation = np.sqrt(variance + self._noise)
        z = -mean / deviation
        log_success = log_ndtr(z)
        steepness = np.exp(-0.5 * z**2 - _LOG_ROOT_2PI - log_success)
        z_slope = (-mean_slope - (z / (2 * deviation))[..., None] * variance_slope) / deviation[..., None]
        return values + log_success.mean(0), gradients + (steepness[..., None] * z_slope).mean(0)

    @property
    def _noise(self) -> FloatArray:
        return np.exp(self.outcomes.thetas[:, -1:])


@dataclass(frozen=True, kw_only=True, slots=True)
class Led:
    """The `acquisition` times the belief's density, whose power falls with the number of ended `trials`.

    Source: Hvarfner et al., "piBO", ICLR 2022, arXiv 2204.11051.
    """

    acquisition: Acquisition
    belief: Belief
    embedding: Embedding
    trials: int

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        return self.acquisition(x) + self._power * self.belief.log_density(self.embedding.points(x))

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithm at points, and its gradients: (m, d) -> (m,), (m, d)."""
        values, gradients = self.acquisition.with_gradient(x)
        points = self.embedding.points(x)
        slopes = self.belief.gradient(points)[:, self.embedding.numbers]
        gradients[:, self.embedding.coordinates.is_number] += self._power * slopes
        return values + self._power * self.belief.log_density(points), gradients

    @property
    def _power(self) -> float:
        return float(np.minimum(1.0, _TRIALS_OF_BELIEF / max(self.trials, 1)))
