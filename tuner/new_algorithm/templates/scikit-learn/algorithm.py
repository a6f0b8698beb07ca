"""Gradient boosting with scikit-learn. `fit` and `load` are all that an algorithm is; `toolkit` does the rest.

Channels `training` and `validation`: CSV files without a header, the label first, then the features.
"""

import joblib
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import log_loss

from container.algorithm import ClassProbabilities
from container.errors import InvalidPayload, InvalidTrainingInput
from contracts.hyperparameters import HyperparameterSpec

#: What a job may set. A value that is none of these ends the job with a text that says so.
hyperparameters = (
    HyperparameterSpec(name="epochs", kind="int", default=30, minimum=1, description="trees for each class"),
    HyperparameterSpec(name="learning_rate", kind="float", default=0.1, minimum=1e-6),
    HyperparameterSpec(name="max_depth", kind="int", default=3, minimum=1, maximum=20),
    HyperparameterSpec(name="subsample", kind="float", default=1.0, minimum=0.1, maximum=1),
    HyperparameterSpec(name="max_features", kind="str", default="all", choices=("all", "sqrt", "log2")),
    HyperparameterSpec(name="seed", kind="int", default=0, minimum=0),
)


def fit(environment, hyperparameters, stop):
    """Train, print metrics after each epoch, and leave the model in `environment.model`."""
    labels, features = read(environment.files("training", "*.csv"))
    validation_labels, validation = read(environment.files("validation", "*.csv"))
    max_features = hyperparameters["max_features"]
    model = GradientBoostingClassifier(
        learning_rate=hyperparameters["learning_rate"],
        max_depth=hyperparameters["max_depth"],
        subsample=hyperparameters["subsample"],
        max_features=None if max_features == "all" else max_features,
        random_state=hyperparameters["seed"],
        warm_start=True,  # each call of `fit` adds to the trees that are there
    )
    for epoch in range(1, hyperparameters["epochs"] + 1):
        model.set_params(n_estimators=epoch).fit(features, labels)
        loss = log_loss(validation_labels, model.predict_proba(validation), labels=model.classes_)
        accuracy = model.score(validation, validation_labels)
        # The tuning job finds its metric in this line, with the regular expression of its MetricDefinitions.
        print(f"[Epoch {epoch}] validation: loss={loss:.5f} accuracy={accuracy:.4f}")
        if stop.is_set():  # SIGTERM: keep what there is
            break
    environment.model.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, environment.model / "model.joblib")


def load(folder):
    """The model that `fit` left in `folder`: anything with a method `predict`."""
    return Classifier(joblib.load(folder / "model.joblib"))


class Classifier:
    """Answers with the probability of each class; an estimator by itself would answer with labels."""

    def __init__(self, model):
        self.model = model

    def predict(self, instances):
        """What `serve` answers with, for the instances of a request, one a row."""
        try:
            values = self.model.predict_proba(instances)
        except ValueError as error:  # how scikit-learn refuses missing values, or another number of features
            raise InvalidPayload(str(error)) from error
        return ClassProbabilities(values=values, classes=self.model.classes_.tolist())


def read(paths):
    """Labels and features of all files; raises InvalidTrainingInput where one cannot be read."""
    try:
        rows = np.concatenate([np.loadtxt(path, delimiter=",", dtype=str, ndmin=2) for path in paths])
        return rows[:, 0], rows[:, 1:].astype(float)
    except ValueError as error:
        raise InvalidTrainingInput(f"{paths[0].parent.name}: the files are no CSV of one shape: {error}") from error
