"""Objects of S3 as files: many at once, large ones in parts, whole or not at all, and going on after any end.

A file gets its name when it is whole and verified. Until then it is written under another one, beside which it is noted
which parts are there; a later download of the same version goes on with the rest. A lock on that file lets several
processes and threads want the same object at once: one downloads it, the others wait for it.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tuner.s3.addresses import S3Object
from tuner.s3.errors import CalledOff, Damaged
from tuner.s3.storage import THREADS, Storage
from tuner.s3.verification import verify
from tuner.s3.workers import Tally, run_parallel

#: What is noted as there, and asked for in one request. So much per connection is downloaded again after a kill.
PART_BYTES = 16 << 20
#: From this size on the parts of one object are downloaded side by side; smaller objects are side by side as a whole.
_LARGE_BYTES = 4 * PART_BYTES

_LOCK_LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """One object and where it goes.

    `unfinished` is the file's name until it is whole, on the same file system. What is there under that name is taken
    for a part of this version of the object.
    """

    wanted: S3Object
    target: Path
    unfinished: Path
    mode: int = 0o444


def download_all(
    storage: Storage,
    downloads: Sequence[Download],
    *,
    progress: Callable[[int, int], None],
    called_off: threading.Event,
) -> None:
    """Download what is not there yet; `progress` is told bytes done (those that were there too) and bytes in all.

    Raises S3Error, OSError, and CalledOff within a second after `called_off` is set. What was downloaded by then stays.
    """
    tally = Tally(sum(one.wanted.size for one in downloads), progress)
    tally.tell()
    small: list[Download] = []
    for one in downloads:
        if one.wanted.size < _LARGE_BYTES:
            small.append(one)
        else:
            _download_large(storage, one, tally, called_off)
    tasks = [partial(_download_small, storage, one, tally) for one in small]
    run_parallel(tasks, threads=THREADS, called_off=called_off, tick=tally.tell)


def _download_small(storage: Storage, one: Download, tally: Tally, called_off: threading.Event) -> None:
    with _unfinished(one, tally, called_off) as file:
        if file is not None:
            for part in file.missing:
                file.fetch(storage, part, tally, called_off)
            file.finish(storage)


def _download_large(storage: Storage, one: Download, tally: Tally, called_off: threading.Event) -> None:
    with _unfinished(one, tally, called_off) as file:
        if file is not None:
            tasks = [partial(file.fetch, storage, part, tally) for part in file.missing]
            run_parallel(tasks, threads=THREADS, called_off=called_off, tick=tally.tell)
            file.finish(storage)


@contextmanager
def _unfinished(one: Download, tally: Tally, called_off: threading.Event) -> Iterator["_UnfinishedFile | None"]:
    """The file to download into, kept for this thread; None where somebody else has finished it."""
    descriptor = _lock(one, called_off)
    if descriptor is None:
        tally.add(one.wanted.size)
        yield None
        return
    try:
        yield _UnfinishedFile(one, tally)
    finally:
        os.close(descriptor)  # and with it goes the lock


def _lock(one: Download, called_off: threading.Event) -> int | None:
    while not one.target.exists():
        descriptor = os.open(one.unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(one.unfinished, descriptor):  # else somebody has finished it since it was opened
                if not one.target.exists():
                    return descriptor
                one.unfinished.unlink()  # this call has made it anew, when it was finished already
        except BlockingIOError:
            if called_off.wait(_LOCK_LOOK_SECONDS):
                os.close(descriptor)
                raise CalledOff from None
        os.close(descriptor)
    return None


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


class _UnfinishedFile:
    """What is there of an object. Its parts may be fetched by several threads, each part once."""

    def __init__(self, one: Download, tally: Tally) -> None:
        self._one = one
        self._notes = one.unfinished.with_name(f"{one.unfinished.name}.parts")
        count = -(-one.wanted.size // PART_BYTES)
        there = self._noted()
        self.missing = [part for part in range(count) if part not in there]
        for part in there:
            tally.add(self._end(part) - part * PART_BYTES)

    def fetch(self, storage: Storage, part: int, tally: Tally, called_off: threading.Event) -> None:
        """Write one part, and note it once it is there."""
        position = part * PART_BYTES
        # Opened anew: a thread that is called off too late must not write into a file that has got its number.
        descriptor = os.open(self._one.unfinished, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for chunk in storage.read(self._one.wanted, position, self._end(part), called_off=called_off):
                position += _write(descriptor, chunk, position)
                tally.add(len(chunk))
        finally:
            os.close(descriptor)
        if self._one.wanted.size > PART_BYTES:
            with self._notes.open("a", encoding="ascii") as notes:
                notes.write(f"{part}\n")

    def finish(self, storage: Storage) -> None:
        """Verify it and give it its name; raises Damaged where it is not what S3 has: it begins anew next time."""
        path = self._one.unfinished
        try:
            with path.open("rb") as file:
                verify(storage, self._one.wanted, file, came_in_parts=self._one.wanted.size > PART_BYTES)
        except Damaged:
            self._notes.unlink(missing_ok=True)
            path.unlink()
            raise
        # The notes go first: were they to outlive the file, they would be believed of the next one.
        self._notes.unlink(missing_ok=True)
        path.chmod(self._one.mode)
        path.rename(self._one.target)

    def _end(self, part: int) -> int:
        return min((part + 1) * PART_BYTES, self._one.wanted.size)

    def _noted(self) -> set[int]:
        if not self._notes.exists():
            return set()
        return set(map(int, self._notes.read_text(encoding="ascii").split()))


def _write(descriptor: int, chunk: bytes, position: int) -> int:
    rest = memoryview(chunk)
    while rest:
        written = os.pwrite(descriptor, rest, position)
        rest, position = rest[written:], position + written
    return len(chunk)
