"""Small file systems that a test can fill up, and make read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from command_line import wait_until

_FILLING = "filling"
_PIECE_BYTES = 1 << 16


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator["SmallDisk"]:
    """A file system of so many megabytes at `folder`, in memory; gone after the block. Needs root."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    disk = SmallDisk(folder)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class SmallDisk:
    """A file system with nothing else on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Leave so much free: not one byte."""
        if leave_bytes:
            room = os.statvfs(self._folder)
            with suppress(OSError):  # others write too
                (self._folder / _FILLING).write_bytes(b"\1" * max(0, room.f_bavail * room.f_frsize - leave_bytes))
            return
        with suppress(OSError), (self._folder / _FILLING).open("ab", buffering=0) as file:
            while True:
                file.write(b"\1" * _PIECE_BYTES)
        with suppress(OSError), (self._folder / _FILLING).open("ab", buffering=0) as file:
            while True:
                file.write(b"\1")

    def free(self) -> None:
        """Take away what it was filled with."""
        (self._folder / _FILLING).unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """As soon as nobody has a file open for writing."""
        wait_until(lambda: self._remount("ro") == 0, "nobody to write")

    def make_writable(self) -> None:
        """Undo that."""
        assert 0 == self._remount("rw")

    def _remount(self, how: str) -> int:
        options = ["mount", "-o", f"remount,{how}", str(self._folder)]
        return subprocess.run(options, check=False, capture_output=True).returncode
