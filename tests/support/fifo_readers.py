"""Readers of Pipe channels, as a container would be one, that never wait for ever."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

#: Far beyond what any of these tests takes on a loaded machine; reaching it is a failure.
DEADLINE_SECONDS = 60.0


def wait_for(reached: Callable[[], bool], what: str) -> None:
    """Wait by condition; `what` says what was waited for in vain."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


class FifoReader:
    """Reads one FIFO. It opens without waiting, so that a test which nobody feeds fails instead of hanging."""

    def __init__(self, path: Path) -> None:
        wait_for(path.is_fifo, f"the FIFO {path.name}")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def wait_until_fed(self) -> None:
        """Wait until there is something to read, or the end."""
        assert self._poll.poll(DEADLINE_SECONDS * 1000), "nobody wrote"

    @property
    def has_nothing_now(self) -> bool:
        """Whether a reader would have to wait: there are no bytes, and it is not the end."""
        return not self._poll.poll(0)

    def read(self, most: int) -> bytes:
        """The next bytes, at most so many; nothing at the end of the epoch."""
        # A read gives nothing also before a writer has come; poll speaks when one has, also when it has gone again.
        self.wait_until_fed()
        return os.read(self._descriptor, most)

    def read_all(self, piece: int = 1 << 16) -> bytes:
        """Everything up to the end of the epoch, read in pieces of at most so many bytes."""
        return b"".join(iter(lambda: self.read(piece), b""))

    def close(self) -> None:
        """Stop reading."""
        os.close(self._descriptor)


def read_epoch(path: Path, piece: int = 1 << 16) -> bytes:
    """All of one epoch."""
    reader = FifoReader(path)
    content = reader.read_all(piece)
    reader.close()
    return content
