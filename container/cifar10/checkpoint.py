"""What survives an interruption: one file per checkpoint, whole or not there at all, newest valid one wins.

A file is written beside its place and moved there, so a container that is killed while it writes leaves the previous
checkpoint as it was. The name carries a digest of the configuration, so training jobs that share a folder do not take
each other's: a checkpoint goes on only with the very hyperparameters it was made with (`epochs` aside: training longer
is what checkpoints are for).
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.hyperparameters import Value

#: How many checkpoints of a configuration are kept: the newest, and one to fall back to.
KEPT = 2

_PARTIAL = "checkpoint.partial"
_PROGRESS = "progress"
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far training is: `batches` of epoch `epoch` (from 1) are done; sums are over those."""

    epoch: int = 1
    batches: int = 0
    images: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    validation_accuracy: float | None = None
    """Of the epoch before."""

    def after_batch(self, *, images: int, loss_sum: float, correct: int) -> "Progress":
        """The progress once one more batch is done."""
        return replace(
            self,
            batches=self.batches + 1,
            images=self.images + images,
            loss_sum=self.loss_sum + loss_sum,
            correct=self.correct + correct,
        )

    def after_epoch(self, validation_accuracy: float) -> "Progress":
        """The progress once the epoch is done."""
        return Progress(epoch=self.epoch + 1, validation_accuracy=validation_accuracy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """Progress, and the state of whatever learns, as named arrays."""

    name: str
    progress: Progress
    state: Mapping[str, npt.NDArray[np.uint8]]


class CheckpointFolder:
    """The checkpoints of one configuration in a folder that others may share."""

    def __init__(self, folder: Path, configuration: Mapping[str, Value]) -> None:
        self._folder = folder
        self._digest = _digest(configuration)

    def save(self, progress: Progress, state: Mapping[str, npt.NDArray[np.uint8]]) -> str:
        """Write a checkpoint, whole or not at all, and remove all but the newest; returns its file's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"checkpoint-{self._digest}-epoch-{progress.epoch:04}-batch-{progress.batches:06}.npz"
        with (self._folder / _PARTIAL).open("wb") as file:
            arrays = {_PROGRESS: np.array(json.dumps(asdict(progress))), **state}
            np.savez(file, **arrays)  # type: ignore[arg-type]  # its stub takes each array for its switch allow_pickle
            file.flush()
            os.fsync(file.fileno())
        (self._folder / _PARTIAL).replace(self._folder / name)
        for old in self._newest_first()[KEPT:]:
            old.unlink(missing_ok=True)
        return name

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that can be read, or None. Says on stdout which files it passes over and why."""
        for path in self._foreign():
            print(f"checkpoint {path.name} is ignored: it was made with another network or other hyperparameters")
        for path in self._newest_first():
            try:
                return _read(path)
            except _UNREADABLE as error:
                print(f"checkpoint {path.name} is ignored: it cannot be read ({error})")
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob(f"checkpoint-{self._digest}-*.npz"), reverse=True)

    def _foreign(self) -> list[Path]:
        ours = set(self._newest_first())
        return [path for path in sorted(self._folder.glob("checkpoint-*.npz")) if path not in ours]


def _read(path: Path) -> Checkpoint:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
        arrays = {name: content[name] for name in content.files}  # reading checks each array's CRC
    progress = Progress(**json.loads(str(arrays.pop(_PROGRESS))))
    return Checkpoint(name=path.name, progress=progress, state=arrays)


def _digest(configuration: Mapping[str, Value]) -> str:
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:8]
