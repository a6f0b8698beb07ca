"""The Gaussian process and the expected improvement, against the same formulas computed with fifty digits."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from mpmath import mp, mpf  # type: ignore[import-untyped]

from tuner.search.acquisition import ExpectedImprovement, log_h
from tuner.search.gaussian_process import Observations
from tuner.search.prior import Coordinates, Model
from tuner.search.warping import FloatArray

#: Two ranges of numbers, and one of two texts that takes two coordinates.
_COORDINATES = Coordinates(
    groups=np.array([0, 1, 2, 2]),
    is_number=np.array([True, True, False, False]),
    shapes=np.zeros((2, 2)),
    spreads=np.full((2, 2), 0.3),
)
_RANGES, _NUMBERS, _COUNT = 3, 2, 7
#: What the engine adds to every diagonal, and the variance of a job's level beside a parent's.
_JITTER, _LEVEL = mpf("1e-8"), 1


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    """More than what cancels below."""
    with mp.workdps(50):
        yield


def observations(seed: int, *, parents: int = 0, outlier: float = 0.0) -> Observations:
    """A few values of numbers and a text; with a parent, the last three are its."""
    generator = np.random.default_rng(seed)
    X = generator.random((_COUNT, 4))
    X[:, 2:] = np.eye(2)[generator.integers(2, size=_COUNT)] / np.sqrt(2)
    y = np.sin(5 * X[:, 0]) + X[:, 1] - X[:, 2]
    y[0] += outlier
    tasks = np.array([0, 0, 0, 0, 1, 1, 1]) if parents else np.zeros(_COUNT, dtype=int)
    return Observations(model=Model(coordinates=_COORDINATES, parents=parents), X=X, y=y, tasks=tasks)


def theta(*, lengthscale: float, noise: float, parents: int = 0) -> FloatArray:
    """Log lengthscales, log shapes of the warping, z of a correlation, log waves, amplitude, main effects and noise."""
    scales = np.log([lengthscale, 2 * lengthscale, 1.5 * lengthscale])
    return np.concatenate([scales, [-0.5, 0.3, 0.4, -0.2], [0.8] * parents, np.log([0.4, 1.3, 0.6, noise])])


class Reference:
    """The posterior of this job's function, and how likely the observations are, with the digits of `mpmath`."""

    def __init__(self, seen: Observations, hyperparameters: Sequence[mpf | float]) -> None:
        self._theta = [mpf(one) for one in hyperparameters]
        self._tasks = seen.tasks.tolist()
        self._parents = seen.model.parents
        self._X, self._y = seen.X.tolist(), mp.matrix([mpf(one) for one in seen.y.tolist()])
        noise = mp.exp(self._theta[-1]) + _JITTER
        self._C = mp.matrix(_COUNT, _COUNT)
        for i, (a, task) in enumerate(zip(self._X, self._tasks, strict=True)):
            for j, (b, other) in enumerate(zip(self._X, self._tasks, strict=True)):
                self._C[i, j] = self._kernel(a, b, task, other) + (noise if i == j else 0)
        self._inverse = self._C**-1

    def predict(self, x: Sequence[float]) -> tuple[mpf, mpf]:
        """Mean and variance at `x`.

        (2.25) and (2.26) of Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, as what is below.
        """
        seen = zip(self._X, self._tasks, strict=True)
        to = mp.matrix([self._kernel(x, a, 0, task) for a, task in seen])
        mean = (to.T * self._inverse * self._y)[0]
        return mean, self._kernel(x, x, 0, 0) - (to.T * self._inverse * to)[0]

    def log_likelihood(self) -> mpf:
        """(2.30)."""
        fit = (self._y.T * self._inverse * self._y)[0]
        return -(fit + mp.log(mp.det(self._C)) + _COUNT * mp.log(2 * mp.pi)) / 2

    def _kernel(self, a: Sequence[float], b: Sequence[float], task: int, other: int) -> mpf:
        """Matern 5/2 (4.17) of warped points and their main effects, times the correlation, plus this job's level."""
        a, b = self._warped(a), self._warped(b)
        scales = [mp.exp(self._theta[group]) for group in (0, 1, 2, 2)]
        r = mp.sqrt(5 * mp.fsum(((p - q) / scale) ** 2 for p, q, scale in zip(a, b, scales, strict=True)))
        effects = mp.fsum(p * q for p, q in zip(self._effects(a), self._effects(b), strict=True))
        total = mp.exp(self._theta[-3]) * (1 + r + r**2 / 3) * mp.exp(-r) + mp.exp(self._theta[-2]) * effects
        if not self._parents:
            return total
        correlations = [mpf(1), mp.tanh(self._theta[-5])]
        tied = mpf(1) if task == other else correlations[task] * correlations[other]
        return tied * total + (_LEVEL if task == other == 0 else 0)

    def _warped(self, x: Sequence[float]) -> list[mpf]:
        shapes = [mp.exp(one) for one in self._theta[_RANGES : _RANGES + 2 * _NUMBERS]]
        numbers = [1 - (1 - mpf(x[n]) ** shapes[n]) ** shapes[_NUMBERS + n] for n in range(_NUMBERS)]
        return [*numbers, *(mpf(one) for one in x[_NUMBERS:])]

    def _effects(self, z: Sequence[mpf]) -> list[mpf]:
        """Polynomials of each number, and a level of each text.

        Slopes and bends have a variance of a half on the unit interval, waves of the third and fourth degree of as much
        as a hyperparameter says.
        """
        found = [mp.sqrt(2) * one for one in z[_NUMBERS:]]
        for degree in (1, 2, 3, 4):
            waves = mp.exp(self._theta[-4]) if degree > 2 else mpf(1)
            size = mp.sqrt(mpf(2 * degree + 1) / 2 * waves)
            found += [size * mp.legendre(degree, 2 * u - 1) for u in z[:_NUMBERS]]
        return [one / mp.sqrt(_RANGES) for one in found]


def slopes(function: Callable[[list[mpf]], mpf], at: Sequence[float], count: int) -> list[float]:
    """The gradient in the first `count` places by differences, of which thirty digits are left."""
    step = mpf("1e-18")
    found = []
    for place in range(count):
        ends = []
        for sign in (1, -1):
            moved = [mpf(one) for one in at]
            moved[place] += sign * step
            ends.append(function(moved))
        found.append(float((ends[0] - ends[1]) / (2 * step)))
    return found


_CASES = [(0.4, 1e-2, 0.0, 0), (0.4, 1e-6, 0.0, 0), (5.0, 1e-3, 0.0, 1), (0.02, 1e-4, 0.0, 1), (0.7, 1e-2, 1e6, 0)]


@pytest.mark.parametrize(("lengthscale", "noise", "outlier", "parents"), _CASES)
def test_mean_and_variance_are_those_of_the_posterior(
    lengthscale: float, noise: float, outlier: float, parents: int
) -> None:
    """Short and long lengthscales, little and much noise, a value a million times the others, and a parent."""
    seen = observations(1, outlier=outlier, parents=parents)
    hyperparameters = theta(lengthscale=lengthscale, noise=noise, parents=parents)
    reference = Reference(seen, hyperparameters.tolist())
    points = np.vstack([observations(2).X[:3], seen.X[:1]])
    means, variances = seen.condition(hyperparameters[None]).predict(points)

    for place, x in enumerate(points.tolist()):
        mean, variance = reference.predict(x)

        assert float(mean) == pytest.approx(means[0, place], rel=1e-7, abs=1e-9 * max(1, outlier))
        assert float(variance) == pytest.approx(variances[0, place], rel=1e-6, abs=1e-10)


@pytest.mark.parametrize(("lengthscale", "noise", "outlier", "parents"), _CASES)
def test_the_likelihood_and_its_gradient(lengthscale: float, noise: float, outlier: float, parents: int) -> None:
    """In every hyperparameter, the warping's and the correlation with a parent among them."""
    seen = observations(3, outlier=outlier, parents=parents)
    at = theta(lengthscale=lengthscale, noise=noise, parents=parents)
    expected = float(Reference(seen, at.tolist()).log_likelihood())
    expected_gradient = slopes(lambda moved: Reference(seen, moved).log_likelihood(), at.tolist(), len(at))
    likelihood, gradient = seen.log_likelihood_with_gradient(at)

    assert [expected] * 2 == pytest.approx([likelihood, seen.log_likelihoods(at[None])[0]], rel=1e-8)
    assert expected_gradient == pytest.approx(gradient.tolist(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("parents", [0, 1])
def test_the_predictions_gradient(parents: int) -> None:
    """Of mean and variance, in the coordinates of numbers."""
    seen, at = observations(4, parents=parents), theta(lengthscale=0.5, noise=1e-3, parents=parents)
    reference, x = Reference(seen, at.tolist()), [0.3, 0.8, 0.0, 1 / np.sqrt(2)]
    _, _, mean_slopes, variance_slopes = seen.condition(at[None]).predict_with_gradient(np.array([x]))
    expected_mean = slopes(lambda moved: reference.predict(moved)[0], x, _NUMBERS)
    expected_variance = slopes(lambda moved: reference.predict(moved)[1], x, _NUMBERS)

    assert expected_mean == pytest.approx(mean_slopes[0, 0, :_NUMBERS].tolist(), rel=1e-8)
    assert expected_variance == pytest.approx(variance_slopes[0, 0, :_NUMBERS].tolist(), rel=1e-7)


def improvement(z: mpf) -> mpf:
    """phi(z) + z Phi(z), of which almost everything cancels far below zero."""
    with mp.workdps(60 + 4 * max(int(mp.log10(abs(z) + 1)), 0)):
        return mp.npdf(z) + z * mp.erfc(-z / mp.sqrt(2)) / 2


@pytest.mark.parametrize(
    "z", [*np.linspace(-12, 12, 49).tolist(), -1.0000001, -0.9999999, -40.0, -1e3, -1e5, -9.99999e5, -1.000001e6, -1e8]
)
def test_log_expected_improvement_of_a_standard_normal(z: float) -> None:
    """Ten digits, where the formula changes as well, and where the improvement is no number that a computer has."""
    expected = float(mp.log(improvement(mpf(z))))

    assert expected == pytest.approx(float(log_h(np.array([z]))[0]), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("incumbent", [1.0, -2.0, -50.0, -1e5, -1e9])
def test_the_improvement_is_averaged_over_processes(incumbent: float) -> None:
    """Not its logarithm; near the best value and where nothing can be expected; with its gradient."""
    seen, incumbents = observations(5), [incumbent, incumbent + 0.1]
    both = np.array([theta(lengthscale=0.3, noise=1e-2), theta(lengthscale=1.5, noise=1e-3)])
    references = [Reference(seen, one) for one in both.tolist()]
    ours = ExpectedImprovement(processes=seen.condition(both), incumbents=np.array(incumbents))

    def expected(x: Sequence[mpf | float]) -> mpf:
        total = mpf(0)
        for reference, best in zip(references, incumbents, strict=True):
            mean, variance = reference.predict(x)
            total += mp.sqrt(variance) * improvement((mpf(best) - mean) / mp.sqrt(variance))
        return mp.log(total / 2)

    x = [0.6, 0.2, 1 / np.sqrt(2), 0.0]
    values, gradients = ours.with_gradient(np.array([x]))

    assert float(expected(x)) == pytest.approx(float(ours(np.array([x]))[0]), rel=1e-7, abs=1e-7)
    assert float(values[0]) == pytest.approx(float(ours(np.array([x]))[0]), rel=1e-9)
    assert slopes(expected, x, _NUMBERS) == pytest.approx(gradients[0, :_NUMBERS].tolist(), rel=1e-5)
