"""A job's folder on the host: every path in it, and what is written there before the containers start."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.channels import Channel, Shard, format_input_data_config
from contracts.jobs import TrainingJobSpec
from contracts.paths import OptMlLayout
from contracts.resources import Host, format_resource_config
from tuner.channels.addresses import is_local, local_path
from tuner.engine.protocol import Mount
from tuner.jobs.channel_staging import stage_channel
from tuner.jobs.left_files import remove_tree

#: Folders that the container writes to. Images that do not run as root must be able to.
_WRITABLE = 0o777
#: The folder around them: a program that a container leaves, made to run as root by its mode, is out of reach of the
#: other users of this host. Containers do not pass through it: the engine mounts what is below.
_PRIVATE = 0o700


class HostFolder:
    """What one host of a job has on this machine. The container's own paths are in `opt_ml`."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.opt_ml = OptMlLayout(root / "opt" / "ml")
        self.log = log

    @property
    def feeds(self) -> Path:
        """Where it is remembered how far each Pipe channel has been fed."""
        return self.root / "feeds"


class JobFolder:
    """Every path of one job on this machine; nobody else joins paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def host(self, name: str = "algo-1") -> HostFolder:
        """What belongs to one host."""
        return HostFolder(self.root / name, self.log(name))

    def log(self, host: str = "algo-1") -> Path:
        """The output of one host, line by line."""
        return self.root / "logs" / f"{host}.log"

    def logs(self, hosts: Sequence[Host]) -> dict[str, Path]:
        """The output of each of `hosts`, by its name."""
        return {host.name: self.log(host.name) for host in hosts}

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints of all hosts are kept, unless CheckpointConfig.S3Uri is a folder of this machine."""
        return self.root / "checkpoints"

    @property
    def output(self) -> Path:
        """Where the archives are."""
        return self.root / "output"

    @property
    def model_artifact(self) -> Path:
        """The archive of ``/opt/ml/model``."""
        return self.output / "model.tar.gz"

    @property
    def output_artifact(self) -> Path:
        """The archive of ``/opt/ml/output/data``."""
        return self.output / "output.tar.gz"

    def remove_written(self, hosts: Sequence[Host]) -> None:
        """Remove all that the containers of `hosts` were given and have written, but not their logs; raises OSError."""
        for host in hosts:
            remove_tree(self.host(host.name).root)
        remove_tree(self.checkpoints)


def channels_of(channels: Sequence[Channel], host: Host, hosts: Sequence[Host]) -> list[tuple[Channel, Shard]]:
    """The channels that `host` gets, each with its share among the hosts that get the channel."""
    given = []
    for channel in channels:
        sharers = [one.name for one in hosts if not channel.instance_groups or one.group in channel.instance_groups]
        if host.name in sharers:
            given.append((channel, Shard(sharers.index(host.name), len(sharers))))
    return given


def stage(spec: TrainingJobSpec, host: Host, folder: JobFolder) -> list[Mount]:
    """Write what the container of `host` will find under ``/opt/ml``; return how it is mounted.

    What an earlier start left is removed. Sub-folders are mounted one by one, so that scripts that an image brings in
    ``/opt/ml/code`` stay visible. What the user's ``file://`` channels hold is mounted as it is, read-only: nothing is
    copied. Raises ChannelError, OSError.
    """
    own = folder.host(host.name)
    layout = own.opt_ml
    remove_tree(own.root)
    make_private(folder.root)
    for path in (layout.config, layout.data):
        path.mkdir(parents=True)
    for path in (layout.model, layout.output, layout.output_data):
        make_writable(path)
    channels = channels_of(spec.channels, host, spec.hosts)
    layout.hyperparameters.write_text(json_object(spec.hyperparameters), encoding="utf-8")
    layout.input_data_config.write_text(format_input_data_config(one for one, _ in channels), encoding="utf-8")
    layout.resource_config.write_text(format_resource_config(host, spec.hosts), encoding="utf-8")
    if spec.debug_hook is not None:
        layout.debug_hook_config.write_text(json_object(spec.debug_hook), encoding="utf-8")
    if spec.profiler is not None:
        layout.profiler_config.write_text(json_object(spec.profiler), encoding="utf-8")
    inside = OptMlLayout()
    mounts = [
        Mount(source=layout.input, target=str(inside.input), read_only=True),
        Mount(source=layout.model, target=str(inside.model)),
        Mount(source=layout.output, target=str(inside.output)),
    ]
    for channel, shard in channels:
        mounts += stage_channel(channel, layout, shard)
    if spec.checkpoint_path is not None:
        checkpoints = checkpoint_folder(spec, folder)
        make_writable(checkpoints)
        layout.checkpoint_config.write_text(json_object({"LocalPath": spec.checkpoint_path}), encoding="utf-8")
        mounts.append(Mount(source=checkpoints, target=spec.checkpoint_path))
    return mounts


def checkpoint_folder(spec: TrainingJobSpec, folder: JobFolder) -> Path:
    """Where checkpoints are kept: under CheckpointConfig.S3Uri when that is a folder of this host, else in the job."""
    if spec.checkpoint_uri is not None and is_local(spec.checkpoint_uri):
        return local_path(spec.checkpoint_uri)
    return folder.checkpoints


def make_writable(path: Path) -> None:
    """Make `path` a folder that a container's user can write to, whoever that is."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_WRITABLE)


def make_private(path: Path) -> None:
    """Make `path` a folder that only its owner can look into."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(_PRIVATE)


def json_object(document: Mapping[str, Any]) -> str:
    """The text of a config file."""
    return json.dumps(dict(document), sort_keys=True, ensure_ascii=False)
