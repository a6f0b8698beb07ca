"""A followed log of an engine whose own following loses lines: read again and again from the beginning.

Podman 4.3 leaves out thousands of lines in the middle of what a follower gets while a container prints much; a reading
to the end has them all. It costs the engine what a reading costs, so the longer that takes the rarer it is done.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event

from tuner.engine.frames import divided
from tuner.engine.protocol import FrameBlock, LogStream

#: The pause between two readings, in seconds, and how many times longer than the reading before it is, unless the
#: container ends meanwhile.
_PAUSE_SECONDS, _TIMES_LONGER = 0.25, 4.0


class PolledLog:
    """A `LogStream` to the end of a container: `read` reads what there is, `has_ended` tells whether it has ended."""

    def __init__(self, read: Callable[[], LogStream], has_ended: Callable[[], bool]) -> None:
        self._read = read
        self._has_ended = has_ended
        self._closed = Event()

    def __iter__(self) -> Iterator[FrameBlock]:
        given, is_last = 0, False
        while not self._closed.is_set():
            began = time.monotonic()
            with closing(self._read()) as log:
                for block in _behind(log, given):
                    given += len(block.content)
                    yield block
            if is_last:
                return
            until = time.monotonic() + _TIMES_LONGER * (time.monotonic() - began)
            while not (is_last := self._has_ended()) and not self._closed.wait(_PAUSE_SECONDS):
                if time.monotonic() >= until:
                    break

    def close(self) -> None:
        """End the reading, also one that waits in another thread; one under way is read to its end first."""
        self._closed.set()


def _behind(log: LogStream, position: int) -> Iterator[FrameBlock]:
    """The blocks of a log behind so many bytes of it, where a frame ends."""
    end = 0
    for block in log:
        begin, end = end, end + len(block.content)
        if end <= position:
            continue
        halves = divided(block, position - begin)
        yield block if halves is None else halves[1]
