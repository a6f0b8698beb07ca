"""Every path of the container contract, under one root.

The container reads ``OptMlLayout().hyperparameters``; the platform writes ``OptMlLayout(job_folder).hyperparameters``.
Nobody else joins paths. Source: SageMaker developer guide, "Training Storage Folders".
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OptMlLayout:
    """Every path of the container contract, under one root."""

    root: Path = Path("/opt/ml")

    @property
    def input(self) -> Path:
        """Everything the platform gives to the container."""
        return self.root / "input"

    @property
    def config(self) -> Path:
        """The folder of the config files."""
        return self.input / "config"

    @property
    def hyperparameters(self) -> Path:
        """``hyperparameters.json``: one flat object, every value a string."""
        return self.config / "hyperparameters.json"

    @property
    def input_data_config(self) -> Path:
        """``inputdataconfig.json``: an object keyed by channel name."""
        return self.config / "inputdataconfig.json"

    @property
    def resource_config(self) -> Path:
        """``resourceconfig.json``: the hosts of the job and which of them this is."""
        return self.config / "resourceconfig.json"

    @property
    def checkpoint_config(self) -> Path:
        """``checkpointconfig.json``: there only when the request has a CheckpointConfig."""
        return self.config / "checkpointconfig.json"

    @property
    def debug_hook_config(self) -> Path:
        """``debughookconfig.json``: there only when the request has a DebugHookConfig."""
        return self.config / "debughookconfig.json"

    @property
    def profiler_config(self) -> Path:
        """``profilerconfig.json``: there only when the request has a ProfilerConfig."""
        return self.config / "profilerconfig.json"

    @property
    def data(self) -> Path:
        """The folder with one folder a channel."""
        return self.input / "data"

    def channel(self, name: str) -> Path:
        """The folder of the channel called `name` (File and FastFile mode)."""
        return self.data / name

    def channel_fifo(self, name: str, epoch: int) -> Path:
        """The FIFO that gives `epoch` (from 0) of the channel called `name` (Pipe mode)."""
        return self.data / f"{name}_{epoch}"

    @property
    def model(self) -> Path:
        """Where the container leaves the model; becomes ``model.tar.gz``."""
        return self.root / "model"

    @property
    def models(self) -> Path:
        """Where a multi-model container finds its models, in place of `model`."""
        return self.root / "models"

    def loaded_model(self, name: str) -> Path:
        """The folder of one of several models; `name` is the platform's."""
        return self.models / name / "model"

    @property
    def output(self) -> Path:
        """The folder of the failure file and of the output data."""
        return self.root / "output"

    @property
    def output_data(self) -> Path:
        """Other artifacts; becomes ``output.tar.gz``."""
        return self.output / "data"

    @property
    def failure(self) -> Path:
        """UTF-8 text that tells why training failed."""
        return self.output / "failure"

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints go unless CheckpointConfig.LocalPath says otherwise."""
        return self.root / "checkpoints"
