"""What the containers of a job leave behind: their archives and their failure texts.

A container is untrusted: it may have planted symbolic links or devices where files are expected. Links are archived
as links and never followed; devices, sockets and pipes are left out.
"""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from contracts.outcome import MAX_FAILURE_LENGTH
from tuner.jobs.left_files import Left, choose, open_file

#: UTF-8 has at most four bytes a character.
_FAILURE_BYTES = 4 * MAX_FAILURE_LENGTH
#: Of a file's mode, what goes into an archive: a program stays one, but nobody becomes its owner by running it.
_KEPT_MODE = 0o777


def archive(folders: Sequence[Path], target: Path) -> bool:
    """Pack what is in `folders` into `target`, a ``.tar.gz`` with members relative to their folder.

    Where several folders hold something of one name, that of the first is packed: a tar file could hold both, and who
    unpacks it would get the last. Nothing is written, and False returned, where they hold nothing. The archive appears
    under its name only when it is whole. Raises NotTakenOver, OSError.
    """
    members = choose(folders).chosen
    if not members:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with tarfile.open(unfinished, "w:gz", compresslevel=6) as tar:
            for member in members:
                _pack(tar, member)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def _pack(tar: tarfile.TarFile, left: Left) -> None:
    """Add one member, unless it is no file, folder or link. A second name of one file becomes a hard link."""
    if left.is_special:
        return
    member = tar.gettarinfo(left.path, arcname=left.name)
    member.mode &= _KEPT_MODE
    if not member.isreg():
        tar.addfile(member)
    elif (file := open_file(left.path)) is not None:
        with file:
            tar.addfile(member, file)


def files_below(folders: Sequence[Path]) -> dict[str, Path]:
    """The regular files in `folders` by their paths relative to them, as `archive` chooses them; links are left out."""
    return {one.name: one.path for one in choose(folders).chosen if one.is_file}


def deliver(artifact: Path, folder: Path) -> None:
    """Copy a finished file to where the job's OutputDataConfig wants it, whole or not at all; a link is left out."""
    if (file := open_file(artifact)) is not None:
        with file:
            deliver_from(file, folder / artifact.name)


def deliver_from(file: BinaryIO, target: Path) -> None:
    """Copy what is left of an open file to `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with unfinished.open("xb") as copy:  # made here: never through a link that was there before
        shutil.copyfileobj(file, copy)
    unfinished.replace(target)


def read_failure(path: Path) -> str:
    """The first 1024 characters of a failure file, or nothing where there is no such file."""
    return (read_beginning(path, _FAILURE_BYTES) or b"").decode(errors="replace")[:MAX_FAILURE_LENGTH]


def read_beginning(path: Path, length: int) -> bytes | None:
    """The first `length` bytes of a file that a container wrote; None where there is no file, or a link or device."""
    try:
        file = open_file(path)
    except OSError:
        return None
    if file is None:
        return None
    with file:
        return file.read(length)
