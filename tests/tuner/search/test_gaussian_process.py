"""The Gaussian process: numbers that agree with their definitions."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.search import legendre
from tuner.search.acquisition import ExpectedImprovement, climb, log_h
from tuner.search.gaussian_process import Observations, Processes
from tuner.search.inference import most_probable, posterior_draws
from tuner.search.prior import Coordinates, Model
from tuner.search.warping import FloatArray, Warping, unwarped

SEEDS = st.integers(0, 2**32 - 1)


def a_model(*, numbers: int = 2, texts: int = 0, parents: int = 0) -> Model:
    """Ranges of numbers, and one of so many texts."""
    groups = [*range(numbers), *[numbers] * texts]
    return Model(
        coordinates=Coordinates(
            groups=np.array(groups),
            is_number=np.array([group < numbers for group in groups]),
            shapes=np.tile([-0.3, 0.1], (numbers, 1)),
            spreads=np.full((numbers, 2), 0.3),
        ),
        parents=parents,
    )


def some_observations(seed: int, *, count: int = 8, parents: int = 0) -> tuple[Observations, np.random.Generator]:
    """A smooth function of two numbers and a text, seen at random points."""
    generator = np.random.default_rng(seed)
    X = np.hstack([generator.random((count, 2)), np.eye(3)[generator.integers(3, size=count)] / math.sqrt(2)])
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 - X[:, 2]
    model = a_model(texts=3, parents=parents)
    tasks = generator.integers(parents + 1, size=count)
    return Observations(model=model, X=X, y=(y - y.mean()) / y.std(), tasks=tasks), generator


def a_theta(model: Model, generator: np.random.Generator, *, noise: float = 0.05) -> FloatArray:
    """Hyperparameters near their prior means, with so much noise."""
    theta = model.mean + 0.3 * model.deviation * generator.standard_normal(len(model.mean))
    theta[-1] = math.log(noise)
    return theta


def conditioned(observations: Observations, *thetas: FloatArray) -> Processes:
    """The processes under these hyperparameters."""
    return observations.condition(np.array(thetas))


@given(seed=SEEDS)
def test_with_little_noise_the_process_goes_through_its_observations(seed: int) -> None:
    """And it is sure of itself there."""
    observations, generator = some_observations(seed)
    mean, variance = conditioned(observations, a_theta(observations.model, generator, noise=1e-8)).predict(
        observations.X
    )

    assert np.allclose(observations.y, mean[0], atol=1e-2)
    assert np.all(variance < 1e-2)


@given(seed=SEEDS, noise=st.floats(1e-6, 1.0), parents=st.integers(0, 2))
def test_variance_is_positive_and_no_more_than_before_any_observation(seed: int, noise: float, parents: int) -> None:
    """Whatever the hyperparameters, and whoever else's observations there are."""
    observations, generator = some_observations(seed, parents=parents)
    theta = a_theta(observations.model, generator, noise=noise)
    few = observations.some(np.array([0]))
    _, variance = conditioned(observations, theta).predict(observations.X)
    _, before = conditioned(few, theta).predict(observations.X)

    assert np.all(variance > 0)
    assert np.all(variance <= before + 1e-6)


@given(seed=SEEDS, parents=st.integers(0, 2))
def test_the_likelihoods_gradient_is_that_of_the_likelihood(seed: int, parents: int) -> None:
    """Compared with differences, in every hyperparameter."""
    observations, generator = some_observations(seed, parents=parents)
    theta = a_theta(observations.model, generator)
    step = 1e-5 * np.eye(len(theta))
    likelihood, gradient = observations.log_likelihood_with_gradient(theta)
    differences = (observations.log_likelihoods(theta + step) - observations.log_likelihoods(theta - step)) / 2e-5

    assert float(observations.log_likelihoods(theta[None])[0]) == pytest.approx(likelihood)
    assert np.allclose(differences, gradient, rtol=1e-4, atol=1e-5)


@given(seed=SEEDS, parents=st.integers(0, 1))
def test_the_predictions_gradient_is_that_of_the_prediction(seed: int, parents: int) -> None:
    """Mean and variance of numbers, also at an observation, where a distance is 0."""
    observations, generator = some_observations(seed, parents=parents)
    model = observations.model
    processes = conditioned(observations, a_theta(model, generator), a_theta(model, generator))
    x = np.vstack([generator.uniform(0.05, 0.95, (2, 5)), np.clip(observations.X[:1], 0.05, 0.95)])
    mean, variance, mean_slope, variance_slope = processes.predict_with_gradient(x)
    expected_mean, expected_variance = processes.predict(x)

    assert np.allclose(expected_mean, mean, atol=1e-8)
    assert np.allclose(expected_variance, variance, atol=1e-8)
    for column in model.columns:
        step = 1e-6 * np.eye(5)[column]
        after, before = processes.predict(x + step), processes.predict(x - step)

        assert np.allclose((after[0] - before[0]) / 2e-6, mean_slope[..., column], rtol=1e-3, atol=1e-3)
        assert np.allclose((after[1] - before[1]) / 2e-6, variance_slope[..., column], rtol=1e-3, atol=1e-3)


def test_draws_of_the_hyperparameters_follow_the_prior_where_nothing_was_learned() -> None:
    """One observation says next to nothing of lengthscales: the chains must have the prior's mean and spread."""
    model = a_model(numbers=1)
    observations = Observations(model=model, X=np.array([[0.5]]), y=np.array([0.0]), tasks=np.array([0]))
    draws = posterior_draws(observations, start=model.mean, chains=500, steps=12, generator=np.random.default_rng(0))

    assert np.allclose(draws[:, :3].mean(0), model.mean[:3], atol=0.15)
    assert np.allclose(draws[:, :3].std(0), model.deviation[:3], rtol=0.12)


def test_the_most_probable_hyperparameters_see_which_range_matters() -> None:
    """A range that does nothing gets a long lengthscale."""
    generator = np.random.default_rng(1)
    X = generator.random((40, 2))
    observations = Observations(
        model=a_model(), X=X, y=np.sin(6 * X[:, 0]) * math.sqrt(2), tasks=np.zeros(40, dtype=int)
    )
    found = most_probable(observations, [observations.model.mean])

    assert found[1] > found[0] + 1


def test_polynomials_are_uncorrelated_and_as_large_as_said() -> None:
    """Integrated exactly over the unit interval, against numpy's own; slopes are those of numpy's derivatives."""
    places, weights = np.polynomial.legendre.leggauss(8)
    u = (places[:, None] + 1) / 2
    sized = legendre.SIZES * legendre.values(u)[..., 0]
    whole = [np.polynomial.legendre.Legendre.basis(degree, domain=[0, 1]) for degree in (1, 2, 3, 4)]

    assert np.allclose((sized * weights[:, None] / 2).T @ sized, np.eye(4) / 2)
    assert np.allclose(legendre.values(u)[..., 0], np.array([one(u[:, 0]) for one in whole]).T)
    assert np.allclose(legendre.slopes(u)[..., 0], np.array([one.deriv()(u[:, 0]) for one in whole]).T)


def test_two_valleys_a_range_are_learned_from_few_values() -> None:
    """Styblinski and Tang's function: what five ranges do by themselves, from 30 values, is most of it.

    Without the waves, which a small size takes away, half of it is not seen.
    """
    generator = np.random.default_rng(4)
    X, new = generator.random((30, 5)), generator.random((200, 5))
    y, there = (((10 * x - 5) ** 4 - 16 * (10 * x - 5) ** 2 + 5 * (10 * x - 5)).sum(1) for x in (X, new))
    seen = Observations(model=a_model(numbers=5), X=X, y=(y - y.mean()) / y.std(), tasks=np.zeros(30, dtype=int))
    likeliest = most_probable(seen, [seen.model.mean])
    smooth = likeliest.copy()
    smooth[-4] = -20.0
    told, told_without = seen.condition(np.array([likeliest, smooth])).predict(new)[0]

    assert np.corrcoef(told, there)[0, 1] > 0.85
    assert np.corrcoef(told_without, there)[0, 1] < 0.6


def test_a_scale_that_should_have_been_logarithmic_is_learned() -> None:
    """The lower end is stretched: log a goes well below what was expected of it."""
    generator = np.random.default_rng(2)
    X = generator.random((40, 1)) ** 6
    y = (np.log10(X[:, 0] + 1e-5) + 2) ** 2
    model = a_model(numbers=1)
    found = most_probable(
        Observations(model=model, X=X, y=(y - y.mean()) / y.std(), tasks=np.zeros(40, dtype=int)), [model.mean]
    )

    assert found[1] < model.mean[1] - 0.3


def test_a_parent_that_agrees_is_believed_and_one_that_does_not_is_not() -> None:
    """The correlation with each is learned from the values that this job has of its own."""
    generator = np.random.default_rng(3)
    X = generator.random((40, 2))
    tasks = np.repeat([0, 1, 2], [10, 15, 15])
    y = np.sin(5 * X[:, 0]) + X[:, 1]
    y[tasks == 2] *= -1
    for task in range(3):
        y[tasks == task] = (y[tasks == task] - y[tasks == task].mean()) / y[tasks == task].std()
    observations = Observations(model=a_model(parents=2), X=X, y=y, tasks=tasks)
    _, agrees, contradicts = observations.model.correlations(most_probable(observations, [observations.model.mean]))

    assert agrees > 0.8
    assert contradicts < 0.2


@given(places=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=5), a=st.floats(0.4, 3), b=st.floats(0.4, 3))
def test_warping_keeps_the_order_and_can_be_undone(places: list[float], a: float, b: float) -> None:
    """The ends stay where they are."""
    warping = Warping(columns=np.array([0]), a=np.array([a]), b=np.array([b]))
    points = np.array(sorted([0.0, *places, 1.0]))[:, None]
    warped = warping(points)

    assert np.all(np.diff(warped[:, 0]) >= 0)
    assert warped[0, 0] == pytest.approx(0, abs=0.1)
    assert warped[-1, 0] == pytest.approx(1, abs=0.1)
    inside = (warped[:, 0] > 1e-3) & (warped[:, 0] < 1 - 1e-3) & (points[:, 0] > 1e-3) & (points[:, 0] < 0.999)
    assert np.allclose(points[inside, 0], unwarped(warped[inside, 0], np.array(a), np.array(b)), rtol=1e-4)


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


def an_improvement(observations: Observations, generator: np.random.Generator, incumbent: float) -> ExpectedImprovement:
    """Averaged over two processes, over the same incumbent."""
    thetas = [a_theta(observations.model, generator, noise=0.01) for _ in range(2)]
    return ExpectedImprovement(processes=conditioned(observations, *thetas), incumbents=np.full(2, incumbent))


@given(seed=SEEDS)
def test_the_improvements_gradient_is_that_of_the_improvement(seed: int) -> None:
    """Near the incumbent and far from it, at several points at once."""
    observations, generator = some_observations(seed)
    for incumbent in (-1.0, -6.0):
        improvement = an_improvement(observations, generator, incumbent)
        x = generator.uniform(0.05, 0.95, (3, 5))
        values, slopes = improvement.with_gradient(x)

        assert np.allclose(improvement(x), values, rtol=1e-6, atol=1e-6)
        for column in observations.model.columns:
            step = 1e-6 * np.eye(5)[column]
            differences = (improvement(x + step) - improvement(x - step)) / 2e-6

            assert np.allclose(differences, slopes[:, column], rtol=2e-3, atol=2e-3)


@given(seed=SEEDS)
def test_climbing_never_goes_down_and_never_leaves_the_cube(seed: int) -> None:
    """Together, several climbers go up; coordinates that are not free stay where they are."""
    observations, generator = some_observations(seed)
    improvement = an_improvement(observations, generator, -1.0)
    starts = generator.random((3, 5))
    tops = climb(improvement, starts, observations.model.coordinates.is_number)

    assert improvement(tops).sum() >= improvement(starts).sum() - 1e-6
    assert np.all((tops >= 0) & (tops <= 1))
    assert np.array_equal(starts[:, 2:], tops[:, 2:])


def test_fantasies_make_sure_of_what_is_pending() -> None:
    """Once a trial runs somewhere, there is little left to learn there; each process imagines a value of its own."""
    observations, generator = some_observations(3)
    thetas = [a_theta(observations.model, generator, noise=1e-4) for _ in range(2)]
    processes = conditioned(observations, *thetas)
    waiting = np.array([[0.9, 0.9, 0.7, 0.0, 0.0]])
    _, before = processes.predict(waiting)
    mean, after = processes.with_fantasies(waiting, generator).predict(waiting)

    assert np.all(after < before / 10)
    assert mean[0, 0] != mean[1, 0]


def test_fantasies_are_drawn_from_what_is_known() -> None:
    """Many draws have the mean and the variance that was predicted, and the noise."""
    observations, generator = some_observations(4)
    theta = a_theta(observations.model, generator, noise=0.1)
    processes = conditioned(observations, *[theta] * 4000)
    waiting = np.array([[0.5, 0.9, 0.7, 0.0, 0.0]])
    mean, variance = (one[0, 0] for one in processes.predict(waiting))
    imagined = processes.with_fantasies(waiting, generator)
    L = np.linalg.inv(imagined.inverses[0])
    values = imagined.whitened @ L[-1]

    assert mean == pytest.approx(values.mean(), abs=0.05)
    assert variance + 0.1 == pytest.approx(values.var(), rel=0.1)


@given(SEEDS)
def test_a_doubted_observation_tells_less(seed: int) -> None:
    """With endless doubt it is as if it were not there, and doubts stay with their observations."""
    observations, generator = some_observations(seed)
    theta = a_theta(observations.model, generator)
    doubted = replace(observations, doubts=np.where(np.arange(8) < 3, 1e12, 0.0))
    kept = observations.some(np.arange(3, 8))

    there = observations.X[:2]
    expected, found = (seen.condition(theta[None]).predict(there) for seen in (kept, doubted))
    np.testing.assert_allclose(expected, found, rtol=1e-4, atol=1e-6)
    assert [0.0, 1e12] == np.asarray(doubted.some(np.array([5, 0])).doubts).tolist()


@given(SEEDS)
def test_the_gradient_knows_of_doubts(seed: int) -> None:
    """It agrees with differences of the likelihood."""
    observations, generator = some_observations(seed)
    doubted = replace(observations, doubts=generator.random(8))
    theta = a_theta(doubted.model, generator)
    likelihood, gradient = doubted.log_likelihood_with_gradient(theta)
    steps = 1e-6 * np.eye(len(theta))
    difference = (doubted.log_likelihoods(theta + steps) - doubted.log_likelihoods(theta - steps)) / 2e-6

    assert likelihood == pytest.approx(float(doubted.log_likelihoods(theta[None])[0]))
    np.testing.assert_allclose(gradient, difference, rtol=1e-3, atol=1e-4)
