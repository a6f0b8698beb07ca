"""How likely trials are to keep the bounds on their other metrics, and what they gain if they do. Pure.

Whether a bound is kept is no yes or no to a model: by how much it was kept or broken tells where the edge is. So each
metric with bounds has processes of its own, and an improvement counts as often as it keeps them: the constrained
expected improvement of Schonlau, Welch and Jones (1998), in log space. While no trial keeps all bounds, every one that
does is an improvement, and what counts is the probability of that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

from contracts.search_extension import MetricConstraint
from tuner.search.acquisition import ExpectedImprovement, averaged
from tuner.search.gaussian_process import Observations, Processes
from tuner.search.warping import FloatArray

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
#: In standard deviations of the values: how much worse than all that was seen it is that no trial keeps the bounds.
#: Nearly nothing but the probability of keeping them counts then.
_NOTHING_KEPT = 3.0
#: A metric's standard deviation is not less than this, in distances of the middle value from the bound; nor is that
#: distance, in the greatest: what is closer together is equal.
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundedMetric:
    """What was seen of a metric that has to stay between `low` and `high`, which may be infinite; all standardised."""

    observations: Observations
    low: float
    high: float

    @classmethod
    def of(cls, observations: Observations, values: FloatArray, constraint: MetricConstraint) -> "BoundedMetric":
        """That of the finite `values` (n,) of a metric at the points of `observations`, which has `constraint`.

        Where the values are all positive, and their logarithms look more like a normal distribution, these are what
        counts. Near a bound values stay as they are, far from it only their order of magnitude counts.
        """
        bounds = np.array([constraint.minimum, constraint.maximum])
        values, bounds = _scaled(values, bounds)
        finite = bounds[np.isfinite(bounds)]
        middle = float(finite.mean())
        distances = np.abs(values[:, None] - finite[None, :]).min(1)
        width = float(np.median(distances)) + (float(np.ptp(finite)) / 2 or 0.0)
        width = max(width, _LEAST_SPREAD * float(distances.max())) or 1.0
        near, edges = np.arcsinh((values - middle) / width), np.arcsinh((bounds - middle) / width)
        edges = _between_counted(near, edges)
        spread = float(near.std())
        spread = spread if spread > _LEAST_SPREAD else 1.0
        low, high = (edges - near.mean()) / spread
        y = (near - near.mean()) / spread
        return cls(observations=replace(observations, y=y), low=float(low), high=float(high))

    def kept_by(self, processes: Processes) -> "Keeping":
        """How likely the bounds are to be kept by `processes` of these observations."""
        return Keeping(processes=processes, low=self.low, high=self.high)


def _scaled(values: FloatArray, bounds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithms where these are more like a normal distribution (Box and Cox 1964), or parts of the greatest size."""
    finite = bounds[np.isfinite(bounds)]
    if values.min() > 0 and finite.min() > 0:
        logarithms = np.log(values)
        shares = values / values.max()
        plain, logarithmic = shares.std(), logarithms.std()
        # Of n values, -n log(deviation), and for logarithms -sum(log(value)): the derivative of the way there.
        if plain > 0 and math.log(plain) > math.log(logarithmic) + float(np.log(shares).mean()):
            with np.errstate(divide="ignore"):
                return logarithms, np.log(np.where(bounds > 0, bounds, 0.0))
    largest = max(float(np.abs(values).max()), float(np.abs(finite).max())) or 1.0
    return values / largest, bounds / largest


def _between_counted(values: FloatArray, edges: FloatArray) -> FloatArray:
    """The edges, of which one that a value lies at is moved halfway to the next value beyond it.

    It is kept there: a metric that is counted, of which the next one is the first that breaks it.
    """
    low, high = (float(edge) for edge in edges)
    if (values == high).any() and (values > high).any():
        high = (high + float(values[values > high].min())) / 2
    if (values == low).any() and (values < low).any():
        low = (low + float(values[values < low].max())) / 2
    return np.array([low, high])


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """The probability that a trial keeps the bounds of one metric, its noise included, by each of the `processes`."""

    processes: Processes
    low: float
    high: float

    def with_fantasies(self, x: FloatArray, generator: np.random.Generator) -> "Keeping":
        """As if the trials at `x` (p, d) had ended, with values drawn from what each process knows of them."""
        return replace(self, processes=self.processes.with_fantasies(x, generator))

    def logarithm(self, x: FloatArray) -> FloatArray:
        """By process: (m, d) -> (s, m)."""
        mean, variance = self.processes.predict(x)
        deviation = np.sqrt(variance + self._noise)
        return _log_between((self.low - mean) / deviation, (self.high - mean) / deviation)

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same, and the gradients: (m, d) -> (s, m), (s, m, d)."""
        mean, variance, mean_slope, variance_slope = self.processes.predict_with_gradient(x)
        deviation = np.sqrt(variance + self._noise)
        low, high = (self.low - mean) / deviation, (self.high - mean) / deviation
        logarithm = _log_between(low, high)
        gradient = np.zeros_like(mean_slope)
        for z, sign in ((low, -1.0), (high, 1.0)):
            if np.isfinite(z).all():
                steepness = sign * np.exp(-0.5 * z**2 - _LOG_ROOT_2PI - logarithm)
                z_slope = (-mean_slope - (z / (2 * deviation))[..., None] * variance_slope) / deviation[..., None]
                gradient += steepness[..., None] * z_slope
        return logarithm, gradient

    def kept(self, pending: int) -> NDArray[np.bool_]:
        """Whether the last `pending` of the processes' observations, of which each drew a value, keep it: (s, p)."""
        count = self.processes.whitened.shape[1] - pending
        known = self.processes.observations.y[:count]
        last = self.processes.inverses[:, count:]
        rest = self.processes.whitened[:, count:] - last[:, :, :count] @ known
        values = np.linalg.solve(last[:, :, count:], rest[..., None])[..., 0]
        return (values >= self.low) & (values <= self.high)

    @property
    def _noise(self) -> FloatArray:
        return np.exp(self.processes.thetas[:, -1:])


def _log_between(low: FloatArray, high: FloatArray) -> FloatArray:
    """log(Phi(high) - Phi(low)), stable in both tails."""
    mirrored = low + high > 0  # in the upper tail both are 1
    with np.errstate(invalid="ignore"):
        near = log_ndtr(np.where(mirrored, -low, high))
        far = log_ndtr(np.where(mirrored, -high, low))
        logarithm: FloatArray = near + np.log1p(-np.exp(np.minimum(far - near, -1e-16)))
    return logarithm


@dataclass(frozen=True, kw_only=True)
class ConstrainedImprovement:
    """The `improvement` by each of its processes, times the probabilities of `keeping` bounds, averaged."""

    improvement: ExpectedImprovement
    keeping: Sequence[Keeping]

    @classmethod
    def over_the_best(
        cls, processes: Processes, keeping: Sequence[Keeping], kept: NDArray[np.bool_]
    ) -> "ConstrainedImprovement":
        """Over the best of this job's observations that keep the bounds, as each process sees it without the noise.

        `kept` (n,) are those that do, of the first of the processes' observations; the others, which are pending, do
        where the values that were drawn for them say so. Where none does, over something that is worse than all that
        was seen.
        """
        seen, count = processes.observations, len(processes.thetas)
        aligned = [_aligned(one, count) for one in keeping]
        mine = seen.tasks == 0
        pending = len(seen.y) - len(kept)
        keeps = np.tile(np.concatenate([kept, np.ones(pending, dtype=bool)]), (count, 1))
        for one in aligned if pending else ():
            keeps[:, len(kept) :] &= one.kept(pending)
        means, _ = processes.predict(seen.X)
        over = np.where(keeps & mine, means, np.inf).min(1, initial=np.inf)
        incumbents = np.where(np.isfinite(over), over, means.max(1) + _NOTHING_KEPT)
        return cls(improvement=ExpectedImprovement(processes=processes, incumbents=incumbents), keeping=aligned)

    def __call__(self, x: FloatArray) -> FloatArray:
        """The logarithm at `x`: (m, d) -> (m,)."""
        logarithms = self.improvement.by_process(x) + sum(one.logarithm(x) for one in self.keeping)
        found: FloatArray = logsumexp(logarithms, axis=0) - math.log(len(logarithms))
        return found

    def with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The logarithm at points, and its gradients: (m, d) -> (m,), (m, d)."""
        logarithms, gradients = self.improvement.by_process_with_gradient(x)
        for one in self.keeping:
            logarithm, gradient = one.with_gradient(x)
            logarithms, gradients = logarithms + logarithm, gradients + gradient
        return averaged(logarithms, gradients)


def _aligned(keeping: Keeping, count: int) -> Keeping:
    """With `count` processes: rounding may have forbidden some of them."""
    processes = keeping.processes
    if len(processes.thetas) == count:
        return keeping
    places = np.resize(np.arange(len(processes.thetas)), count)
    thetas, inverses, whitened = (part[places] for part in (processes.thetas, processes.inverses, processes.whitened))
    return replace(keeping, processes=replace(processes, thetas=thetas, inverses=inverses, whitened=whitened))
