"""Gaussian-process regression with the prior knowledge that few data need. Pure.

Notation
    X (n, d)  the embedded points of the observations           y (n,)   their values, standardised
    Z (n, d)  the points after warping, see `warping`           F (n, f) their main effects, see `Model`
    K (n, n)  the kernel matrix                                 L        lower Cholesky factor of K + noise I
    theta     the hyperparameters, on scales on which their prior is normal; `Model` says which stands where

The kernel is a sum: Matern 5/2 with a lengthscale a range, and main effects, which are what each range does by itself.
`prior` tells what is believed of them.

Observations of earlier jobs share the kernel, and are correlated with this job's by a factor that is a hyperparameter
too: the intrinsic coregionalisation of Goovaerts, "Geostatistics for Natural Resources Evaluation" (1997), of rank one.
What the level of this job's values is, theirs do not tell.

`inference` finds theta.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dtrtri, dtrtrs

from tuner.search.prior import Model
from tuner.search.warping import FloatArray

_ROOT5 = math.sqrt(5)
#: Added to the diagonal whatever the noise: rounding must not make a kernel matrix of near points indefinite.
_JITTER = 1e-8
#: A variance is not less than this: rounding must not make it negative.
_LEAST_VARIANCE = 1e-12

#: The variance of the level of this job's values, where there are parents.
_LEVEL = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Observations:
    """What was measured: values `y` (n,) at points `X` (n, d), in `tasks` (n,): 0 for this job, 1, ... for parents.

    `doubts` (n,) are variances that observations have beside the noise: of those that are forecasts, not measurements.
    """

    model: Model
    X: FloatArray
    y: FloatArray
    tasks: NDArray[np.int_]
    doubts: FloatArray | float = 0.0

    def log_likelihoods(self, thetas: FloatArray) -> FloatArray:
        """Log p(y | X, theta): (s, t) -> (s,); minus infinity where rounding makes the kernel matrix indefinite."""
        found = np.empty(len(thetas))
        for place, C in enumerate(self.covariances(thetas)):
            L, failed = dpotrf(C, lower=1, clean=0)
            if failed:
                found[place] = -math.inf
                continue
            w, _ = dtrtrs(L, self.y, lower=1)
            found[place] = -0.5 * float(w @ w) - float(np.log(np.diag(L)).sum())
        return found - 0.5 * len(self.y) * math.log(2 * math.pi)

    def covariances(self, thetas: FloatArray) -> FloatArray:
        """K + noise I under each theta: (s, t) -> (s, n, n)."""
        Z = self.model.warping(thetas)(self.X)
        F = self.model.main_effects(thetas, Z)
        K = kernel(self.model, thetas, Z, Z, effects=(F, F), tasks=(self.tasks, self.tasks))
        K[:, range(len(self.y)), range(len(self.y))] += np.exp(thetas[:, -1:]) + self.doubts + _JITTER
        return K

    def log_likelihood_with_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Log p(y | X, theta) and its gradient in theta, 1/2 tr((alpha alpha^T - C^-1) dC/dtheta): (t,) -> (), (t,)."""
        model, count = self.model, len(self.y)
        warping, lengthscales = model.warping(theta), model.lengthscales(theta)
        amplitude, main, noise = np.exp(theta[-3:])
        Z = warping(self.X)
        F = model.main_effects(theta, Z)
        scaled = Z / lengthscales
        r = _ROOT5 * _distances(scaled, scaled)
        falloff = np.exp(-r)
        matern = (1 + r + r * r / 3) * falloff
        K = amplitude * matern + main * (F @ F.T)
        shared = _shared(model.correlations(theta), self.tasks, self.tasks)
        C = shared * K
        if model.parents:
            C += _level(self.tasks, self.tasks)
        C[np.diag_indices(count)] += noise + self.doubts + _JITTER
        L, failed = dpotrf(C, lower=1)
        if failed:
            return -math.inf, np.zeros_like(theta)
        w, _ = dtrtrs(L, self.y, lower=1)
        alpha, _ = dtrtrs(L, w, lower=1, trans=1)
        likelihood = -0.5 * float(w @ w) - float(np.log(np.diag(L)).sum()) - 0.5 * count * math.log(2 * math.pi)
        inverse, _ = dpotri(L, lower=1)  # of C; the lower half
        inner = np.outer(alpha, alpha) - inverse - np.tril(inverse, -1).T

        ranges = model.coordinates.ranges
        tied = inner * shared
        # dM/d log lengthscale_g = 5/3 (1 + sqrt5 r) exp(-sqrt5 r) * the part of r^2 that range g has.
        steep = tied * (5 / 3 * amplitude * (1 + r) * falloff)
        rows, pulled = steep.sum(1), steep @ scaled
        by_coordinate = rows @ scaled**2 - (scaled * pulled).sum(0)
        by_Z = -(rows[:, None] * scaled - pulled)[:, model.columns] / lengthscales[model.columns]
        by_F = main * (tied @ F)
        by_Z += model.main_effects_slopes(theta, Z, by_F)
        by_a, by_b = warping.by_shapes(self.X)
        gradient = np.concatenate(
            [
                np.bincount(model.coordinates.groups, weights=by_coordinate, minlength=ranges),
                (by_Z * by_a).sum(0),
                (by_Z * by_b).sum(0),
                self._by_correlations(model.correlations(theta), inner * K),
                [
                    0.5 * float((F * by_F)[:, model.waves].sum()),
                    0.5 * amplitude * float((tied * matern).sum()),
                    0.5 * float((F * by_F).sum()),
                    0.5 * noise * float(np.trace(inner)),
                ],
            ]
        )
        return likelihood, gradient

    def _by_correlations(self, correlations: FloatArray, weighted: FloatArray) -> list[float]:
        found = []
        for parent in range(1, 1 + self.model.parents):
            mine = self.tasks == parent
            across = weighted[np.ix_(mine, ~mine)] * correlations[self.tasks[~mine]]
            found.append(float(across.sum()) * (1 - float(correlations[parent]) ** 2))
        return found

    def condition(self, thetas: FloatArray) -> "Processes":
        """The processes under `thetas` (s, t) given these, without those for which rounding forbids it.

        Raises numpy.linalg.LinAlgError where it forbids all.
        """
        kept, inverses = [], []
        for place, C in enumerate(self.covariances(thetas)):
            L, failed = dpotrf(C, lower=1, clean=1)
            if not failed:
                kept.append(place)
                inverses.append(dtrtri(L, lower=1)[0])
        if not kept:
            raise np.linalg.LinAlgError("under no hyperparameters is the kernel matrix positive definite")
        stacked = np.array(inverses)
        whitened = stacked @ self.y
        return Processes(observations=self, thetas=thetas[kept], inverses=stacked, whitened=whitened)

    def alone(self) -> "Observations":
        """This job's own, as if there were no parents."""
        return replace(self.some(np.flatnonzero(self.tasks == 0)), model=Model(coordinates=self.model.coordinates))

    def some(self, places: NDArray[np.int_]) -> "Observations":
        """Those at `places`."""
        return Observations(
            model=self.model,
            X=self.X[places],
            y=self.y[places],
            tasks=self.tasks[places],
            doubts=np.broadcast_to(self.doubts, self.y.shape)[places],
        )


@dataclass(frozen=True, kw_only=True)
class Processes:
    """A stack of processes, each conditioned on the observations under a theta of its own: `thetas` (s, t).

    `inverses` (s, n, n) are those of L, and `whitened` (s, n) are L^-1 y.
    """

    observations: Observations
    thetas: FloatArray
    inverses: FloatArray
    whitened: FloatArray

    @cached_property
    def _there(self) -> FloatArray:
        """The observations' warped points, (s, n, d)."""
        return self.observations.model.warping(self.thetas)(self.observations.X)

    @cached_property
    def _effects(self) -> FloatArray:
        """The main effects there, (s, n, f)."""
        return self.observations.model.main_effects(self.thetas, self._there)

    @cached_property
    def _alphas(self) -> FloatArray:
        """C^-1 y, (s, n)."""
        alphas: FloatArray = np.einsum("snm,sn->sm", self.inverses, self.whitened)
        return alphas

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of this job's noiseless function at `x`: (m, d) -> (s, m), (s, m).

        mean = k(x, X) C^-1 y, variance = k(x, x) - k(x, X) C^-1 k(X, x), with C = K + noise I = L L^T.
        """
        half, F = self._whitened_kernel(x)
        variance = self._prior_variance(F) - np.einsum("smn,smn->sm", half, half)
        return np.einsum("smn,sn->sm", half, self.whitened), np.maximum(variance, _LEAST_VARIANCE)

    def weights(self, x: FloatArray) -> FloatArray:
        """What the mean at `x` is, of the observations' values: (m, d) -> (s, m, n)."""
        weights: FloatArray = self._whitened_kernel(x)[0] @ self.inverses
        return weights

    def predict_with_gradient(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Mean and variance at points, and their gradients: (m, d) -> (s, m), (s, m), (s, m, d), (s, m, d).

        In coordinates of texts, which nobody can move by a little, the gradients leave out the main effects.
        """
        model, thetas, tasks = self.observations.model, self.thetas, self.observations.tasks
        warping, lengthscales = model.warping(thetas), model.lengthscales(thetas)[:, None, :]
        amplitude, main = np.exp(thetas[:, -3, None, None]), np.exp(thetas[:, -2, None, None])
        z = warping(x)
        scaled = (z[:, :, None, :] - self._there[:, None, :, :]) / lengthscales[:, :, None, :]  # (s, m, n, d)
        r = _ROOT5 * np.sqrt(np.einsum("smnd,smnd->smn", scaled, scaled))
        falloff = np.exp(-r)
        F, F_there = model.main_effects(thetas, z), self._effects
        shared = _shared(model.correlations(thetas), np.zeros(len(x), dtype=int), tasks)
        k = shared * (amplitude * (1 + r + r * r / 3) * falloff + main * (F @ F_there.transpose(0, 2, 1)))
        if model.parents:
            k += _level(np.zeros(len(x), dtype=int), tasks)
        half = k @ self.inverses.transpose(0, 2, 1)
        variance = np.maximum(self._prior_variance(F) - np.einsum("smn,smn->sm", half, half), _LEAST_VARIANCE)

        # dk/dz = -5/3 amplitude (1 + sqrt5 r) exp(-sqrt5 r) (z - Z) / lengthscale^2: no division by r at r = 0.
        steep = (-5 / 3) * amplitude * shared * (1 + r) * falloff
        slopes = []
        for weights, own in ((self._alphas[:, None, :], 0.0), (-2 * half @ self.inverses, 2.0)):
            by_z = np.einsum("smn,smnd->smd", steep * weights, scaled) / lengthscales
            by_F = main * ((weights * shared) @ F_there + own * F)
            by_z[..., model.columns] += model.main_effects_slopes(thetas, z, by_F)
            slopes.append(by_z * warping.slopes(x))
        return np.einsum("smn,sn->sm", half, self.whitened), variance, slopes[0], slopes[1]

    def with_fantasies(self, x: FloatArray, generator: np.random.Generator) -> "Processes":
        """The processes as if the trials at `x` (p, d) had ended, with values drawn from what each knows of them."""
        if not len(x):
            return self
        seen = self.observations
        joined = Observations(
            model=seen.model,
            X=np.vstack([seen.X, x]),
            y=np.concatenate([seen.y, np.zeros(len(x))]),  # each process has values of its own, in `whitened`
            tasks=np.concatenate([seen.tasks, np.zeros(len(x), dtype=int)]),
            doubts=np.concatenate([np.broadcast_to(seen.doubts, seen.y.shape), np.zeros(len(x))]),
        )
        drawn = generator.standard_normal((len(self.thetas), len(x)))
        try:
            processes = joined.condition(self.thetas)
        except np.linalg.LinAlgError:
            return self
        kept = len(processes.thetas)
        if kept < len(self.thetas):
            return self
        # The drawn values are L21 w + L22 e with w = L11^-1 y and e normal: so L^-1 times all values is (w, e).
        return replace(processes, whitened=np.concatenate([self.whitened, drawn], axis=1))

    def _whitened_kernel(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """k(x, X) L^-T, and the main effects at `x`: (m, d) -> (s, m, n), (s, m, f)."""
        model, thetas, seen = self.observations.model, self.thetas, self.observations
        z = model.warping(thetas)(x)
        F = model.main_effects(thetas, z)
        tasks = (np.zeros(len(x), dtype=int), seen.tasks)
        k = kernel(model, thetas, z, self._there, effects=(F, self._effects), tasks=tasks)
        return k @ self.inverses.transpose(0, 2, 1), F

    def _prior_variance(self, F: FloatArray) -> FloatArray:
        effects = np.einsum("smf,smf->sm", F, F)
        variance: FloatArray = np.exp(self.thetas[:, -3, None]) + np.exp(self.thetas[:, -2, None]) * effects
        return variance + _LEVEL if self.observations.model.parents else variance


def kernel(
    model: Model,
    thetas: FloatArray,
    z: FloatArray,
    Z: FloatArray,
    *,
    effects: tuple[FloatArray, FloatArray],
    tasks: tuple[NDArray[np.int_], NDArray[np.int_]],
) -> FloatArray:
    """The covariances between two sets of warped points with these main `effects`, in `tasks` (m,), (n,).

    (s, m, d), (s, n, d) -> (s, m, n)
    """
    lengthscales = model.lengthscales(thetas)[:, None, :]
    there = Z / lengthscales
    r = _distances(there if z is Z else z / lengthscales, there)
    r *= _ROOT5
    K: FloatArray = np.exp(-r)
    K *= (1 + r + r * r / 3) * np.exp(thetas[:, -3, None, None])
    K += np.exp(thetas[:, -2, None, None]) * (effects[0] @ effects[1].transpose(0, 2, 1))
    if model.parents:
        K *= _shared(model.correlations(thetas), *tasks)
        K += _level(*tasks)
    return K


def _shared(correlations: FloatArray, tasks: NDArray[np.int_], Tasks: NDArray[np.int_]) -> FloatArray:
    """By which the kernel is multiplied: 1 within a job, the product of their correlations with this one across two."""
    if correlations.shape[-1] == 1:
        return np.ones((1, 1))
    across = correlations[..., tasks, None] * correlations[..., None, Tasks]
    shared: FloatArray = np.where(tasks[:, None] == Tasks[None, :], 1.0, across)
    return shared


def _level(tasks: NDArray[np.int_], Tasks: NDArray[np.int_]) -> FloatArray:
    """What is added to the kernel: the variance of this job's level, between its own observations."""
    return _LEVEL * np.outer(tasks == 0, Tasks == 0)


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    there = (b**2).sum(-1)
    here = there if a is b else (a**2).sum(-1)
    squared: FloatArray = here[..., :, None] + there[..., None, :]
    squared -= 2 * a @ np.swapaxes(b, -1, -2)
    np.maximum(squared, 0.0, out=squared)
    return np.sqrt(squared, out=squared)
