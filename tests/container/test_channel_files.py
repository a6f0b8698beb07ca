"""The files of a channel, as an algorithm asks for them."""

from pathlib import Path

import pytest

from container.environment import TrainingEnvironment, read_environment
from container.errors import InvalidTrainingInput
from contracts.paths import OptMlLayout


@pytest.fixture
def layout(tmp_path: Path) -> OptMlLayout:
    """A tree with one channel, which has files and things that are none."""
    layout = OptMlLayout(tmp_path)
    folder = layout.channel("training")
    (folder / "part").mkdir(parents=True)
    (folder / "folder.csv").mkdir()
    for name, text in {
        "b.csv": "1\n",
        "part/a.csv": "2\n",
        "empty.csv": "",
        ".hidden.csv": "3\n",
        "x.json": "4",
    }.items():
        (folder / name).write_text(text)
    return layout


def environment(layout: OptMlLayout, channels: str | None = None) -> TrainingEnvironment:
    """The environment of a job whose inputdataconfig.json has `channels` in it, if any are given."""
    if channels is not None:
        layout.config.mkdir(parents=True)
        layout.input_data_config.write_text(channels)
    return read_environment(layout, {})


def test_the_files_of_a_channel_are_found_at_any_depth_in_order(layout: OptMlLayout) -> None:
    """Empty files, hidden ones and folders are left out."""
    folder = layout.channel("training")

    assert [folder / "b.csv", folder / "part" / "a.csv"] == environment(layout).files("training", "*.csv")
    assert [folder / "b.csv", folder / "part" / "a.csv", folder / "x.json"] == environment(layout).files("training")


def test_a_channel_without_such_files_is_refused(layout: OptMlLayout) -> None:
    """The text names both."""
    with pytest.raises(InvalidTrainingInput, match=r"channel training has no file \*\.parquet"):
        environment(layout).files("training", "*.parquet")


def test_a_channel_that_the_job_does_not_have_is_refused(layout: OptMlLayout) -> None:
    """Those that it has are named."""
    with pytest.raises(InvalidTrainingInput, match="needs a channel called test; it has: training"):
        environment(layout).files("test")


def test_a_channel_in_pipe_mode_is_refused(layout: OptMlLayout) -> None:
    """It has no files, and an algorithm that waits for some would wait for ever."""
    piped = environment(layout, '{"training": {"TrainingInputMode": "Pipe"}}')

    with pytest.raises(InvalidTrainingInput, match="input mode Pipe is not read by this algorithm"):
        piped.files("training")
