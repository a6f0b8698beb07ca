"""The log stream of a fake engine's container."""

from collections.abc import Callable, Iterator, Sequence
from threading import Condition

from tuner.engine.frames import encoded
from tuner.engine.protocol import FrameBlock, LogFrame


class FakeLogStream:
    """A `LogStream` over a list of frames that may grow until `has_ended`; `changed` wakes it.

    It gives at most `limit`. `is_dropped` is asked even before frames that are there are given. `given` is how many its
    reader has taken and come back from; `is_over` says that it gives no more.
    """

    def __init__(
        self,
        frames: Sequence[LogFrame],
        changed: Condition,
        *,
        has_ended: Callable[[], bool],
        is_dropped: Callable[[], bool],
        limit: int | None = None,
    ) -> None:
        self._frames = frames
        self._changed = changed
        self._has_ended = has_ended
        self._is_dropped = is_dropped
        self._limit = limit
        self._is_closed = False
        self.given = 0
        self.is_over = False

    def __iter__(self) -> Iterator[FrameBlock]:
        self.given = 0
        while self._limit is None or self.given < self._limit:
            with self._changed:
                while not self._has_news(self.given):
                    self._changed.wait()
                fresh = self._frames[self.given : self._limit]
                if self._is_closed or self._is_dropped() or not fresh:
                    break
            yield encoded(fresh)
            self.given += len(fresh)
        self.is_over = True

    def close(self) -> None:
        """End the reading, also one that waits in another thread."""
        with self._changed:
            self._is_closed = self.is_over = True
            self._changed.notify_all()

    def _has_news(self, position: int) -> bool:
        return len(self._frames) > position or self._is_closed or self._is_dropped() or self._has_ended()
