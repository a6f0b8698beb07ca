"""What the hyperparameters of a Gaussian process are, given what was seen. Pure.

With few observations one best theta says too much. Predictions are averaged over draws from its posterior, by
elliptical slice sampling, which needs no tuning where the prior is normal (Murray, Adams and MacKay, AISTATS 2010,
arXiv 1001.0175).
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from tuner.search.gaussian_process import Observations
from tuner.search.warping import FloatArray

#: The cost of hyperparameters under which nothing can be computed.
_IMPOSSIBLE = 1e10
#: Steps of the search for the likeliest theta: further on, it moves by less than the draws around it do.
_MOST_STEPS = 60
#: An angle; a slice that has shrunk so far is where the chain stands already.
_SMALLEST_BRACKET = 1e-6


def most_probable(observations: Observations, starts: Sequence[FloatArray]) -> FloatArray:
    """The theta of the greatest posterior density that is found from `starts`."""
    model = observations.model

    def cost(theta: FloatArray) -> tuple[float, FloatArray]:
        away = (theta - model.mean) / model.deviation
        likelihood, gradient = observations.log_likelihood_with_gradient(theta)
        if not math.isfinite(likelihood):
            return _IMPOSSIBLE, np.zeros_like(theta)
        return 0.5 * float(away @ away) - likelihood, away / model.deviation - gradient

    bounds = list(zip(model.mean - 4 * model.deviation, model.mean + 4 * model.deviation, strict=True))
    found = [
        minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _MOST_STEPS})
        for start in starts
    ]
    best: FloatArray = min(found, key=lambda result: float(result.fun)).x
    return best


def posterior_draws(
    observations: Observations, *, start: FloatArray, chains: int, steps: int, generator: np.random.Generator
) -> FloatArray:
    """Draws of theta from its posterior, (chains, t): the ends of chains of so many `steps` that begin at `start`."""
    thetas = np.tile(start, (chains, 1))
    likelihoods = np.full(chains, observations.log_likelihoods(start[None])[0])
    for _ in range(steps):
        _elliptical_slices(observations, thetas, likelihoods, generator)
    return thetas


def _elliptical_slices(
    observations: Observations, thetas: FloatArray, likelihoods: FloatArray, generator: np.random.Generator
) -> None:
    """One step of elliptical slice sampling of each chain, in place: Murray et al. 2010, figure 2."""
    model, chains = observations.model, len(thetas)
    other = model.deviation * generator.standard_normal(thetas.shape)
    thresholds = likelihoods + np.log1p(-generator.random(chains))
    angles = generator.uniform(0, 2 * math.pi, chains)
    low, high = angles - 2 * math.pi, angles.copy()
    centred = thetas - model.mean
    waiting = np.arange(chains)
    while len(waiting):
        angle = angles[waiting, None]
        proposals = model.mean + centred[waiting] * np.cos(angle) + other[waiting] * np.sin(angle)
        proposed = observations.log_likelihoods(proposals)
        accepted = proposed >= thresholds[waiting]
        thetas[waiting[accepted]] = proposals[accepted]
        likelihoods[waiting[accepted]] = proposed[accepted]
        waiting = waiting[~accepted]
        below = waiting[angles[waiting] < 0]
        above = waiting[angles[waiting] >= 0]
        low[below], high[above] = angles[below], angles[above]
        waiting = waiting[high[waiting] - low[waiting] > _SMALLEST_BRACKET]
        angles[waiting] = generator.uniform(low[waiting], high[waiting])
