"""Algorithms of a few lines, each doing one thing that serving can do; a process runs one as ``fake_serving:Name``."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from container.errors import ContainerError, InvalidPayload

Numbers = npt.NDArray[Any]


class Doubles:
    """Answers each number with its double. Some numbers are special: they make it slow, raise, or die."""

    SLOW, RAISES, DIES, REFUSED, OUT_OF_MEMORY = 101, 102, 103, 104, 105

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


class Streams:
    """Answers row by row, as it gets there; before each but the first it waits for the file ``go`` in its folder."""

    def __init__(self, folder: Path = Path()) -> None:
        self._folder = folder

    def load(self, folder: Path) -> "Streams":
        return Streams(folder)

    def predict(self, instances: Numbers) -> Iterator[Numbers]:
        try:
            for number, row in enumerate(instances):
                while number and not (self._folder / "go").exists():
                    time.sleep(0.01)
                yield Doubles().predict(row[np.newaxis])
        finally:
            print("the stream has ended", flush=True)  # noqa: T201  for a test to see it


class Multiplies:
    """Multiplies by what its file ``factor`` says, and holds as many megabytes as ``megabytes`` says."""

    def __init__(self, factor: float = 1, ballast: bytes = b"") -> None:
        self._factor, self._ballast = factor, ballast

    def load(self, folder: Path) -> "Multiplies":
        if not (folder / "factor").exists():
            raise ContainerError(f"{folder} holds no model of this algorithm")
        size = folder / "megabytes"
        megabytes = int(size.read_text()) if size.exists() else 0
        return Multiplies(float((folder / "factor").read_text()), b"x" * (megabytes * 1_000_000))

    def predict(self, instances: Numbers) -> Numbers:
        if instances.flat[0] == Doubles.OUT_OF_MEMORY:
            raise MemoryError
        return np.asarray(Doubles().predict(instances) / 2 * self._factor)


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


class LoadsSlowlyLater(Doubles):
    """Loads at once, unless there is a file ``slow`` in the model folder: then it waits for ``go``."""

    def load(self, folder: Path) -> "LoadsSlowlyLater":
        while (folder / "slow").exists() and not (folder / "go").exists():
            time.sleep(0.01)
        print("the model is there", flush=True)  # noqa: T201  for a test to count
        return self


class LoadsNothing:
    """Returns something that cannot predict."""

    def load(self, folder: Path) -> object:
        return object()
