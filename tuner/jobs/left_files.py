"""The files that containers have left in folders of this host: walked without following a link or running out of depth.

A container is untrusted. Names may be no UTF-8, folders may be nested by the thousand, what looks like a file may be a
link, a device or a pipe. Nothing here is for folders in which a container is still at work: see
`tuner.s3.container_files`.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tuner.errors import TunerError

#: Folders nested deeper than this are no output of an honest program, and no `tar` or S3 key is happy with them.
MAX_DEPTH = 128

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotTakenOver(TunerError):
    """What a container has left cannot be taken over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """One thing that was left: `name` is its path in its folder, `path` that on this host."""

    name: str
    path: Path
    mode: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and no link to one."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link, wherever it leads."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_special(self) -> bool:
        """Whether it is a device, a pipe or a socket."""
        return not (self.is_file or self.is_folder or self.is_link)

    def leads_out_of(self, place: str) -> bool:
        """Whether it is a link whose text leads out of its folder, which its container saw at `place`."""
        if not self.is_link:
            return False
        seen = PurePosixPath(os.path.normpath(PurePosixPath(place, self.name).parent / self.path.readlink()))
        return not seen.is_relative_to(place)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is taken over of several folders, and the names of what is not because an earlier folder had them."""

    chosen: Sequence[Left]
    clashes: Sequence[str]


def choose(folders: Sequence[Path]) -> Choice:
    """All that is in `folders`, which count as one; of several things of one name that of the first folder.

    A folder comes before what is in it. Where one folder has a link or a file at a name, nothing of another's folder of
    that name is chosen: it would be written through the link by whoever unpacks both. Raises NotTakenOver, OSError.
    """
    chosen: dict[str, Left] = {}
    clashes: list[str] = []
    for folder in folders:
        pending = _children(folder, "")
        while pending:
            one = pending.pop()
            earlier = chosen.setdefault(one.name, one)
            if earlier is not one and not (earlier.is_folder and one.is_folder):
                clashes.append(one.name)
            elif one.is_folder:
                if one.name.count("/") >= MAX_DEPTH:
                    raise NotTakenOver(f"{one.name[:64]}... is nested more than {MAX_DEPTH} folders deep")
                pending += _children(one.path, f"{one.name}/")
    return Choice(chosen=list(chosen.values()), clashes=sorted(clashes))


def open_file(path: Path) -> BinaryIO | None:
    """The regular file at `path`, opened; None where there is none, or a link or a device.

    A device is not opened at all: some do something when they are. Raises OSError where a file cannot be opened.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def remove_tree(folder: Path) -> None:
    """Remove `folder` and all in it, however deep; nothing happens where there is none. Raises OSError.

    `shutil.rmtree` calls itself for each level and holds a descriptor for each: a container that nests a thousand
    folders would make itself unremovable. Here one folder is open at a time, and the way up is its ``..``.
    """
    if not os.path.lexists(folder):
        return
    current = os.open(folder, _FOLDER)
    try:
        way: list[str] = []
        waiting = [_empty(current)]
        while waiting:
            if waiting[-1]:
                way.append(waiting[-1].pop())
                current = _step(current, way[-1])
                waiting.append(_empty(current))
            else:
                waiting.pop()
                if way:
                    current = _step(current, "..")
                    os.rmdir(way.pop(), dir_fd=current)
    finally:
        os.close(current)
    folder.rmdir()


def _empty(folder: int) -> list[str]:
    """Remove all but the folders in the open `folder`; return their names."""
    with os.scandir(folder) as entries:
        kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    for name, is_folder in kinds.items():
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in kinds.items() if is_folder]


def _step(folder: int, name: str) -> int:
    """The folder called `name` in the open `folder`, opened; that one is closed, unless this raises OSError."""
    there = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return there


def _children(folder: Path, prefix: str) -> list[Left]:
    """What is in `folder`, the last by name first; nothing where it is a link or no folder."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    paths = sorted(folder.iterdir(), reverse=True)
    return [Left(name=prefix + path.name, path=path, mode=path.lstat().st_mode) for path in paths]
