"""What is written for one run, and how it is mounted: the user's own files are never written to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.channels import InputMode
from tuner.conformance import staging
from tuner.conformance.case import GivenChannel, GoodCase
from tuner.conformance.sending import Sending, plainest
from tuner.conformance.staging import ODD_FILES, stage
from tuner.engine.protocol import Mount


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A channel's folder: one file, and one in a sub-folder."""
    folder = tmp_path / "source"
    (folder / "below").mkdir(parents=True)
    (folder / "a.csv").write_text("1")
    (folder / "below" / "b.csv").write_text("2")
    return folder


@pytest.fixture
def sending(source: Path) -> Sending:
    """The plainest run of a case with that channel."""
    case = GoodCase(
        image="image", hyperparameters={"epochs": "3"}, channels=(GivenChannel(name="training", path=source),)
    )
    return plainest(case)


def of_source(mounts: tuple[Mount, ...], source: Path) -> list[Mount]:
    """The mounts that show the user's own files."""
    return [mount for mount in mounts if mount.source.is_relative_to(source)]


def test_a_channel_that_may_be_written_is_a_copy(sending: Sending, source: Path, tmp_path: Path) -> None:
    """The user's files are not mounted at all."""
    staged = stage(sending, tmp_path / "run")

    assert [] == of_source(staged.mounts, source)
    assert "2" == (staged.layout.channel("training") / "below" / "b.csv").read_text()


def test_a_channel_too_large_to_be_copied_stays_read_only(
    sending: Sending, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check would take longer than the training."""
    monkeypatch.setattr(staging, "MOST_COPIED_BYTES", 1)
    (mount,) = of_source(stage(sending, tmp_path / "run").mounts, source)

    assert mount.read_only


@pytest.mark.parametrize("change", [{}, {"nested": True}, {"odd_files": True}, {"nested": True, "odd_files": True}])
def test_a_read_only_channel_is_mounted_and_never_copied(
    sending: Sending, source: Path, tmp_path: Path, change: dict[str, bool]
) -> None:
    """However it is laid out."""
    channels = tuple(replace(channel, **change) for channel in sending.channels)  # type: ignore[arg-type]
    staged = stage(replace(sending, channels=channels, channels_read_only=True), tmp_path / "run")
    mounts = of_source(staged.mounts, source)

    assert mounts
    assert all(mount.read_only for mount in mounts)
    below = "/part/one" if change.get("nested") else ""
    whole = not change
    expected = {""} if whole else {f"{below}/a.csv", f"{below}/below"}
    assert {f"/opt/ml/input/data/training{path}" for path in expected} == {mount.target for mount in mounts}


def test_odd_files_are_there_and_empty(sending: Sending, tmp_path: Path) -> None:
    """Beside the channel's own."""
    channels = tuple(replace(channel, odd_files=True) for channel in sending.channels)
    staged = stage(replace(sending, channels=channels), tmp_path / "run")
    folder = staged.layout.channel("training")

    assert {*ODD_FILES, "a.csv", "below"} == {path.name for path in folder.iterdir()}
    assert 0 == sum((folder / name).stat().st_size for name in ODD_FILES)


def test_a_pipe_channel_has_no_folder(sending: Sending, tmp_path: Path) -> None:
    """It is in the config file all the same."""
    channels = tuple(replace(channel, mode=InputMode.PIPE) for channel in sending.channels)
    staged = stage(replace(sending, channels=channels), tmp_path / "run")

    assert not staged.layout.channel("training").exists()
    assert "Pipe" == json.loads(staged.layout.input_data_config.read_text())["training"]["TrainingInputMode"]


def test_a_hidden_folder_is_covered_by_an_empty_one(sending: Sending, tmp_path: Path) -> None:
    """And a file by an empty file."""
    staged = stage(replace(sending, hidden=("/opt/ml/lib/", "/opt/ml/settings")), tmp_path / "run")
    covers = {mount.target: mount.source for mount in staged.mounts if "hidden" in mount.source.name}

    assert [] == list(covers["/opt/ml/lib"].iterdir())
    assert b"" == covers["/opt/ml/settings"].read_bytes()


def test_checkpoints_are_told_of_only_where_there_are_any(sending: Sending, tmp_path: Path) -> None:
    """With the place where the job wants them."""
    without = stage(sending, tmp_path / "one")
    with_them = stage(replace(sending, with_checkpoints=True), tmp_path / "two")

    assert not without.layout.checkpoint_config.exists()
    assert {"LocalPath": "/opt/ml/checkpoints"} == json.loads(with_them.layout.checkpoint_config.read_text())
