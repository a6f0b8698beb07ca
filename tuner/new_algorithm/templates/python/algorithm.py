"""Softmax regression with numpy. `fit` and `load` are all that an algorithm is; `toolkit` does the rest.

Channels `training` and `validation`: CSV files without a header, the label first, then the features.
"""

import numpy as np

from container.algorithm import ClassProbabilities
from container.errors import InvalidPayload, InvalidTrainingInput
from contracts.hyperparameters import HyperparameterSpec

#: What a job may set. A value that is none of these ends the job with a text that says so.
hyperparameters = (
    HyperparameterSpec(name="epochs", kind="int", default=20, minimum=1),
    HyperparameterSpec(name="learning_rate", kind="float", default=0.1, minimum=0),
    HyperparameterSpec(name="weight_decay", kind="float", default=0.0, minimum=0),
    HyperparameterSpec(name="batch_size", kind="int", default=16, minimum=1),
    HyperparameterSpec(name="seed", kind="int", default=0, minimum=0),
)


def fit(environment, hyperparameters, stop):
    """Train, print metrics after each epoch, and leave the model in `environment.model`."""
    labels, features = read(environment.files("training", "*.csv"))
    validation_labels, validation = read(environment.files("validation", "*.csv"))
    model = newest(environment.checkpoints, hyperparameters) or Model.untrained(labels, features)
    targets = labels[:, np.newaxis] == model.classes

    while model.epoch < hyperparameters["epochs"] and not stop.is_set():
        order = np.random.default_rng([hyperparameters["seed"], model.epoch]).permutation(len(labels))
        for start in range(0, len(order), hyperparameters["batch_size"]):
            batch = order[start : start + hyperparameters["batch_size"]]
            model.descend(features[batch], targets[batch], hyperparameters)
        model.epoch += 1
        # The tuning job finds its metric in this line, with the regular expression of its MetricDefinitions.
        print(f"[Epoch {model.epoch}] validation: {model.quality(validation, validation_labels)}")
        if environment.keeps_checkpoints:
            model.save(environment.checkpoints / f"epoch-{model.epoch:06}.npz", hyperparameters)

    model.save(environment.model / "model.npz", hyperparameters)


def load(folder):
    """The model that `fit` left in `folder`: anything with a method `predict`."""
    return Model.read(folder / "model.npz")


class Model:
    """A weight for each pair of class and feature, the last of them the bias; `epoch` counts those that are done."""

    def __init__(self, *, classes, mean, scale, weights, epoch):
        self.classes, self.mean, self.scale, self.weights, self.epoch = classes, mean, scale, weights, int(epoch)

    @classmethod
    def untrained(cls, labels, features):
        """Before the first epoch; the training features decide how features are scaled."""
        classes, scale = np.unique(labels), features.std(axis=0)
        weights = np.zeros((len(classes), features.shape[1] + 1))
        return cls(classes=classes, mean=features.mean(axis=0), scale=scale + (scale == 0), weights=weights, epoch=0)

    @classmethod
    def read(cls, path):
        """The model in a file; raises what numpy does where it is none."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in ("classes", "mean", "scale", "weights", "epoch")})

    def save(self, path, hyperparameters):
        """Write a file, whole or not at all: a container may be killed at any moment."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name("partial.npz")
        np.savez(partial, **vars(self), made_with=configuration(hyperparameters))
        partial.replace(path)

    def inputs(self, features):
        """Scaled features, and a one for the bias."""
        return np.column_stack([(features - self.mean) / self.scale, np.ones(len(features))])

    def probabilities(self, features):
        """A row for each row of `features`, a column for each class."""
        scores = self.inputs(features) @ self.weights.T
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def descend(self, features, targets, hyperparameters):
        """One step down the gradient of the loss."""
        gradient = (self.probabilities(features) - targets).T @ self.inputs(features) / len(features)
        gradient += hyperparameters["weight_decay"] * self.weights
        self.weights = self.weights - hyperparameters["learning_rate"] * gradient

    def quality(self, features, labels):
        """Loss and accuracy, as the line of metrics has them."""
        probabilities = self.probabilities(features)
        loss = -np.log(np.maximum(probabilities[labels[:, np.newaxis] == self.classes], 1e-12)).mean()
        accuracy = (self.classes[probabilities.argmax(axis=1)] == labels).mean()
        return f"loss={loss:.5f} accuracy={accuracy:.4f}"

    def predict(self, instances):
        """What `serve` answers with, for the instances of a request, one a row."""
        if instances.shape[1:] != self.mean.shape or not np.isfinite(instances).all():
            raise InvalidPayload(f"an instance is {len(self.mean)} numbers")
        return ClassProbabilities(values=self.probabilities(instances), classes=self.classes.tolist())


def read(paths):
    """Labels and features of all files; raises InvalidTrainingInput where one cannot be read."""
    try:
        rows = np.concatenate([np.loadtxt(path, delimiter=",", dtype=str, ndmin=2) for path in paths])
        return rows[:, 0], rows[:, 1:].astype(float)
    except ValueError as error:
        raise InvalidTrainingInput(f"{paths[0].parent.name}: the files are no CSV of one shape: {error}") from error


def newest(checkpoints, hyperparameters):
    """The newest checkpoint that can be read and was made with the same hyperparameters, or None."""
    for path in sorted(checkpoints.glob("epoch-*.npz"), reverse=True):
        try:
            with np.load(path, allow_pickle=False) as file:
                is_ours = file["made_with"] == configuration(hyperparameters)
            model = Model.read(path)
        except Exception as error:  # noqa: BLE001  a file that was cut off may raise anything
            print(f"checkpoint {path.name} is passed over: it cannot be read ({error})")
            continue
        if is_ours and model.epoch <= hyperparameters["epochs"]:
            print(f"resumed from {path.name}")
            return model
        print(f"checkpoint {path.name} is passed over: other hyperparameters made it")
    return None


def configuration(hyperparameters):
    """What a checkpoint belongs to: all hyperparameters but the number of epochs."""
    return repr(sorted((name, value) for name, value in hyperparameters.items() if name != "epochs"))
