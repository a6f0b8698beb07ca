"""The objects of a channel whose data is in S3: which they are, in which order, and where they go as files."""

import threading
from collections.abc import Mapping
from functools import partial

from contracts.channels import Channel, InputMode, SourceType
from contracts.manifests import Manifest
from tuner.channels.addresses import local_path
from tuner.channels.manifest_files import parsed_manifest, resolve
from tuner.errors import ChannelError
from tuner.s3.addresses import S3Address, S3Object, is_folder_marker, is_s3, is_whole_step, layout, place_of
from tuner.s3.errors import S3Error
from tuner.s3.storage import THREADS, Storage
from tuner.s3.workers import run_parallel

#: The most that is read as a manifest: room for a million keys. Data that was taken for one is longer.
_MOST_MANIFEST_BYTES = 256 << 20


def has_objects_in_s3(channel: Channel) -> bool:
    """Whether a channel with a prefix or a manifest is made of objects in S3, wherever the manifest itself lies.

    Raises ChannelError where a manifest of this host cannot be read.
    """
    if is_s3(channel.uri):
        return True
    if channel.source_type is not SourceType.MANIFEST:
        return False
    return is_s3(_manifest_here(channel).prefix)


def objects_in_s3(channel: Channel, storage: Storage, called_off: threading.Event) -> list[S3Object | S3Address]:
    """The objects of such a channel, in listing order; those of a manifest as they stand there, not looked up yet.

    Raises S3Error, ChannelError, CalledOff.
    """
    if channel.source_type is SourceType.MANIFEST:
        return [address for _, address in _of_manifest(channel, storage, called_off)]
    return [*_of_prefix(channel, storage, called_off)]


def layout_in_s3(channel: Channel, storage: Storage, called_off: threading.Event) -> Mapping[str, S3Object]:
    """The objects of such a channel by their paths below its folder. Raises S3Error, ChannelError, CalledOff."""
    if channel.source_type is not SourceType.MANIFEST:
        prefix = S3Address.parse(channel.uri).key
        return layout((place_of(prefix, found.key), found) for found in _of_prefix(channel, storage, called_off))
    named = dict(_of_manifest(channel, storage, called_off))
    found: dict[str, S3Object] = {}

    def look_up(place: str, address: S3Address, _: threading.Event) -> None:
        found[place] = storage.look_up(address)

    tasks = [partial(look_up, place, address) for place, address in named.items()]
    run_parallel(tasks, threads=THREADS, called_off=called_off, tick=lambda: None)
    return layout(found.items())


def read_text(address: S3Address, storage: Storage, called_off: threading.Event) -> bytes:
    """The content of a manifest in S3; raises S3Error where it cannot be read or is too long to be one."""
    found = storage.look_up(address)
    if found.size > _MOST_MANIFEST_BYTES:
        raise S3Error(f"{found} has {found.size:,} bytes: that is no manifest; give data as S3Prefix")
    return b"".join(storage.read(found, called_off=called_off))


def _of_prefix(channel: Channel, storage: Storage, called_off: threading.Event) -> list[S3Object]:
    address = S3Address.parse(channel.uri)
    objects = [found for found in storage.list(address, called_off) if not is_folder_marker(found)]
    if channel.input_mode is InputMode.FAST_FILE:
        whole = [found for found in objects if is_whole_step(address.key, found.key)]
        if objects and not whole:
            raise S3Error(
                f"{address}: in FastFile mode this has to be a folder or an object, and it is the beginning of the name"
                f" {objects[0]}; name the whole of it, or use File mode"
            )
        objects = whole
    if not objects:
        raise S3Error(f"{address}: no object's key begins with that")
    return objects


def _of_manifest(channel: Channel, storage: Storage, called_off: threading.Event) -> list[tuple[str, S3Address]]:
    if is_s3(channel.uri):
        where = S3Address.parse(channel.uri)
        manifest = parsed_manifest(read_text(where, storage, called_off), where)
        prefix = resolve(manifest.prefix, where)
    else:
        manifest = _manifest_here(channel)
        prefix = S3Address.parse(manifest.prefix)
    assert isinstance(prefix, S3Address)  # a manifest in S3 leads nowhere else, and one here was asked before
    return [(key, S3Address(prefix.bucket, prefix.key + key)) for key in manifest.keys]


def _manifest_here(channel: Channel) -> Manifest:
    path = local_path(channel.uri)
    try:
        return parsed_manifest(path.read_bytes(), path)
    except OSError as error:
        raise ChannelError(f"{path}: {error.strerror}") from error
