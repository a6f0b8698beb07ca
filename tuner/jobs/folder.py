"""A job's folder on the host: every path in it, and what is written there before the container starts."""

import json
import shutil
from pathlib import Path
from typing import Any

from contracts.channels import format_input_data_config
from contracts.jobs import TrainingJobSpec
from contracts.paths import OptMlLayout
from contracts.resources import ResourceConfig, format_resource_config
from tuner.channels.addresses import is_local, local_path
from tuner.engine.protocol import Mount
from tuner.jobs.channel_staging import stage_channel

#: Folders that the container writes to. Images that do not run as root must be able to.
_WRITABLE = 0o777


class JobFolder:
    """Every path of one job on the host; nobody else joins paths. The container's own are in `opt_ml`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opt_ml = OptMlLayout(root / "opt" / "ml")

    def log(self, host: str = "algo-1") -> Path:
        """The output of one host, line by line."""
        return self.root / "logs" / f"{host}.log"

    @property
    def feeds(self) -> Path:
        """Where it is remembered how far each Pipe channel has been fed."""
        return self.root / "feeds"

    @property
    def model_artifact(self) -> Path:
        """The archive of ``/opt/ml/model``."""
        return self.root / "output" / "model.tar.gz"

    @property
    def output_artifact(self) -> Path:
        """The archive of ``/opt/ml/output/data``."""
        return self.root / "output" / "output.tar.gz"


def stage(spec: TrainingJobSpec, folder: JobFolder) -> list[Mount]:
    """Write what the container will find under ``/opt/ml``; return how it is mounted.

    A folder left over from a start that did not finish is written anew. Sub-folders are mounted one by one, so that
    scripts that an image brings in ``/opt/ml/code`` stay visible. What the user's ``file://`` channels hold is
    mounted as it is, read-only: nothing is copied. Raises ChannelError, OSError.
    """
    layout = folder.opt_ml
    for left_over in (layout.root, folder.feeds):
        if left_over.exists():
            shutil.rmtree(left_over)
    for path in (layout.config, layout.data):
        path.mkdir(parents=True)
    for path in (layout.model, layout.output, layout.output_data):
        _make_writable(path)
    layout.hyperparameters.write_text(_json_object(dict(spec.hyperparameters)), encoding="utf-8")
    layout.input_data_config.write_text(format_input_data_config(spec.channels), encoding="utf-8")
    layout.resource_config.write_text(
        format_resource_config(ResourceConfig(instance_type=spec.instance_type)), encoding="utf-8"
    )
    inside = OptMlLayout()
    mounts = [
        Mount(source=layout.input, target=str(inside.input), read_only=True),
        Mount(source=layout.model, target=str(inside.model)),
        Mount(source=layout.output, target=str(inside.output)),
    ]
    for channel in spec.channels:
        mounts += stage_channel(channel, layout)
    if spec.checkpoint_path is not None:
        checkpoints = _checkpoint_folder(spec, folder)
        layout.checkpoint_config.write_text(_json_object({"LocalPath": spec.checkpoint_path}), encoding="utf-8")
        mounts.append(Mount(source=checkpoints, target=spec.checkpoint_path))
    return mounts


def _checkpoint_folder(spec: TrainingJobSpec, folder: JobFolder) -> Path:
    """Where checkpoints are kept: under CheckpointConfig.S3Uri when that is a folder of this host, else in the job."""
    if spec.checkpoint_uri is not None and is_local(spec.checkpoint_uri):
        path = local_path(spec.checkpoint_uri)
    else:
        path = folder.root / "checkpoints"
    _make_writable(path)
    return path


def _make_writable(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_WRITABLE)


def _json_object(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=False)
