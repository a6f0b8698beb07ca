"""Gaussian-process regression with the prior knowledge that few data need. Pure.

Notation
    X (n, d)  the embedded points of the observations          y (n,)  their values, standardised
    K (n, n)  the kernel matrix                                 L       lower Cholesky factor of K + noise I
    theta     the logarithms of the hyperparameters: a lengthscale a range, the amplitude, the noise

The kernel is Matern 5/2 with a lengthscale a range. theta has a normal prior, so the hyperparameters are log-normal:
the lengthscales' grows with the square root of the number of ranges, so that a space of many ranges is not believed to
be rougher (Hvarfner, Hellsten and Nardi, ICML 2024, arXiv 2402.02229).

With few observations one best theta says too much. Predictions are averaged over draws from its posterior, by
elliptical slice sampling, which needs no tuning where the prior is normal (Murray, Adams and MacKay, AISTATS 2010,
arXiv 1001.0175).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from tuner.search.embedding import FloatArray

_ROOT5 = math.sqrt(5)
#: Added to the diagonal whatever the noise: rounding must not make a kernel matrix of near points indefinite.
_JITTER = 1e-8
#: The cost of hyperparameters under which nothing can be computed.
_IMPOSSIBLE = 1e10
#: An angle; a slice that has shrunk so far is where the chain stands already.
_SMALLEST_BRACKET = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """The normal prior of theta: mean and standard deviation, both (ranges + 2,)."""

    mean: FloatArray
    deviation: FloatArray

    @classmethod
    def for_dimensions(cls, dimensions: int) -> "Prior":
        """What is believed of a tuning problem over so many ranges before anything was measured.

        Lengthscales: as in Hvarfner et al. 2024, somewhat shorter and less spread, because ranges are chosen to matter.
        Amplitude: near 1, as values are standardised. Noise: a standard deviation of 2 % of the values' own, within a
        factor of 7 either way.
        """
        lengthscale = math.sqrt(2) + math.log(dimensions) / 2 - 1.2
        return cls(
            mean=np.array([*[lengthscale] * dimensions, 0.0, -8.0]),
            deviation=np.array([*[1.2] * dimensions, 0.5, 2.0]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianProcess:
    """A process conditioned on observations under one theta: what predictions are made from."""

    theta: FloatArray
    observations: "Observations"
    L: FloatArray
    alpha: FloatArray

    def predict(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the noiseless function at `x`: (m, d) -> (m,), (m,).

        mean = k(x, X) C^-1 y, variance = k(x, x) - k(x, X) C^-1 k(X, x), with C = K + noise I = L L^T. Solved through
        L: forming C^-1 loses the digits that near points need.
        """
        k = self.covariance(x, self.observations.X)
        half = solve_triangular(self.L, k.T, lower=True, check_finite=False)
        return k @ self.alpha, np.maximum(math.exp(self.theta[-2]) - np.einsum("nm,nm->m", half, half), 1e-12)

    def predict_with_gradient(self, x: FloatArray) -> tuple[float, float, FloatArray, FloatArray]:
        """Mean and variance at one point, and their gradients: (d,) -> scalar, scalar, (d,), (d,)."""
        scaled = (x - self.observations.X) / self._lengthscales  # (n, d)
        distance = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))
        amplitude, falloff = math.exp(self.theta[-2]), np.exp(-_ROOT5 * distance)
        k = amplitude * (1 + _ROOT5 * distance + 5 / 3 * distance**2) * falloff
        # dk/dx = -5/3 amplitude (1 + sqrt5 r) exp(-sqrt5 r) (x - X) / lengthscale^2: no division by r at r = 0.
        slope = (-5 / 3 * amplitude * (1 + _ROOT5 * distance) * falloff)[:, None] * scaled / self._lengthscales
        solved = cho_solve((self.L, True), k, check_finite=False)
        variance = max(amplitude - float(k @ solved), 1e-12)
        return float(k @ self.alpha), variance, slope.T @ self.alpha, -2 * slope.T @ solved

    def covariance(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """The kernel between two sets of points: (m, d), (n, d) -> (m, n)."""
        return _matern(_distances(a / self._lengthscales, b / self._lengthscales), math.exp(self.theta[-2]))

    def with_fantasies(self, x: FloatArray, generator: np.random.Generator) -> "GaussianProcess":
        """The process as if the trials at `x` (p, d) had ended, with values drawn from what is known of them."""
        if not len(x):
            return self
        k = self.covariance(x, self.observations.X)
        half = solve_triangular(self.L, k.T, lower=True, check_finite=False)
        joint = self.covariance(x, x) - half.T @ half
        noise = math.exp(self.theta[-1]) + _JITTER
        factor = cholesky(joint + noise * np.eye(len(x)), lower=True, check_finite=False)
        drawn = k @ self.alpha + factor @ generator.standard_normal(len(x))
        return self.observations.joined_by(x, drawn).condition(self.theta)

    @property
    def _lengthscales(self) -> FloatArray:
        scales: FloatArray = np.exp(self.theta[:-2])[self.observations.groups]
        return scales


@dataclass(frozen=True, kw_only=True, slots=True)
class Observations:
    """What was measured: values `y` (n,) at points `X` (n, d); `groups` (d,) is the range of each coordinate."""

    groups: NDArray[np.int_]
    X: FloatArray
    y: FloatArray

    def joined_by(self, x: FloatArray, values: FloatArray) -> "Observations":
        """These and the `values` (p,) at `x` (p, d)."""
        return Observations(groups=self.groups, X=np.vstack([self.X, x]), y=np.concatenate([self.y, values]))

    def condition(self, theta: FloatArray) -> "GaussianProcess":
        """The process under `theta` given these; raises numpy.linalg.LinAlgError where rounding forbids it."""
        scaled = self.X / np.exp(theta[:-2])[self.groups]
        K = _matern(_distances(scaled, scaled), math.exp(theta[-2]))
        K[np.diag_indices_from(K)] += math.exp(theta[-1]) + _JITTER
        L = cholesky(K, lower=True, check_finite=False)
        return GaussianProcess(
            theta=theta, observations=self, L=L, alpha=cho_solve((L, True), self.y, check_finite=False)
        )

    def log_likelihood(self, theta: FloatArray) -> float:
        """The logarithm of p(y | X, theta); minus infinity where rounding makes the kernel matrix indefinite."""
        try:
            gp = self.condition(theta)
        except np.linalg.LinAlgError:
            return -math.inf
        return float(-0.5 * self.y @ gp.alpha - np.log(np.diag(gp.L)).sum() - 0.5 * len(self.y) * math.log(2 * math.pi))

    def log_likelihood_gradient(self, theta: FloatArray) -> FloatArray:
        """The gradient of `log_likelihood` in theta, (ranges + 2,): 1/2 tr((alpha alpha^T - C^-1) dC/dtheta)."""
        gp = self.condition(theta)
        inner = np.outer(gp.alpha, gp.alpha) - cho_solve((gp.L, True), np.eye(len(self.y)), check_finite=False)
        scaled = self.X / np.exp(theta[:-2])[self.groups]
        distance = _distances(scaled, scaled)
        amplitude = math.exp(theta[-2])
        shared = inner * (5 / 3 * amplitude * (1 + _ROOT5 * distance) * np.exp(-_ROOT5 * distance))
        gradient = np.empty_like(theta)
        # dK/d log lengthscale_g = 5/3 amplitude (1 + sqrt5 r) exp(-sqrt5 r) * the part of r^2 that range g has.
        by_coordinate = 2 * (
            np.einsum("ij,id->d", shared, scaled**2) - np.einsum("ij,id,jd->d", shared, scaled, scaled)
        )
        gradient[:-2] = 0.5 * np.bincount(self.groups, weights=by_coordinate, minlength=len(theta) - 2)
        gradient[-2] = 0.5 * float((inner * _matern(distance, amplitude)).sum())
        gradient[-1] = 0.5 * math.exp(theta[-1]) * float(np.trace(inner))
        return gradient


def most_probable(prior: Prior, observations: Observations, starts: Sequence[FloatArray]) -> FloatArray:
    """The theta of the greatest posterior density that is found from `starts`."""

    def cost(theta: FloatArray) -> tuple[float, FloatArray]:
        away = (theta - prior.mean) / prior.deviation
        likelihood = observations.log_likelihood(theta)
        if not math.isfinite(likelihood):
            return _IMPOSSIBLE, np.zeros_like(theta)
        gradient = observations.log_likelihood_gradient(theta)
        return 0.5 * float(away @ away) - likelihood, away / prior.deviation - gradient

    bounds = [(m - 4 * s, m + 4 * s) for m, s in zip(prior.mean, prior.deviation, strict=True)]
    found = [
        minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}) for start in starts
    ]
    best: FloatArray = min(found, key=lambda result: float(result.fun)).x
    return best


def posterior_draws(
    prior: Prior,
    observations: Observations,
    *,
    start: FloatArray,
    count: int,
    thinning: int,
    generator: np.random.Generator,
) -> list[FloatArray]:
    """`count` draws of theta from its posterior, every `thinning`-th of a chain that begins at `start`."""
    draws: list[FloatArray] = []
    theta = start
    likelihood = observations.log_likelihood(theta)
    for step in range(1, count * thinning + 1):
        theta, likelihood = _elliptical_slice(prior, observations, theta, likelihood, generator)
        if step % thinning == 0:
            draws.append(theta)
    return draws


def _elliptical_slice(
    prior: Prior, observations: Observations, theta: FloatArray, likelihood: float, generator: np.random.Generator
) -> tuple[FloatArray, float]:
    """One step of elliptical slice sampling: Murray et al. 2010, figure 2."""
    other = prior.deviation * generator.standard_normal(len(theta))
    threshold = likelihood + math.log(1 - generator.random())
    angle = generator.uniform(0, 2 * math.pi)
    low, high = angle - 2 * math.pi, angle
    centred = theta - prior.mean
    while high - low > _SMALLEST_BRACKET:
        proposal = prior.mean + centred * math.cos(angle) + other * math.sin(angle)
        proposed = observations.log_likelihood(proposal)
        if proposed >= threshold:
            return proposal, proposed
        low, high = (angle, high) if angle < 0 else (low, angle)
        angle = generator.uniform(low, high)
    return theta, likelihood


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    distances: FloatArray = np.sqrt(np.maximum(squared, 0.0))
    return distances


def _matern(distance: FloatArray, amplitude: float) -> FloatArray:
    values: FloatArray = amplitude * (1 + _ROOT5 * distance + 5 / 3 * distance**2) * np.exp(-_ROOT5 * distance)
    return values
