"""Reads what the platform put under ``/opt/ml`` once, into one frozen value.

Nothing else in `container` opens a config file. On SageMaker and under `algodock` the three documented files are always
there. They may be missing when somebody starts the image by hand, with ``docker run -v`` and a folder of data: then
there is one host, every hyperparameter takes its default, and the channels are the folders that are there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from container.errors import InvalidTrainingInput
from contracts.channels import Channel, InputMode, parse_input_data_config
from contracts.errors import InvalidConfigFile
from contracts.hyperparameters import parse_hyperparameters_file
from contracts.paths import OptMlLayout
from contracts.resources import ResourceConfig, parse_resource_config

#: Moves the ``/opt/ml`` root; the sagemaker-training toolkit reads the same variable. For tests and dry runs.
ROOT_VARIABLE = "SAGEMAKER_BASE_DIR"
JOB_NAME_VARIABLE = "TRAINING_JOB_NAME"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingEnvironment:
    """One training job as its container sees it."""

    layout: OptMlLayout
    job_name: str
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, Channel]
    resources: ResourceConfig
    checkpoints: Path
    keeps_checkpoints: bool
    """Whether somebody keeps what is written to `checkpoints`: asked for by CheckpointConfig, or mounted by hand."""

    @property
    def model(self) -> Path:
        """The folder that becomes ``model.tar.gz``."""
        return self.layout.model

    @property
    def output_data(self) -> Path:
        """The folder that becomes ``output.tar.gz``."""
        return self.layout.output_data

    def channel_folder(self, name: str) -> Path:
        """The folder with the files of the channel called `name`."""
        return self.layout.channel(name)

    def files(self, channel: str, pattern: str = "*") -> list[Path]:
        """The files of `channel`, at any depth, whose name fits `pattern`, in order, without empty and hidden ones.

        Raises InvalidTrainingInput where the job has no such channel, feeds it through a pipe, or has no such file.
        """
        if channel not in self.channels:
            found = ", ".join(self.channels) or "none"
            raise InvalidTrainingInput(f"the job needs a channel called {channel}; it has: {found}")
        if self.channels[channel].input_mode is InputMode.PIPE:
            raise InvalidTrainingInput(
                f"channel {channel}: input mode Pipe is not read by this algorithm; use File or FastFile"
            )
        found_files = sorted(
            path
            for path in self.channel_folder(channel).rglob(pattern)
            if path.is_file() and path.stat().st_size and not path.name.startswith(".")
        )
        if not found_files:
            raise InvalidTrainingInput(f"channel {channel} has no file {pattern} that holds anything")
        return found_files


def layout_from(variables: Mapping[str, str]) -> OptMlLayout:
    """Where the contract's tree is: ``/opt/ml``, unless the environment moves it."""
    return OptMlLayout(Path(variables[ROOT_VARIABLE])) if variables.get(ROOT_VARIABLE) else OptMlLayout()


def read_environment(layout: OptMlLayout, variables: Mapping[str, str]) -> TrainingEnvironment:
    """Read the config folder and `variables`; raises InvalidConfigFile naming the file that makes no sense."""
    hyperparameters = _read(layout.hyperparameters)
    channels = _read(layout.input_data_config)
    resources = _read(layout.resource_config)
    checkpoint_config = _read(layout.checkpoint_config)
    checkpoints = layout.checkpoints if checkpoint_config is None else _local_path(checkpoint_config, layout)
    return TrainingEnvironment(
        layout=layout,
        job_name=variables.get(JOB_NAME_VARIABLE, ""),
        hyperparameters={} if hyperparameters is None else parse_hyperparameters_file(hyperparameters),
        channels=_channels_found(layout) if channels is None else parse_input_data_config(channels),
        resources=ResourceConfig() if resources is None else parse_resource_config(resources),
        checkpoints=checkpoints,
        keeps_checkpoints=checkpoint_config is not None or checkpoints.is_dir(),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfigFile(f"{path.name} cannot be read: {error}") from error


def _channels_found(layout: OptMlLayout) -> dict[str, Channel]:
    folders = sorted(layout.data.iterdir()) if layout.data.is_dir() else []
    return {folder.name: Channel(name=folder.name) for folder in folders if folder.is_dir()}


def _local_path(text: str, layout: OptMlLayout) -> Path:
    try:
        return Path(json.loads(text).get("LocalPath", layout.checkpoints))
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise InvalidConfigFile(f"checkpointconfig.json: {error}") from error
