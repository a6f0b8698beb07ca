"""Algorithms of a few lines, each doing one thing that serving can do; a process runs one as ``fake_serving:Name``."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from container.errors import ContainerError, InvalidPayload

Numbers = npt.NDArray[Any]


class Doubles:
    """Answers each number with its double. Three numbers are special: they make it slow, raise, or die."""

    SLOW, RAISES, DIES, REFUSED = 101, 102, 103, 104

    def load(self, folder: Path) -> "Doubles":
        return self

    def predict(self, instances: Numbers) -> Numbers:
        special = instances.flat[0]
        if special == self.SLOW:
            print("slow", flush=True)  # noqa: T201  for a test to see that it has begun
            time.sleep(1)
        if special == self.RAISES:
            raise ValueError(f"a secret: {special}")
        if special == self.DIES:
            os.kill(os.getpid(), signal.SIGKILL)
        if special == self.REFUSED:
            raise InvalidPayload("104 is not taken")
        return np.asarray(instances * 2)


class ReadsItsModel(Doubles):
    """Wants a file in the model folder."""

    def load(self, folder: Path) -> "ReadsItsModel":
        try:
            (folder / "weights").read_text()
        except OSError as error:
            raise ContainerError(f"{folder} holds no model of this algorithm") from error
        return self


class HasABug(Doubles):
    """Cannot be loaded, for a reason that its author has to put right."""

    def load(self, folder: Path) -> "HasABug":
        raise ZeroDivisionError("no layers")


class RunsOutOfMemory(Doubles):
    """Is killed while it loads its model."""

    def load(self, folder: Path) -> "RunsOutOfMemory":
        os.kill(os.getpid(), signal.SIGKILL)
        return self


class LoadsWhenTold(Doubles):
    """Waits for a file ``go`` in the model folder."""

    def load(self, folder: Path) -> "LoadsWhenTold":
        while not (folder / "go").exists():
            time.sleep(0.01)
        return self


class LoadsNothing:
    """Returns something that cannot predict."""

    def load(self, folder: Path) -> object:
        return object()
