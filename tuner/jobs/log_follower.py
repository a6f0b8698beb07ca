"""Follows a container's output in a thread of its own, so that a step of the controller never waits for it."""

import queue
import threading
import time

from tuner.engine.protocol import Engine, LogFrame
from tuner.errors import EngineError

#: Frames that may wait for the controller: a container that prints faster than it is read waits too.
_WAITING_FRAMES = 2048
#: How long the thread waits when that many wait already.
_FULL_SECONDS = 0.01


class LogFollower:
    """Reads one container's frames from the beginning, each once, across lost connections.

    Frames have a fixed order, so after a lost connection the first `frames_read` are passed over. `activity` is set
    whenever there is something to look at.
    """

    def __init__(self, engine: Engine, container_id: str, activity: threading.Event) -> None:
        self._engine = engine
        self._container_id = container_id
        self._activity = activity
        self._frames: queue.Queue[LogFrame] = queue.Queue(_WAITING_FRAMES)
        self._frames_read = 0
        self._thread: threading.Thread | None = None
        self._closed = False
        self._handing_over = threading.Lock()  # a frame is in the queue and counted, or neither

    def follow(self) -> None:
        """Start to follow, or follow again after the stream has ended."""
        self._thread = threading.Thread(target=self._read, name=f"log of {self._container_id[:12]}", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether the stream has ended: the container has, or the connection was lost."""
        return self._thread is None or not self._thread.is_alive()

    def take(self) -> list[LogFrame]:
        """The frames that have come in since the last call."""
        return [self._frames.get_nowait() for _ in range(self._frames.qsize())]

    def read_rest(self) -> list[LogFrame]:
        """Once the container has exited: every frame that following has not given, read anew from the engine.

        The thread may still be at it, for the stream ends a little after the container: it is told to give no more
        first, or a frame that it counts meanwhile would be taken from neither side.
        """
        with self._handing_over:
            self._closed = True
        frames = self.take()
        for number, frame in enumerate(self._engine.frames(self._container_id, follow=False)):
            if number >= self._frames_read:
                frames.append(frame)
                self._frames_read += 1
        return frames

    def close(self) -> None:
        """Let the thread end at its next frame."""
        self._closed = True

    def _hand_over(self, frame: LogFrame) -> bool:
        with self._handing_over:
            if self._closed or self._frames.full():
                return False
            self._frames.put_nowait(frame)
            self._frames_read += 1
            return True

    def _read(self) -> None:
        try:
            for number, frame in enumerate(self._engine.frames(self._container_id, follow=True)):
                if number < self._frames_read:
                    continue
                while not self._hand_over(frame):
                    if self._closed:
                        return
                    time.sleep(_FULL_SECONDS)
                self._activity.set()
        except EngineError:
            return  # the runner asks the engine itself, and says what is wrong
        finally:
            self._activity.set()
