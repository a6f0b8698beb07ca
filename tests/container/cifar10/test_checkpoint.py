"""Checkpoints: whole or not there, the newest that can be read, and never another configuration's."""

from pathlib import Path

import numpy as np
import pytest

from container.cifar10.checkpoint import CheckpointFolder, Progress
from contracts.hyperparameters import Value

CONFIGURATION: dict[str, Value] = {"network": "resnet8_v2", "learning_rate": 0.1}
STATE = {"parameters": np.arange(100, dtype=np.uint8)}


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFolder:
    """An empty folder of checkpoints, that does not exist yet."""
    return CheckpointFolder(tmp_path / "checkpoints", CONFIGURATION)


def test_a_checkpoint_holds_progress_and_state(checkpoints: CheckpointFolder) -> None:
    """To the last bit: sums go on where they were."""
    progress = Progress(epoch=2).after_batch(images=64, loss_sum=0.1 + 0.2, correct=7)
    name = checkpoints.save(progress, STATE)

    found = checkpoints.newest()

    assert found is not None
    assert (name, progress) == (found.name, found.progress)
    np.testing.assert_array_equal(STATE["parameters"], found.state["parameters"])


def test_a_folder_without_checkpoints_gives_none(checkpoints: CheckpointFolder) -> None:
    """A first start is no failure."""
    assert checkpoints.newest() is None


def test_the_newest_checkpoint_wins_and_two_are_kept(checkpoints: CheckpointFolder, tmp_path: Path) -> None:
    """By epoch and batch, not by the time of the file, which a download does not preserve."""
    for progress in (
        Progress(epoch=9),
        Progress(epoch=10),
        Progress(epoch=10, batches=5),
        Progress(epoch=10, batches=40),
    ):
        checkpoints.save(progress, STATE)

    found = checkpoints.newest()

    assert found is not None
    assert Progress(epoch=10, batches=40) == found.progress
    assert 2 == len(list((tmp_path / "checkpoints").iterdir()))


@pytest.mark.parametrize("kept_bytes", [0, 10, 300, -200, -1])
def test_a_torn_checkpoint_falls_back_to_the_one_before(
    checkpoints: CheckpointFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], kept_bytes: int
) -> None:
    """Wherever it is torn, and the log says that it was passed over."""
    checkpoints.save(Progress(epoch=2), STATE)
    torn = tmp_path / "checkpoints" / checkpoints.save(Progress(epoch=3), STATE)
    torn.write_bytes(torn.read_bytes()[:kept_bytes])

    found = checkpoints.newest()

    assert found is not None
    assert Progress(epoch=2) == found.progress
    assert f"checkpoint {torn.name} is ignored: it cannot be read" in capsys.readouterr().out


def test_a_flipped_bit_is_noticed(checkpoints: CheckpointFolder, tmp_path: Path) -> None:
    """The content has a checksum."""
    path = tmp_path / "checkpoints" / checkpoints.save(Progress(), STATE)
    content = path.read_bytes()
    where = content.index(STATE["parameters"].tobytes())
    path.write_bytes(content[:where] + b"\xff" + content[where + 1 :])

    assert checkpoints.newest() is None


def test_another_configuration_s_checkpoints_are_neither_taken_nor_touched(
    checkpoints: CheckpointFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training jobs may share a folder; each goes on with its own."""
    other = CheckpointFolder(tmp_path / "checkpoints", {**CONFIGURATION, "network": "resnet20_v2"})
    name = other.save(Progress(epoch=9), STATE)

    assert checkpoints.newest() is None
    assert f"{name} is ignored: it was made with another network or other hyperparameters" in capsys.readouterr().out
    for epoch in (1, 2, 3):
        checkpoints.save(Progress(epoch=epoch), STATE)
    assert other.newest() is not None


def test_what_an_interrupted_write_left_is_no_checkpoint(checkpoints: CheckpointFolder, tmp_path: Path) -> None:
    """A file gets its name only when it is whole; the next write takes the place of the remains."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint.partial").write_bytes(b"half")

    assert checkpoints.newest() is None
    name = checkpoints.save(Progress(), STATE)
    assert [name] == [path.name for path in (tmp_path / "checkpoints").iterdir()]
