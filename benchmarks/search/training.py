"""Problems that really train: small models on the small data sets that scikit-learn carries.

A training is repeatable: the configuration alone decides it. Each takes milliseconds, so nothing has to be looked up
in a table. What a diverged training prints is given as it is; where it is no number, the trial has failed.
"""

import functools
import math
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import (  # type: ignore[import-untyped]
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
)
from sklearn.kernel_ridge import KernelRidge  # type: ignore[import-untyped]
from sklearn.svm import SVC  # type: ignore[import-untyped]

from benchmarks.search.problem import LOGARITHMIC, Configuration, Outcome, Problem, Split, real, text, whole

Array = NDArray[np.float64]

_EPOCHS = 6
_LOADERS = {
    "digits": load_digits,
    "cancer": load_breast_cancer,
    "wine": load_wine,
    "diabetes": load_diabetes,
}


@functools.cache
def halves(name: str, most: int) -> tuple[Array, Array, Array, Array]:
    """Standardised inputs and targets, `most` rows to train on at most, and as many to judge by."""
    inputs, targets = _LOADERS[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(inputs))
    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-9)
    rows = min(most, len(inputs) // 2)
    train, judge = order[:rows], order[rows : 2 * rows]
    return inputs[train], targets[train], inputs[judge], targets[judge]


def sgd(name: str, configuration: Configuration) -> Outcome:
    """Cross-entropy on unseen rows of a network with one hidden layer, after a few epochs of SGD with momentum."""
    inputs, targets, unseen, unseen_targets = halves(name, 640)
    rate, momentum, decay = (float(configuration[key]) for key in ("learning_rate", "momentum", "weight_decay"))
    batch, hidden = int(configuration["batch_size"]), int(configuration["hidden"])
    generator = np.random.default_rng(1)
    one_hot = np.eye(int(targets.max()) + 1)[targets.astype(int)]
    weights = [
        generator.standard_normal((inputs.shape[1], hidden)) / math.sqrt(inputs.shape[1]),
        np.zeros(hidden),
        generator.standard_normal((hidden, one_hot.shape[1])) / math.sqrt(hidden),
        np.zeros(one_hot.shape[1]),
    ]
    speeds = [np.zeros_like(weight) for weight in weights]
    with np.errstate(all="ignore"):
        for _ in range(_EPOCHS):
            order = generator.permutation(len(inputs))
            for start in range(0, len(inputs), batch):
                rows = order[start : start + batch]
                for place, slope in enumerate(_slopes(weights, inputs[rows], one_hot[rows])):
                    speeds[place] = momentum * speeds[place] - rate * (slope + decay * weights[place])
                    weights[place] = weights[place] + speeds[place]
        loss = _cross_entropy(weights, unseen, unseen_targets.astype(int))
    return Outcome(observed=loss, true=loss) if math.isfinite(loss) else Outcome(observed=None, true=math.inf)


def _slopes(weights: list[Array], inputs: Array, one_hot: Array) -> list[Array]:
    first, first_bias, second, second_bias = weights
    active = np.maximum(inputs @ first + first_bias, 0)
    scores = active @ second + second_bias
    odds = np.exp(scores - scores.max(1, keepdims=True))
    error = (odds / odds.sum(1, keepdims=True) - one_hot) / len(inputs)
    back = (error @ second.T) * (active > 0)
    return [inputs.T @ back, back.sum(0), active.T @ error, error.sum(0)]


def _cross_entropy(weights: list[Array], inputs: Array, targets: NDArray[np.int_]) -> float:
    first, first_bias, second, second_bias = weights
    scores = np.maximum(inputs @ first + first_bias, 0) @ second + second_bias
    top = scores.max(1)
    return float(np.mean(top + np.log(np.exp(scores - top[:, None]).sum(1)) - scores[np.arange(len(scores)), targets]))


def support_vectors(name: str, configuration: Configuration) -> Outcome:
    """Error rate on unseen rows of a support vector machine."""
    inputs, targets, unseen, unseen_targets = halves(name, 300)
    model = SVC(
        C=float(configuration["C"]),
        gamma=float(configuration["gamma"]),
        kernel=configuration["kernel"],
        degree=int(configuration["degree"]),
        coef0=float(configuration["coef0"]),
        max_iter=2000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is part of the problem that some do not converge
        model.fit(inputs, targets)
    error = 1 - float(model.score(unseen, unseen_targets))
    return Outcome(observed=error, true=error)


def ridge(name: str, configuration: Configuration) -> Outcome:
    """Mean squared error on unseen rows of kernel ridge regression, relative to the targets' variance."""
    inputs, targets, unseen, unseen_targets = halves(name, 150)
    model = KernelRidge(
        alpha=float(configuration["alpha"]),
        gamma=float(configuration["gamma"]),
        kernel=configuration["kernel"],
        degree=int(configuration["degree"]),
    )
    centre = float(targets.mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(inputs, targets - centre)
    error = float(np.mean((model.predict(unseen) + centre - unseen_targets) ** 2) / unseen_targets.var())
    return Outcome(observed=error, true=error) if math.isfinite(error) else Outcome(observed=None, true=math.inf)


_SGD_RANGES = (
    real("learning_rate", 1e-5, 1),
    real("momentum", 0, 0.99),
    real("weight_decay", 0, 0.2),
    whole("batch_size", 8, 256),
    whole("hidden", 4, 64),
)
_SVM_RANGES = (
    real("C", 1e-3, 1e4, LOGARITHMIC),
    real("gamma", 1e-6, 10, LOGARITHMIC),
    text("kernel", "linear", "poly", "rbf", "sigmoid"),
    whole("degree", 2, 5),
    real("coef0", 0, 2),
)
_RIDGE_RANGES = (
    real("alpha", 1e-6, 100),
    real("gamma", 1e-6, 1),
    text("kernel", "rbf", "laplacian", "polynomial", "cosine"),
    whole("degree", 1, 5),
)

TUNING = (
    Problem(
        name="sgd-wine",
        split=Split.TUNING,
        ranges=_SGD_RANGES,
        evaluate=lambda configuration, _: sgd("wine", configuration),
        pool=4000,
    ),
    Problem(
        name="svm-cancer",
        split=Split.TUNING,
        ranges=_SVM_RANGES,
        evaluate=lambda configuration, _: support_vectors("cancer", configuration),
        pool=4000,
    ),
)

HELD_OUT = (
    Problem(
        name="sgd-digits",
        split=Split.HELD_OUT,
        ranges=_SGD_RANGES,
        evaluate=lambda configuration, _: sgd("digits", configuration),
        pool=4000,
    ),
    Problem(
        name="svm-digits",
        split=Split.HELD_OUT,
        ranges=_SVM_RANGES,
        evaluate=lambda configuration, _: support_vectors("digits", configuration),
        pool=4000,
    ),
    Problem(
        name="ridge-diabetes",
        split=Split.HELD_OUT,
        ranges=_RIDGE_RANGES,
        evaluate=lambda configuration, _: ridge("diabetes", configuration),
        pool=4000,
    ),
)
