"""Algorithms of a few lines, each doing one thing that training can do.

A process runs one with ``ALGODOCK_ALGORITHM=fake_algorithms:Name``; what they print is what a container reports.
"""

import time
from collections.abc import Mapping, Sequence

from container.algorithm import StopRequest
from container.environment import TrainingEnvironment
from container.errors import TrainingDiverged
from contracts.hyperparameters import HyperparameterSpec, Value


class Learns:
    """Prints a metric per epoch and leaves a model."""

    hyperparameters: Sequence[HyperparameterSpec] = (
        HyperparameterSpec(name="epochs", kind="int", default=2, minimum=1),
    )

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        for epoch in range(1, int(hyperparameters["epochs"]) + 1):
            print(f"[Epoch {epoch}] validation: accuracy={1 - 1 / (epoch + 1):.4f}")  # noqa: T201
        environment.model.mkdir(parents=True, exist_ok=True)
        (environment.model / "weights").write_text("42")


class Diverges(Learns):
    """Finds that the loss is no number."""

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        raise TrainingDiverged("loss became nan in epoch 1: learning_rate=10 is too large")


class Crashes(Learns):
    """Has a bug."""

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        raise ZeroDivisionError("no images")


class TrainsUntilStopped(Learns):
    """Would go on for ever; leaves a model when it is stopped."""

    def fit(self, environment: TrainingEnvironment, hyperparameters: Mapping[str, Value], stop: StopRequest) -> None:
        print("training")  # noqa: T201
        while not stop.is_set():
            time.sleep(0.01)
        environment.model.mkdir(parents=True, exist_ok=True)
        (environment.model / "weights").write_text("so far")


class NotAnAlgorithm:
    """Has neither hyperparameters nor fit."""
