"""What is put into a job's folder for its channels, and what is mounted. No file is copied.

Channels are of this host by now: `tuner.channels.fetching.fetch` has brought here what was elsewhere.
"""

from pathlib import Path

from contracts.channels import Channel, InputMode, Shard, SourceType
from contracts.paths import OptMlLayout
from tuner.channels.addresses import local_path
from tuner.channels.fifo import make_fifo
from tuner.channels.objects import list_objects
from tuner.engine.protocol import Mount
from tuner.errors import ChannelError

#: So many files of one channel are mounted one by one, at most. A thousand takes the engine 0.15 s; the kernel has room
#: for 100,000 mounts in all (``fs.mount-max``).
MAX_FILE_MOUNTS = 10_000


def stage_channel(channel: Channel, layout: OptMlLayout, shard: Shard = Shard()) -> list[Mount]:  # noqa: B008 - frozen
    """Put into a host's ``/opt/ml/input/data`` what the channel needs there; return what is mounted over it.

    `shard` says which host it is, and counts where the channel is sharded: a host whose share is empty finds an empty
    folder. Raises ChannelError where files are not there or too many to be mounted one by one, OSError.
    """
    if channel.input_mode is InputMode.PIPE:
        make_fifo(layout.channel_fifo(channel.name, 0))
        return []
    folder = layout.channel(channel.name)
    folder.mkdir()  # where the engine puts the mount, inside a read-only one
    has_share = channel.is_sharded and shard.count > 1
    if has_share or channel.source_type is SourceType.MANIFEST:
        return _mount_each(channel, folder, shard if has_share else Shard())
    source = local_path(channel.uri)
    if source.is_file():
        return [_mount_file(channel, folder, source.name, source)]
    return [Mount(source=source, target=str(OptMlLayout().channel(channel.name)), read_only=True)]


def _mount_each(channel: Channel, folder: Path, shard: Shard) -> list[Mount]:
    """Mount the files of a manifest or a share, and no other: a mount of their folder would show what is beside them.

    Links would not do: a symbolic one leads nowhere inside the container, and a hard one keeps the space of a file
    taken as long as the job's folder is kept, and cannot lead to another file system.
    """
    objects = shard.of(list(dict.fromkeys(list_objects(channel))))  # one that is listed twice is one file
    if len(objects) > MAX_FILE_MOUNTS:
        raise ChannelError(_too_many(channel, len(objects)))
    return [_mount_file(channel, folder, found.key, found.path) for found in objects]


def _too_many(channel: Channel, count: int) -> str:
    if channel.source_type is SourceType.MANIFEST:
        what, remedy = "the manifest lists", "give the channel their folder as S3Prefix, or use Pipe mode"
    else:
        what, remedy = "a host's share is", "use Pipe mode, or FullyReplicated"
    return (
        f"channel {channel.name!r}: {what} {count:,} files, and at most {MAX_FILE_MOUNTS:,} can be mounted one by one:"
        f" {remedy}"
    )


def _mount_file(channel: Channel, folder: Path, key: str, source: Path) -> Mount:
    place = folder / key
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()  # where the engine puts the mount
    return Mount(source=source, target=str(OptMlLayout().channel(channel.name) / key), read_only=True)
