"""Log expected improvement, and where it is greatest. Pure.

Expected improvement is a sum of tiny numbers almost everywhere, where its gradient is nothing; its logarithm is not:
Ament, Daulton, Eriksson, Balandat and Bakshy, NeurIPS 2023, arXiv 2310.20708. Values are to be made small here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import erfcx, logsumexp, ndtr

from tuner.search.embedding import FloatArray
from tuner.search.gaussian_process import GaussianProcess

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
_LOG_ROOT_HALF_PI = 0.5 * math.log(math.pi / 2)
#: Below this, log h(z) is its expansion: 1 - sqrt(pi/2) |z| erfcx(|z|/sqrt2) has no digits left.
_FAR = -1e6


def log_h(z: FloatArray) -> FloatArray:
    """log(phi(z) + z Phi(z)), stable for every z. Source: Ament et al. 2023, equation 9."""
    result = np.empty_like(z)
    near = z > -1
    result[near] = np.log(np.exp(-0.5 * z[near] ** 2 - _LOG_ROOT_2PI) + z[near] * ndtr(z[near]))
    far = z <= _FAR
    result[far] = -0.5 * z[far] ** 2 - _LOG_ROOT_2PI - 2 * np.log(-z[far])
    middle = ~near & ~far
    t = z[middle]
    inner = np.log(-t) + np.log(erfcx(-t / math.sqrt(2))) + _LOG_ROOT_HALF_PI
    result[middle] = -0.5 * t**2 - _LOG_ROOT_2PI + np.log(-np.expm1(np.minimum(inner, -1e-16)))
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedImprovement:
    """The expected improvement over each process's own incumbent, averaged over processes that are equally likely."""

    processes: Sequence[GaussianProcess]
    incumbents: Sequence[float]

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        logarithms = []
        for process, incumbent in zip(self.processes, self.incumbents, strict=True):
            mean, variance = process.predict(x)
            deviation = np.sqrt(variance)
            logarithms.append(log_h((incumbent - mean) / deviation) + np.log(deviation))
        averaged: FloatArray = logsumexp(logarithms, axis=0) - math.log(len(logarithms))
        return averaged

    def with_gradient(self, x: FloatArray) -> tuple[float, FloatArray]:
        """The logarithm at one point, and its gradient: (d,) -> scalar, (d,)."""
        values, gradients = [], []
        for process, incumbent in zip(self.processes, self.incumbents, strict=True):
            mean, variance, mean_slope, variance_slope = process.predict_with_gradient(x)
            deviation = math.sqrt(variance)
            deviation_slope = variance_slope / (2 * deviation)
            z = (incumbent - mean) / deviation
            log_improvement = float(log_h(np.array([z]))[0])
            # d log h / dz = Phi(z) / h(z); computed as a difference of logarithms it survives far from the incumbent.
            steepness = math.exp(_log_ndtr(z) - log_improvement)
            z_slope = -(mean_slope + z * deviation_slope) / deviation
            values.append(log_improvement + math.log(deviation))
            gradients.append(steepness * z_slope + deviation_slope / deviation)
        weights = np.exp(np.array(values) - logsumexp(values))
        return float(logsumexp(values)) - math.log(len(values)), weights @ np.array(gradients)


def climb(improvement: ExpectedImprovement, start: FloatArray, is_free: FloatArray) -> FloatArray:
    """The top of the hill that `start` (d,) is on, moving only coordinates where `is_free`, within the unit cube."""
    free = is_free.astype(bool)
    if not free.any():
        return start

    def cost(moved: FloatArray) -> tuple[float, FloatArray]:
        x = start.copy()
        x[free] = moved
        value, gradient = improvement.with_gradient(x)
        return -value, -gradient[free]

    result = minimize(
        cost, start[free], jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * int(free.sum()), options={"maxiter": 40}
    )
    top = start.copy()
    top[free] = np.clip(result.x, 0.0, 1.0)
    return top


def _log_ndtr(z: float) -> float:
    return -0.5 * z**2 + math.log(0.5 * float(erfcx(-z / math.sqrt(2)))) if z < 0 else math.log(float(ndtr(z)))
