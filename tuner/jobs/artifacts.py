"""What the containers of a job leave behind: their archives and their failure texts.

A container is untrusted: it may have planted symbolic links or devices where files are expected. Links are archived
as links and never followed; devices, sockets and pipes are left out.
"""

import os
import shutil
import stat
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from contracts.outcome import MAX_FAILURE_LENGTH

#: UTF-8 has at most four bytes a character.
_FAILURE_BYTES = 4 * MAX_FAILURE_LENGTH


def archive(folders: Sequence[Path], target: Path) -> bool:
    """Pack what is in `folders` into `target`, a ``.tar.gz`` with members relative to their folder.

    Where several folders hold a file of one name, that of the first is packed: a tar file could hold both, and who
    unpacks it would get the last. Nothing is written, and False returned, where they hold nothing. The archive appears
    under its name only when it is whole.
    """
    entries = [entry for folder in folders for entry in _entries(folder)]
    if not entries:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    names: set[str] = set()
    try:
        with tarfile.open(unfinished, "w:gz", compresslevel=6) as tar:
            for entry in entries:
                tar.add(entry, arcname=entry.name, filter=lambda member: _once(member, names))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def files_below(folders: Sequence[Path]) -> dict[str, Path]:
    """The regular files in `folders` by their paths relative to them, as `archive` chooses them; links are left out."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in _files(folder):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    return found


def clashes(folders: Sequence[Path]) -> list[str]:
    """The relative paths of files that more than one of `folders` holds."""
    names = Counter(path.relative_to(folder).as_posix() for folder in folders for path in _files(folder))
    return sorted(name for name, times in names.items() if times > 1)


def deliver(artifact: Path, folder: Path) -> None:
    """Copy a finished file to where the job's OutputDataConfig wants it, whole or not at all."""
    with artifact.open("rb") as file:
        deliver_from(file, folder / artifact.name)


def deliver_from(file: BinaryIO, target: Path) -> None:
    """Copy what is left of an open file to `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    with unfinished.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    unfinished.replace(target)


def read_failure(path: Path) -> str:
    """The first 1024 characters of a failure file, or nothing where there is no such file."""
    return (read_beginning(path, _FAILURE_BYTES) or b"").decode(errors="replace")[:MAX_FAILURE_LENGTH]


def read_beginning(path: Path, length: int) -> bytes | None:
    """The first `length` bytes of a file that a container wrote; None where there is no file, or a link or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, length)
    finally:
        os.close(descriptor)


def _entries(folder: Path) -> list[Path]:
    return [] if folder.is_symlink() or not folder.is_dir() else sorted(folder.iterdir())


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _once(member: tarfile.TarInfo, names: set[str]) -> tarfile.TarInfo | None:
    """`member`, unless it is no file, folder or link, or a file or link whose name is among `names` already."""
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        return None
    if member.name in names and not member.isdir():
        return None
    names.add(member.name)
    return member
