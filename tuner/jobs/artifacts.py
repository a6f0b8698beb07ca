"""What a container leaves behind: its archives and its failure text.

A container is untrusted: it may have planted symbolic links or devices where files are expected. Links are archived
as links and never followed; devices, sockets and pipes are left out.
"""

import os
import shutil
import stat
import tarfile
from pathlib import Path

from contracts.outcome import MAX_FAILURE_LENGTH

#: UTF-8 has at most four bytes a character.
_FAILURE_BYTES = 4 * MAX_FAILURE_LENGTH


def archive(folder: Path, target: Path) -> bool:
    """Pack what is in `folder` into `target`, a ``.tar.gz`` with members relative to `folder`.

    Nothing is written, and False returned, where the folder holds nothing. The archive appears under its name only
    when it is whole.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    entries = sorted(folder.iterdir())
    if not entries:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with tarfile.open(unfinished, "w:gz", compresslevel=6) as tar:
            for entry in entries:
                tar.add(entry, arcname=entry.name, filter=_files_folders_links)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def deliver(artifact: Path, folder: Path) -> None:
    """Copy a finished archive to where the job's OutputDataConfig wants it, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{artifact.name}.unfinished"
    shutil.copyfile(artifact, unfinished)
    unfinished.replace(folder / artifact.name)


def read_failure(path: Path) -> str:
    """The first 1024 characters of the failure file, or nothing where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, _FAILURE_BYTES).decode(errors="replace")[:MAX_FAILURE_LENGTH]
    finally:
        os.close(descriptor)


def _files_folders_links(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isfile() or member.isdir() or member.issym() or member.islnk() else None
