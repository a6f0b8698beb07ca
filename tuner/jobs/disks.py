"""The disks that containers write to: how much is free on them, and how much of them a container has taken.

There are two: the home's, with what is mounted from it and our copy of each log, and the engine's, with the layers of
containers, its own logs and its volumes. Often they are one.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from stat import S_ISDIR

from tuner.engine.protocol import FREE_DISK_LABEL, EngineFacts, Writings
from tuner.jobs.left_files import MAX_DEPTH
from tuner.profile import HostProfile

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512


class Place(StrEnum):
    """What a disk is there for."""

    HOME = "home"
    ENGINE = "engine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """A file system as it is now; two places with the same `device` are on one."""

    path: Path
    device: int
    free_bytes: int
    total_bytes: int


#: Looks at the disk on which a path is; None where that cannot be seen from here.
ReadDisk = Callable[[Path], Disk | None]


def read_disk(path: Path) -> Disk | None:
    """The disk on which `path` is; None where there is no such path, or no way to it."""
    try:
        room, device = os.statvfs(path), path.stat().st_dev
    except OSError:
        return None
    return Disk(
        path=path,
        device=device,
        free_bytes=room.f_bavail * room.f_frsize,
        total_bytes=room.f_blocks * room.f_frsize,
    )


class Disks:
    """The disks of a home and its engine, whose own folder is out of sight where it is on another machine.

    `machine` is asked once where that folder is.
    """

    def __init__(self, profile: HostProfile, machine: Callable[[], EngineFacts], read: ReadDisk = read_disk) -> None:
        self._profile = profile
        self._machine = machine
        self._read = read
        self._engine_root: str | None = None

    def look(self) -> dict[Place, Disk]:
        """The disks as they are now, those that can be seen. Raises EngineUnreachable at the first time."""
        found = {Place.HOME: self._read(self._profile.home)}
        if self._profile.has_local_engine:
            if self._engine_root is None:
                self._engine_root = self._machine().root
            found[Place.ENGINE] = self._read(Path(self._engine_root)) if self._engine_root else None
        return {place: disk for place, disk in found.items() if disk is not None}

    def floor(self, disk: Disk) -> int:
        """How much of a disk has to stay free while jobs run: half of what has to be when one starts.

        A job that has just started never finds itself at the floor.
        """
        return self._profile.wanted_free_disk(disk.total_bytes) // 2

    def why_wait(self) -> str | None:
        """Why a job has to wait for room, in words; None where there is enough."""
        for disk in self.look().values():
            wanted = self._profile.wanted_free_disk(disk.total_bytes)
            if disk.free_bytes < wanted:
                return (
                    f"Waiting for room: {in_words(disk.free_bytes)} of the disk at {disk.path} are free, and a job"
                    f" starts with {in_words(wanted)} (free_disk in algodock.toml); algodock gc tells what can go"
                )
        return None

    def labels(self) -> dict[str, str]:
        """What a container that is created now is labelled with, for `free_at_start`."""
        return {FREE_DISK_LABEL: " ".join(f"{place}={disk.free_bytes}" for place, disk in self.look().items())}


def free_at_start(labels: Mapping[str, str], place: Place) -> int | None:
    """How much was free at `place` when a container was created that has these labels; None where nobody looked."""
    noted = dict(word.partition("=")[::2] for word in labels.get(FREE_DISK_LABEL, "").split())
    return int(noted[place]) if noted.get(place, "").isdecimal() else None


def used_by(writings: Writings, *, log_copy_bytes: int) -> dict[Place, dict[str, int]]:
    """What a container has taken of each disk, in bytes, by what it is; our copy of its log has `log_copy_bytes`.

    Where the engine's log cannot be seen it has at least as much. Sizes of folders are what they take of the disk.
    """
    log_bytes = max(writings.log_bytes or 0, log_copy_bytes)
    volumes = {f"the volume {place}": used_bytes(folder) for place, folder in writings.volumes.items()}
    return {
        Place.HOME: {
            **{place: used_bytes(folder) for place, folder in writings.folders.items()},
            "the copy of its log": log_copy_bytes,
        },
        Place.ENGINE: {"files outside of what is mounted": writings.layer_bytes, "its log": log_bytes, **volumes},
    }


def used_bytes(folder: Path) -> int:
    """How much of a disk `folder` and all in it take, while a container may be at work in it.

    Folders are opened one from the other and no link is followed: nothing outside is looked at. What is nested too deep
    to be kept, or is not ours to look into, does not count.
    """
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError:
        return 0
    return _used_in(descriptor, 1)


def _used_in(folder: int, depth: int) -> int:
    """The same of the open `folder`, which is closed."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):  # gone by now, or not ours to look into
                    status = entry.stat(follow_symlinks=False)
                    is_folder = S_ISDIR(status.st_mode)
                    total += status.st_blocks * _BLOCK_BYTES // (1 if is_folder else status.st_nlink)
                    if is_folder and depth < MAX_DEPTH:
                        total += _used_in(os.open(entry.name, _FOLDER, dir_fd=folder), depth + 1)
    finally:
        os.close(folder)
    return total


def in_words(count: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:,} bytes"
