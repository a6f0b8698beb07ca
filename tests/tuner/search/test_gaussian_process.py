"""The Gaussian process: numbers that agree with their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.search.acquisition import ExpectedImprovement, climb, log_h
from tuner.search.embedding import FloatArray
from tuner.search.gaussian_process import Observations, Prior, most_probable, posterior_draws

SEEDS = st.integers(0, 2**32 - 1)


def some_observations(seed: int, *, count: int = 8, ranges: int = 3) -> tuple[Observations, np.random.Generator]:
    """A smooth function of the first two coordinates, seen at random points; the last range has two coordinates."""
    generator = np.random.default_rng(seed)
    X = generator.random((count, ranges + 1))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    groups = np.array([*range(ranges), ranges - 1])
    return Observations(groups=groups, X=X, y=(y - y.mean()) / y.std()), generator


def theta(lengthscale: float, noise: float, *, ranges: int = 3) -> FloatArray:
    """Hyperparameters with one lengthscale for all ranges."""
    return np.array([*[math.log(lengthscale)] * ranges, 0.0, math.log(noise)])


@given(seed=SEEDS)
def test_with_little_noise_the_process_goes_through_its_observations(seed: int) -> None:
    """And it is sure of itself there, as it is not elsewhere."""
    observations, _ = some_observations(seed)
    process = observations.condition(theta(0.5, 1e-8))
    mean, variance = process.predict(observations.X)
    _, far = process.predict(observations.X[:1] + 50)

    assert np.allclose(observations.y, mean, atol=1e-3)
    assert np.all(variance < 1e-3)
    assert far[0] == pytest.approx(1.0)


@given(seed=SEEDS, lengthscale=st.floats(0.05, 5), noise=st.floats(1e-6, 1.0))
def test_variance_is_positive_and_no_more_than_before_any_observation(
    seed: int, lengthscale: float, noise: float
) -> None:
    """Whatever the hyperparameters."""
    observations, generator = some_observations(seed)
    _, variance = observations.condition(theta(lengthscale, noise)).predict(generator.random((20, 4)))

    assert np.all(variance > 0)
    assert np.all(variance <= 1 + 1e-9)


@given(seed=SEEDS)
def test_the_likelihoods_gradient_is_that_of_the_likelihood(seed: int) -> None:
    """Compared with differences; two coordinates share the last lengthscale."""
    observations, generator = some_observations(seed)
    point = theta(0.7, 0.05) + generator.normal(0, 0.3, 5)
    step = 1e-5
    differences = [
        (observations.log_likelihood(point + step * unit) - observations.log_likelihood(point - step * unit))
        / (2 * step)
        for unit in np.eye(5)
    ]

    assert np.allclose(differences, observations.log_likelihood_gradient(point), rtol=1e-4, atol=1e-5)


@given(seed=SEEDS)
def test_the_predictions_gradient_is_that_of_the_prediction(seed: int) -> None:
    """Mean and variance, also at an observation, where a distance is 0."""
    observations, generator = some_observations(seed)
    process = observations.condition(theta(0.7, 0.05))
    for x in (generator.random(4), observations.X[0]):
        mean, variance, mean_slope, variance_slope = process.predict_with_gradient(x)
        batch_mean, batch_variance = process.predict(x[None])
        step = 1e-5
        there = [process.predict((x + step * unit)[None]) for unit in np.eye(4)]
        back = [process.predict((x - step * unit)[None]) for unit in np.eye(4)]

        assert np.allclose([mean, variance], [batch_mean[0], batch_variance[0]], atol=1e-8)
        assert np.allclose(
            mean_slope, [(a[0][0] - b[0][0]) / (2 * step) for a, b in zip(there, back, strict=True)], atol=1e-4
        )
        assert np.allclose(
            variance_slope, [(a[1][0] - b[1][0]) / (2 * step) for a, b in zip(there, back, strict=True)], atol=1e-4
        )


def test_draws_of_the_hyperparameters_follow_the_prior_where_nothing_was_learned() -> None:
    """One observation says next to nothing of lengthscales: the chain must have the prior's mean and spread."""
    observations = Observations(groups=np.array([0]), X=np.array([[0.5]]), y=np.array([0.0]))
    prior = Prior.for_dimensions(1)
    draws = np.array(
        posterior_draws(
            prior, observations, start=prior.mean, count=3000, thinning=1, generator=np.random.default_rng(0)
        )
    )

    assert draws[:, 0].mean() == pytest.approx(prior.mean[0], abs=0.15)
    assert draws[:, 0].std() == pytest.approx(prior.deviation[0], rel=0.1)


def test_the_most_probable_hyperparameters_see_which_range_matters() -> None:
    """A range that does nothing gets a long lengthscale."""
    generator = np.random.default_rng(1)
    X = generator.random((40, 2))
    observations = Observations(groups=np.array([0, 1]), X=X, y=np.sin(6 * X[:, 0]) * math.sqrt(2))
    prior = Prior.for_dimensions(2)
    found = most_probable(prior, observations, [prior.mean])

    assert found[1] > found[0] + 1


@pytest.mark.parametrize("z", [-30.0, -5.0, -1.0, -0.999, 0.0, 1.0, 8.0])
def test_log_h_is_the_logarithm_of_h(z: float) -> None:
    """Against the definition by numerical integration: h(z) is the integral of Phi up to z."""
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    top = float(log_ndtr(z))
    integral, _ = quad(lambda t: math.exp(float(log_ndtr(t)) - top), z - 40, z, points=[z - 1], limit=200)

    assert float(log_h(np.array([z]))[0]) == pytest.approx(top + math.log(integral), rel=1e-6, abs=1e-6)


@given(z=st.floats(-1e12, 50))
def test_log_h_is_finite_and_grows(z: float) -> None:
    """Also where h itself is no number that a computer has."""
    here, there = log_h(np.array([z, z + abs(z) * 1e-3 + 1e-3]))

    assert np.isfinite(here)
    assert there > here


@given(seed=SEEDS)
def test_the_improvements_gradient_is_that_of_the_improvement(seed: int) -> None:
    """Averaged over two processes, near the incumbent and far from it."""
    observations, generator = some_observations(seed)
    processes = [observations.condition(theta(scale, 0.01)) for scale in (0.4, 1.0)]
    for incumbent in (-1.0, -6.0):
        improvement = ExpectedImprovement(processes=processes, incumbents=[incumbent] * 2)
        x = generator.random(4)
        value, slope = improvement.with_gradient(x)
        step = 1e-5
        differences = [
            (improvement((x + step * unit)[None])[0] - improvement((x - step * unit)[None])[0]) / (2 * step)
            for unit in np.eye(4)
        ]

        assert value == pytest.approx(float(improvement(x[None])[0]), rel=1e-9, abs=1e-9)
        assert np.allclose(differences, slope, rtol=1e-3, atol=1e-3)


@given(seed=SEEDS)
def test_climbing_never_goes_down_and_never_leaves_the_cube(seed: int) -> None:
    """Coordinates that are not free stay where they are."""
    observations, generator = some_observations(seed)
    improvement = ExpectedImprovement(processes=[observations.condition(theta(0.5, 0.01))], incumbents=[-1.0])
    start = generator.random(4)
    top = climb(improvement, start, np.array([True, True, False, False]))

    assert improvement(top[None])[0] >= improvement(start[None])[0] - 1e-6
    assert np.all((top >= 0) & (top <= 1))
    assert np.array_equal(start[2:], top[2:])


def test_fantasies_make_sure_of_what_is_pending() -> None:
    """Once a trial runs somewhere, there is little left to learn there."""
    observations, generator = some_observations(3)
    process = observations.condition(theta(0.3, 1e-4))
    waiting = np.array([[0.9, 0.9, 0.1, 0.1]])
    _, before = process.predict(waiting)
    _, after = process.with_fantasies(waiting, generator).predict(waiting)

    assert after[0] < before[0] / 10
