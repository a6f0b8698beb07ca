"""Models that really train, and what they print after each epoch: the curves that are replayed.

A training is repeatable: its configuration alone decides it. Values that are no numbers (NaN) stay in the curve, for a
training that diverged prints them; what is looked for in a log finds no number there.
"""

import functools
import importlib
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Configuration = Mapping[str, str]

ROOT = Path(__file__).resolve().parents[2]


def _scikit(module: str) -> Any:
    """A module of scikit-learn, which only the environment that trains tables has."""
    return importlib.import_module(f"sklearn.{module}")


@functools.cache
def halves(name: str, most: int) -> tuple[Array, Array, Array, Array]:
    """Standardised inputs and targets, `most` rows to train on at most, and as many to judge by."""
    inputs, targets = _LOADERS[name]()
    order = np.random.default_rng(0).permutation(len(inputs))
    inputs = (inputs - inputs.mean(0)) / (inputs.std(0) + 1e-9)
    rows = min(most, len(inputs) // 2)
    train, judge = order[:rows], order[rows : 2 * rows]
    return inputs[train], targets[train], inputs[judge], targets[judge]


def network_loss(name: str, epochs: int, configuration: Configuration) -> Array:
    """Cross-entropy on unseen rows, by epoch, of a network with one hidden layer that SGD with momentum trains."""
    return np.array([loss for loss, _ in _network(name, epochs, configuration)])


def network_accuracy(name: str, epochs: int, configuration: Configuration) -> Array:
    """The share of unseen rows that the same network gets right, by epoch."""
    return np.array([accuracy for _, accuracy in _network(name, epochs, configuration)])


def adam_accuracy(name: str, epochs: int, configuration: Configuration) -> Array:
    """The share of unseen rows that scikit-learn's network, trained by Adam, gets right, by epoch."""
    inputs, targets, unseen, unseen_targets = halves(name, 640)
    model = _scikit("neural_network").MLPClassifier(**_adam(configuration))

    def score(_: int) -> float:
        model.partial_fit(inputs, targets, classes=np.unique(targets))
        return float(model.score(unseen, unseen_targets))

    return _curve(epochs, score)


def adam_error(name: str, epochs: int, configuration: Configuration) -> Array:
    """Squared error on unseen rows, relative to the targets' variance, of scikit-learn's network, by epoch."""
    inputs, targets, unseen, unseen_targets = halves(name, 400)
    centre, scale = targets.mean(), targets.std()
    model = _scikit("neural_network").MLPRegressor(**_adam(configuration))

    def score(_: int) -> float:
        model.partial_fit(inputs, (targets - centre) / scale)
        return float(np.mean((model.predict(unseen) * scale + centre - unseen_targets) ** 2) / unseen_targets.var())

    return _curve(epochs, score)


def boosting_error(name: str, epochs: int, configuration: Configuration) -> Array:
    """Squared error on unseen rows, relative to the targets' variance, after each second tree of gradient boosting."""
    inputs, targets, unseen, unseen_targets = halves(name, 400)
    model = (
        _scikit("ensemble")
        .GradientBoostingRegressor(n_estimators=2 * epochs, **_boosting(configuration))
        .fit(inputs, targets)
    )
    errors = [np.mean((guess - unseen_targets) ** 2) / unseen_targets.var() for guess in model.staged_predict(unseen)]
    return np.array(errors[1::2])


def boosting_loss(name: str, epochs: int, configuration: Configuration) -> Array:
    """Cross-entropy on unseen rows after each tree of gradient boosting."""
    inputs, targets, unseen, unseen_targets = halves(name, 500)
    model = (
        _scikit("ensemble")
        .GradientBoostingClassifier(n_estimators=epochs, **_boosting(configuration))
        .fit(inputs, targets)
    )
    return np.array(
        [
            _scikit("metrics").log_loss(unseen_targets, odds, labels=model.classes_)
            for odds in model.staged_predict_proba(unseen)
        ]
    )


def linear_accuracy(name: str, epochs: int, configuration: Configuration) -> Array:
    """The share of unseen rows that a linear model, trained by plain SGD, gets right, by epoch: a noisy curve."""
    inputs, targets, unseen, unseen_targets = halves(name, 640)
    model = _scikit("linear_model").SGDClassifier(
        loss=configuration["loss"],
        penalty="l2",
        alpha=float(configuration["alpha"]),
        learning_rate=configuration["schedule"],
        eta0=float(configuration["rate"]),
        random_state=1,
    )

    def score(_: int) -> float:
        model.partial_fit(inputs, targets, classes=np.unique(targets))
        return float(model.score(unseen, unseen_targets))

    return _curve(epochs, score)


def _curve(epochs: int, score: Callable[[int], float]) -> Array:
    """The scores after each epoch; once there is none, there is none any more."""
    values = np.full(epochs, np.nan)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that some do not converge is the point
        for epoch in range(epochs):
            try:
                values[epoch] = score(epoch)
            except ValueError:  # scikit-learn's word for weights that are no longer finite
                break
    return values


def _adam(configuration: Configuration) -> dict[str, object]:
    return {
        "hidden_layer_sizes": (int(configuration["width"]),) * int(configuration["depth"]),
        "learning_rate_init": float(configuration["rate"]),
        "alpha": float(configuration["alpha"]),
        "batch_size": int(configuration["batch"]),
        "beta_1": 1 - float(configuration["inertia"]),
        "random_state": 1,
    }


def _boosting(configuration: Configuration) -> dict[str, object]:
    return {
        "learning_rate": float(configuration["rate"]),
        "max_depth": int(configuration["depth"]),
        "subsample": float(configuration["rows"]),
        "max_features": float(configuration["columns"]),
        "min_samples_leaf": int(configuration["leaf"]),
        "random_state": 1,
    }


def _network(name: str, epochs: int, configuration: Configuration) -> Iterator[tuple[float, float]]:
    """Cross-entropy and accuracy on unseen rows after each epoch."""
    inputs, targets, unseen, unseen_targets = halves(name, 2000 if name == "cifar" else 640)
    batch, hidden = int(configuration["batch"]), int(configuration["hidden"])
    momentum, decay = 1 - float(configuration["friction"]), float(configuration["decay"])
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
        for epoch in range(epochs):
            rate = float(configuration["rate"]) * _SCHEDULES[configuration["schedule"]](epoch / epochs)
            order = generator.permutation(len(inputs))
            for start in range(0, len(inputs), batch):
                rows = order[start : start + batch]
                for place, slope in enumerate(_slopes(weights, inputs[rows], one_hot[rows])):
                    speeds[place] = momentum * speeds[place] - rate * (slope + decay * weights[place])
                    weights[place] = weights[place] + speeds[place]
            yield _judged(weights, unseen, unseen_targets)


def _slopes(weights: list[Array], inputs: Array, one_hot: Array) -> list[Array]:
    first, first_bias, second, second_bias = weights
    active = np.maximum(inputs @ first + first_bias, 0)
    scores = active @ second + second_bias
    odds = np.exp(scores - scores.max(1, keepdims=True))
    error = (odds / odds.sum(1, keepdims=True) - one_hot) / len(inputs)
    back = (error @ second.T) * (active > 0)
    return [inputs.T @ back, back.sum(0), active.T @ error, error.sum(0)]


def _judged(weights: list[Array], inputs: Array, targets: Array) -> tuple[float, float]:
    first, first_bias, second, second_bias = weights
    scores = np.maximum(inputs @ first + first_bias, 0) @ second + second_bias
    if not np.isfinite(scores).all():
        return math.nan, math.nan
    top = scores.max(1)
    loss = float(
        np.mean(
            top + np.log(np.exp(scores - top[:, None]).sum(1)) - scores[np.arange(len(scores)), targets.astype(int)]
        )
    )
    return loss, float(np.mean(scores.argmax(1) == targets))


def _cifar() -> tuple[Array, Array]:
    """The first 4,000 images of CIFAR-10, each averaged to 8 by 8 points."""
    raw = np.fromfile(ROOT / "data/cifar10/data_batch_1.bin", dtype=np.uint8).reshape(-1, 3073)[:4000]
    images = raw[:, 1:].reshape(-1, 3, 8, 4, 8, 4).astype(float).mean(axis=(3, 5))
    return images.reshape(len(images), -1), raw[:, 0].astype(float)


_SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "cosine": lambda done: 0.5 + 0.5 * math.cos(math.pi * done),
    "steps": lambda done: 0.1 ** int(3 * done),
}
_LOADERS: Mapping[str, Callable[[], tuple[Array, Array]]] = {
    "digits": lambda: _scikit("datasets").load_digits(return_X_y=True),
    "cancer": lambda: _scikit("datasets").load_breast_cancer(return_X_y=True),
    "wine": lambda: _scikit("datasets").load_wine(return_X_y=True),
    "diabetes": lambda: _scikit("datasets").load_diabetes(return_X_y=True),
    "classes": lambda: _scikit("datasets").make_classification(
        1200, 20, n_informative=10, n_classes=4, flip_y=0.05, class_sep=0.8, random_state=3
    ),
    "friedman": lambda: _scikit("datasets").make_friedman1(800, 10, noise=1.0, random_state=3),
    "cifar": _cifar,
}
