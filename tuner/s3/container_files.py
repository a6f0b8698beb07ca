"""The files of a folder that a container may write to at any time: never through a link, never outside it."""

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tuner.s3.errors import S3Error

#: What tells one content of a file from another without reading it: size, time of content, time of change, inode.
Identity = tuple[int, int, int, int]

#: What opening a file says when it is gone, or is not one any more.
_GONE = {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}


class Changed(Exception):
    """A file is not any more what it was when it was looked at."""


def files_of(folder: Path) -> Mapping[str, Identity]:
    """All files below `folder`, by their path in it. Links and what is no file are left out; raises OSError."""
    found: dict[str, Identity] = {}

    def refuse(error: OSError) -> None:
        if error.errno not in _GONE:  # a folder that was removed in the middle is just not there
            raise error

    for path, _, names, descriptor in os.fwalk(folder, onerror=refuse):
        for name in names:
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                found[str((Path(path) / name).relative_to(folder))] = identity(status)
    return found


def identity(status: os.stat_result) -> Identity:
    """The identity of the file that `status` is of."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def open_inside(folder: Path, place: str, expected: Identity) -> BinaryIO:
    """The file at `place` in `folder`; raises Changed where it is not the `expected` one any more, OSError.

    Each step is opened from the one before, so that a folder which is exchanged for a link in between leads nowhere.
    """
    *steps, name = place.split("/")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in steps:
            descriptor = _replaced(descriptor, os.O_DIRECTORY, step)
        descriptor = _replaced(descriptor, os.O_NONBLOCK, name)
    except OSError as error:
        if error.errno in _GONE:
            raise Changed from error
        raise
    if identity(os.fstat(descriptor)) != expected:
        os.close(descriptor)
        raise Changed
    return os.fdopen(descriptor, "rb")


def put_inside(folder: Path, place: str, file: Path) -> None:
    """Move `file` to `place` in `folder`, where no container is at work; raises S3Error where a link is in the way."""
    path = folder
    for step in place.split("/")[:-1]:
        path /= step
        if path.is_symlink():
            raise S3Error(f"{path} is a link, and nothing is written through one")
        if not path.is_dir():
            path.mkdir()
            path.chmod(0o777)  # images do not all run as root
    file.replace(folder / place)


def _replaced(folder: int, flags: int, name: str) -> int:
    """What is called `name` in the open `folder`, opened; the folder is closed."""
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
    finally:
        os.close(folder)
