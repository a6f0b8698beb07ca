"""How far a transform job is: counted by its threads, written to a file for those who follow the job."""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A job at one moment. Bytes are those of the input as it lies there, packed or not.

    `earlier_bytes` are those of objects that an earlier process delivered; `begun` is when this process began to read,
    in seconds since the epoch, and tells with the bytes how fast it goes.
    """

    objects: int = 0
    delivered: int = 0
    failed: int = 0
    bytes: int = 0
    bytes_read: int = 0
    earlier_bytes: int = 0
    begun: float | None = None

    def seconds_left(self, now: float) -> float | None:
        """An estimate from how fast bytes were read so far; None before the first, and with nothing left to read."""
        read = self.bytes_read - self.earlier_bytes
        if self.begun is None or read <= 0 or self.bytes_read >= self.bytes:
            return None
        return (now - self.begun) * (self.bytes - self.bytes_read) / read


def write_progress(path: Path, progress: Progress) -> None:
    """Replace the file at `path`, in one go: who reads it finds the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    new.replace(path)


def read_progress(path: Path) -> Progress:
    """What the file at `path` says; nothing done yet where there is none."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Progress()


class Tally:
    """Counts for one process's work on a job; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects = self._delivered = self._failed = 0
        self._bytes = self._ended_bytes = self._earlier_bytes = 0
        self._open: dict[str, int] = {}
        self._begun: float | None = None

    def begin(self, sizes: dict[str, int], delivered: frozenset[str], now: float) -> None:
        """The objects there are, by key, and which of them an earlier process has delivered."""
        with self._lock:
            earlier = [size for key, size in sizes.items() if key in delivered]
            self._objects, self._bytes = len(sizes), sum(sizes.values())
            self._delivered, self._earlier_bytes = len(earlier), sum(earlier)
            self._ended_bytes = self._earlier_bytes
            self._begun = now

    def opened(self, key: str) -> None:
        """An object is read from its beginning, perhaps again."""
        with self._lock:
            self._open[key] = 0

    def read(self, key: str, length: int) -> None:
        """So many bytes more of an object were read."""
        with self._lock:
            self._open[key] = self._open.get(key, 0) + length

    def ended(self, key: str, size: int, *, delivered: bool) -> None:
        """An object of `size` bytes is done with."""
        with self._lock:
            self._open.pop(key, None)
            self._ended_bytes += size
            self._delivered += delivered
            self._failed += not delivered

    @property
    def progress(self) -> Progress:
        """As it stands now."""
        with self._lock:
            return Progress(
                objects=self._objects,
                delivered=self._delivered,
                failed=self._failed,
                bytes=self._bytes,
                bytes_read=min(self._ended_bytes + sum(self._open.values()), self._bytes),
                earlier_bytes=self._earlier_bytes,
                begun=self._begun,
            )
