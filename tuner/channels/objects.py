"""The objects of a channel of this host: which files it is made of, and in which order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.channels import Channel, SourceType
from tuner.channels.addresses import local_path
from tuner.channels.manifest_files import parsed_manifest, resolved_text
from tuner.errors import ChannelError

#: So many names of what is missing are told; the rest is counted.
_MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelObject:
    """One file of a channel. `key` is its name in the channel: its path relative to the prefix, with slashes."""

    key: str
    path: Path


def list_objects(channel: Channel) -> list[ChannelObject]:
    """The files of a channel of this host, with a prefix or a manifest, in listing order.

    A prefix is listed as S3 lists one, by the bytes of the keys; a manifest as it stands. Raises ChannelError where
    something is not there, and NotSupported where a manifest leads away from this host.
    """
    path = local_path(channel.uri)
    try:
        if channel.source_type is SourceType.MANIFEST:
            return _of_manifest(path)
        if not stat.S_ISDIR(path.stat().st_mode):
            return [ChannelObject(key=path.name, path=path)]
        return sorted(_files_below(path, "", ()), key=lambda found: os.fsencode(found.key))
    except OSError as error:
        raise ChannelError(f"{error.filename or path}: {error.strerror}") from error


def missing_files(paths: list[Path]) -> str | None:
    """Which of `paths` are no files, in words; None where all are."""
    missing = [path for path in paths if not path.is_file()]
    if not missing:
        return None
    named = ", ".join(str(path) for path in missing[:_MOST_NAMES])
    rest = len(missing) - _MOST_NAMES
    return f"{named} and {rest:,} more" if rest > 0 else named


def _of_manifest(path: Path) -> list[ChannelObject]:
    manifest = parsed_manifest(path.read_bytes(), path)
    prefix = resolved_text(manifest.prefix, path)
    objects = [ChannelObject(key=key, path=Path(prefix + key)) for key in manifest.keys]
    if (missing := missing_files([found.path for found in objects])) is not None:
        raise ChannelError(f"the manifest {path} names files that are not there: {missing}")
    return objects


def _files_below(folder: Path, key: str, above: tuple[tuple[int, int], ...]) -> Iterator[ChannelObject]:
    """All files below `folder`; links are followed, but not in a circle, and what is no file is passed over."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files_below(Path(entry.path), f"{key}{entry.name}/", (*above, here))
            elif stat.S_ISREG(entry.stat().st_mode):  # a dangling link is an error: its data would be missed in silence
                yield ChannelObject(key=key + entry.name, path=Path(entry.path))
