"""Brings the data of a channel to this host before its container starts, where it is in S3."""

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from contracts.channels import Channel, InputMode, SourceType
from tuner.channels.addresses import local_path
from tuner.channels.in_s3 import has_objects_in_s3, layout_in_s3
from tuner.errors import ChannelError
from tuner.s3.errors import S3Error
from tuner.s3.snapshots import SnapshotCache
from tuner.s3.storage import Storage


def fetch(
    channel: Channel, *, cache: Path, progress: Callable[[int, int], None], called_off: threading.Event
) -> Channel:
    """The channel as one of this host: a channel in File or FastFile mode whose objects are in S3 is downloaded.

    `progress` is told bytes done and bytes in all. What is in `cache` already, because another job or an earlier try
    downloaded it and it has not changed in S3 since, is not downloaded again. The channel that comes back reads a
    folder in `cache`, which stays as it is until `free` removes it. Channels of this host and Pipe channels, which are
    read while the job runs, come back as they are.

    Raises ChannelError, and CalledOff within a second after `called_off` is set; what was downloaded by then is kept.
    """
    try:
        if channel.input_mode is InputMode.PIPE or not has_objects_in_s3(channel):
            return channel
        storage = Storage.connect()
        layout = layout_in_s3(channel, storage, called_off)
        folder = SnapshotCache(cache).snapshot(storage, layout, progress=progress, called_off=called_off)
    except (S3Error, ChannelError) as error:
        raise ChannelError(f"channel {channel.name!r}: {error}") from error
    except OSError as error:
        raise ChannelError(f"channel {channel.name!r}: {error.filename or cache}: {error.strerror or error}") from error
    return replace(channel, uri=f"file://{quote(str(folder))}", source_type=SourceType.PREFIX)


def free(cache: Path, in_use: Collection[Channel]) -> int:
    """Remove what was downloaded, but for the channels `in_use`, which `fetch` gave; return how many bytes that freed.

    Raises ChannelError while something is being downloaded, or where the cache cannot be written.
    """
    try:
        return SnapshotCache(cache).free([local_path(channel.uri) for channel in in_use])
    except S3Error as error:
        raise ChannelError(str(error)) from error
    except OSError as error:
        raise ChannelError(f"{error.filename or cache}: {error.strerror or error}") from error
