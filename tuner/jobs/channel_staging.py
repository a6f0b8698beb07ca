"""What is put into a job's folder for its channels, and what is mounted. No file of a ``file://`` channel is copied."""

from pathlib import Path

from contracts.channels import Channel, InputMode, SourceType
from contracts.paths import OptMlLayout
from tuner.channels.addresses import local_path
from tuner.channels.fifo import make_fifo
from tuner.channels.objects import list_objects
from tuner.engine.protocol import Mount
from tuner.errors import ChannelError

#: So many files of one channel are mounted one by one, at most. A thousand takes the engine 0.15 s; the kernel has room
#: for 100,000 mounts in all (``fs.mount-max``).
MAX_FILE_MOUNTS = 10_000


def stage_channel(channel: Channel, layout: OptMlLayout) -> list[Mount]:
    """Put into the job's ``/opt/ml/input/data`` what the channel needs there; return what is mounted over it.

    Raises ChannelError where a manifest's files are not there or are too many, OSError.
    """
    if channel.input_mode is InputMode.PIPE:
        make_fifo(layout.channel_fifo(channel.name, 0))
        return []
    folder = layout.channel(channel.name)
    folder.mkdir()  # where the engine puts the mount, inside a read-only one
    if channel.source_type is SourceType.MANIFEST:
        return _mount_each(channel, folder)
    source = local_path(channel.uri)
    if source.is_file():
        return [_mount_file(channel, folder, source.name, source)]
    return [Mount(source=source, target=str(OptMlLayout().channel(channel.name)), read_only=True)]


def _mount_each(channel: Channel, folder: Path) -> list[Mount]:
    """Mount the files that a manifest lists, and no other: a mount of their folder would show what is beside them.

    Links would not do: a symbolic one leads nowhere inside the container, and a hard one keeps the space of a file
    taken as long as the job's folder is kept, and cannot lead to another file system.
    """
    objects = list(dict.fromkeys(list_objects(channel)))  # one that is listed twice is one file
    if len(objects) > MAX_FILE_MOUNTS:
        raise ChannelError(
            f"channel {channel.name!r}: the manifest lists {len(objects):,} files, and at most {MAX_FILE_MOUNTS:,} can"
            " be mounted one by one: give the channel their folder as S3Prefix, or use Pipe mode"
        )
    return [_mount_file(channel, folder, found.key, found.path) for found in objects]


def _mount_file(channel: Channel, folder: Path, key: str, source: Path) -> Mount:
    place = folder / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()  # where the engine puts the mount
    return Mount(source=source, target=str(OptMlLayout().channel(channel.name) / key), read_only=True)
