"""What a container learns about its job from /opt/ml and its environment variables."""

from pathlib import Path

import pytest

from container.environment import TrainingEnvironment, layout_from, read_environment
from contracts.channels import InputMode
from contracts.errors import InvalidConfigFile
from contracts.paths import OptMlLayout
from contracts.resources import ResourceConfig


@pytest.fixture
def layout(tmp_path: Path) -> OptMlLayout:
    """An /opt/ml tree with the three documented files."""
    layout = OptMlLayout(tmp_path)
    layout.config.mkdir(parents=True)
    layout.hyperparameters.write_text('{"epochs": "3"}')
    layout.input_data_config.write_text('{"training": {"TrainingInputMode": "FastFile"}}')
    layout.resource_config.write_text(
        '{"current_host": "algo-2", "hosts": ["algo-2", "algo-1"], "network_interface_name": "eth0", "topology": null}'
    )
    return layout


def read(layout: OptMlLayout) -> TrainingEnvironment:
    return read_environment(layout, {"TRAINING_JOB_NAME": "job-1"})


def test_the_config_files_become_one_value(layout: OptMlLayout) -> None:
    """Hyperparameters stay the strings they are; channels and hosts are read."""
    environment = read(layout)

    assert {"epochs": "3"} == environment.hyperparameters
    assert "job-1" == environment.job_name
    assert InputMode.FAST_FILE is environment.channels["training"].input_mode
    assert layout.root / "input/data/training" == environment.channel_folder("training")
    assert ("algo-1", "algo-2") == environment.resources.hosts


def test_an_image_started_by_hand_has_one_host_and_the_channels_that_are_mounted(tmp_path: Path) -> None:
    """``docker run -v folder:/opt/ml/input/data/training IMAGE`` brings no config files, and trains."""
    layout = OptMlLayout(tmp_path)
    layout.channel("training").mkdir(parents=True)
    (layout.data / "training-manifest").touch()

    environment = read_environment(layout, {})

    assert {} == environment.hyperparameters
    assert ResourceConfig() == environment.resources
    assert ["training"] == list(environment.channels)
    assert "" == environment.job_name


@pytest.mark.parametrize("name", ["hyperparameters", "inputdataconfig", "resourceconfig", "checkpointconfig"])
@pytest.mark.parametrize("text", ["{", "[]", '"text"', "\udcff"])
def test_a_malformed_config_file_is_named(layout: OptMlLayout, name: str, text: str) -> None:
    """A file that is there but says nothing sensible is never taken for a missing one."""
    (layout.config / f"{name}.json").write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(InvalidConfigFile, match=name):
        read(layout)


def test_checkpoints_are_kept_where_checkpointconfig_says(layout: OptMlLayout) -> None:
    """CheckpointConfig.LocalPath names the folder that is synchronised."""
    layout.checkpoint_config.write_text('{"LocalPath": "/elsewhere/checkpoints", "S3Uri": "s3://bucket/prefix"}')

    environment = read(layout)

    assert Path("/elsewhere/checkpoints") == environment.checkpoints
    assert environment.keeps_checkpoints


def test_checkpoints_are_kept_when_their_folder_is_mounted(layout: OptMlLayout) -> None:
    """A folder that is there was put there by somebody who wants it filled."""
    layout.checkpoints.mkdir()

    assert read(layout).keeps_checkpoints
    assert layout.checkpoints == read(layout).checkpoints


def test_checkpoints_are_not_kept_when_nobody_asked(layout: OptMlLayout) -> None:
    """Without a CheckpointConfig nothing takes them out of the container."""
    assert not read(layout).keeps_checkpoints


def test_the_root_of_the_tree_can_be_moved_as_with_the_toolkit() -> None:
    """SAGEMAKER_BASE_DIR moves /opt/ml, for runs without a container."""
    assert OptMlLayout(Path("/opt/ml")) == layout_from({})
    assert OptMlLayout(Path("/tmp/ml")) == layout_from({"SAGEMAKER_BASE_DIR": "/tmp/ml"})
