"""What lets one container serve many models: the front door, and behind it the loading on demand."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tuner.engine.protocol import Address
from tuner.serving.front_door import FrontDoor
from tuner.serving.model_calls import HttpModelContainer
from tuner.serving.target_models import TargetModels


class ManyModels:
    """The models of one endpoint; use it in a ``with`` block, at whose end nothing of them is left.

    `archives` is the folder with the ``.tar.gz`` files; `unpacked` the one that the container gets, made anew; `port`
    is that of the front door, 0 for any free one. `say` is told what is loaded and unloaded, in any thread.
    """

    def __init__(
        self, *, endpoint_name: str, archives: Path, unpacked: Path, port: int, say: Callable[[str], None]
    ) -> None:
        self._archives, self._unpacked = archives, unpacked
        self._say = say
        self._front_door = FrontDoor(endpoint_name, port)
        self._models: TargetModels | None = None

    @property
    def address(self) -> Address:
        """Where invocations come in."""
        return self._front_door.address

    def open(self, container: Address) -> None:
        """Begin to answer, with the models of the container at that address."""
        models = self._models = TargetModels(
            archives=self._archives,
            unpacked=self._unpacked,
            container=HttpModelContainer(container),
            say=self._say,
        )
        self._front_door.open(lambda asked: models.invoke(asked.target_model, asked.body, asked.headers))

    def __enter__(self) -> Self:
        """Make the folder for the models."""
        shutil.rmtree(self._unpacked, ignore_errors=True)
        self._unpacked.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more, and delete what was unpacked."""
        self._front_door.close()
        if self._models is not None:
            self._models.close()
        shutil.rmtree(self._unpacked, ignore_errors=True)
