"""Log expected improvement, and where it is greatest. Pure.

Expected improvement is a sum of tiny numbers almost everywhere, where its gradient is nothing; its logarithm is not:
Ament, Daulton, Eriksson, Balandat and Bakshy, NeurIPS 2023, arXiv 2310.20708. Values are to be made small here.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, logsumexp, ndtr

from tuner.search.gaussian_process import Processes
from tuner.search.warping import FloatArray

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
_LOG_ROOT_HALF_PI = 0.5 * math.log(math.pi / 2)
#: Below this, log h(z) is its expansion: 1 - sqrt(pi/2) |z| erfcx(|z|/sqrt2) has no digits left.
_FAR = -1e6
#: In standard deviations of the values: from so far behind, every place is an improvement.
_MUCH_WORSE = 3.0
#: Steps of a climb; the last ones of a longer climb gain nothing that another trial would notice.
_MOST_STEPS = 40


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
    """The expected improvement over each process's own incumbent, averaged over processes that are equally likely.

    `incumbents` (s,) are the values that the processes hold for the best so far.
    """

    processes: Processes
    incumbents: FloatArray

    @classmethod
    def over_the_best(cls, processes: Processes) -> "ExpectedImprovement":
        """Over the best of this job's observations, as each process sees it without the noise.

        Where this job has none yet, over a place that is worse than any that its parents have been at: then what counts
        is what they make one expect, not how little is known.
        """
        seen = processes.observations
        mine = seen.tasks == 0
        means, _ = processes.predict(seen.X[mine] if mine.any() else seen.X)
        return cls(processes=processes, incumbents=means.min(1) if mine.any() else means.max(1) + _MUCH_WORSE)

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        logarithms = self.by_process(x)
        found: FloatArray = logsumexp(logarithms, axis=0) - math.log(len(logarithms))
        return found

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithm at points, and its gradients: (m, d) -> (m,), (m, d)."""
        return averaged(*self.by_process_with_gradient(x))

    def by_process(self, x: FloatArray) -> FloatArray:
        """The logarithm that each process expects: (m, d) -> (s, m)."""
        mean, variance = self.processes.predict(x)
        deviation = np.sqrt(variance)
        logarithms: FloatArray = log_h((self.incumbents[:, None] - mean) / deviation) + np.log(deviation)
        return logarithms

    def by_process_with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same, and the gradients: (m, d) -> (s, m), (s, m, d)."""
        mean, variance, mean_slope, variance_slope = self.processes.predict_with_gradient(x)
        deviation = np.sqrt(variance)
        deviation_slope = variance_slope / (2 * deviation[..., None])
        z = (self.incumbents[:, None] - mean) / deviation
        log_improvement = log_h(z)
        # d log h / dz = Phi(z) / h(z); computed as a difference of logarithms it survives far from the incumbent, until
        # rounding is all that the difference has. There it is -z.
        far = z < _FAR
        steepness = np.where(far, -z, np.exp(np.where(far, 0.0, log_ndtr(z) - log_improvement)))
        z_slope = -(mean_slope + z[..., None] * deviation_slope) / deviation[..., None]
        logarithms = log_improvement + np.log(deviation)
        return logarithms, steepness[..., None] * z_slope + deviation_slope / deviation[..., None]


def averaged(logarithms: FloatArray, gradients: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The logarithm of the mean over processes, and its gradients: (s, m), (s, m, d) -> (m,), (m, d)."""
    total = logsumexp(logarithms, axis=0)
    weights = np.exp(logarithms - total)
    return total - math.log(len(logarithms)), np.einsum("sm,smd->md", weights, gradients)


class Acquisition(Protocol):
    """What is greatest where the next trial should be."""

    def __call__(self, x: FloatArray) -> FloatArray:
        """By embedded point: (m, d) -> (m,)."""
        ...

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same, and the gradients: (m, d) -> (m,), (m, d)."""
        ...


def climb(acquisition: Acquisition, starts: FloatArray, is_free: NDArray[np.bool_]) -> FloatArray:
    """The tops of the hills that `starts` (m, d) are on, moving only coordinates where `is_free`, in the unit cube.

    All climb at once, as one climber in the product of their spaces.
    """
    shape = (len(starts), int(is_free.sum()))
    if not shape[1]:
        return starts

    def cost(moved: FloatArray) -> tuple[float, FloatArray]:
        x = starts.copy()
        x[:, is_free] = moved.reshape(shape)
        values, gradients = acquisition.with_gradient(x)
        return -float(values.sum()), -gradients[:, is_free].ravel()

    result = minimize(
        cost,
        starts[:, is_free].ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * (shape[0] * shape[1]),
        options={"maxiter": _MOST_STEPS},
    )
    tops = starts.copy()
    tops[:, is_free] = np.clip(result.x.reshape(shape), 0.0, 1.0)
    return tops
