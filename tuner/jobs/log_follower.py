"""Follows a container's output in a thread of its own, so that a step of the controller never waits for it.

Nothing that a stream says of its own end is believed. What has been handed over is the first so many bytes of the
engine's log, and their digest is known; every further reading, after a lost connection and once more when the container
has ended, begins at the first byte and is held against it.
"""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from tuner.engine.frames import divided, encoded
from tuner.engine.protocol import Engine, FrameBlock, LogStream
from tuner.errors import EngineError, EngineRejected
from tuner.jobs.activity import Activity

#: What may wait for the controller, in bytes: a container that prints faster than it is read waits too.
_WAITING_BYTES = 1 << 20
#: How often the controller is woken at most, in seconds, unless much waits for it.
_WAKE_SECONDS = 0.1
#: How long a followed stream may be silent before the end of the engine's log is looked at, in seconds.
SILENT_SECONDS = 30.0
_DIGEST_BYTES = 16
#: A stream that gives nothing for so long after its container has ended will give nothing more.
_SETTLING_SECONDS = 1.0
#: So often a reading may fail for a reason that nobody has thought of before it is given up.
_MOST_FAILURES = 3
#: How often the end of a log is tried to be read before the controller goes on with other things.
_TRIES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class LogPosition:
    """A place in the engine's log of a container: after so many bytes, whose digest is known."""

    bytes: int = 0
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HandedOver:
    """A block, and the place in the engine's log behind it."""

    block: FrameBlock
    end: LogPosition


class _SupersededError(Exception):
    """Another reading has taken the place of this one."""


class LogFollower:
    """Reads one container's frames from the beginning, each once, across lost connections.

    `recorded` is how far an earlier process has come: this one has to find the same up to there. `activity` is set
    whenever there is something to look at. `gaps` are the differences between what was handed over and what the engine
    gave at a later reading, in words; `reconnections` counts the readings that took up a broken one. `is_read_back`
    is True once the whole log of an ended container has been read and all of it handed over, or as much as can be.
    """

    def __init__(
        self,
        engine: Engine,
        container_id: str,
        activity: Activity,
        recorded: LogPosition = LogPosition(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reconnections = 0
        self.gaps: list[str] = []
        self.is_read_back = False
        self._engine = engine
        self._container_id = container_id
        self._activity = activity
        self._recorded = recorded
        self._clock = clock
        self._stream: LogStream | None = None
        self._waiting: deque[HandedOver] = deque()
        self._waiting_bytes = 0
        self._position = LogPosition()
        self._latest = self._later_than = b""  # timestamps; they order as texts, and may run back in the log
        self._last_frame = (b"", b"")
        self._last_news = self._last_wake = float("-inf")
        self._seen_at_end: FrameBlock | None = None
        self._failures = {True: 0, False: 0}  # of readings that follow, and of those that read back
        self._number = 0  # of the reading that may hand over: there is one at a time
        self._is_reading = self._reads_back = False
        self._changed = threading.Condition()  # a block is in the queue and counted, or neither

    def follow(self) -> None:
        """Start to follow, or follow again after the stream has ended; not where that has failed too often."""
        if self._failures[True] >= _MOST_FAILURES:
            return
        self.reconnections += self._number > 0
        self._start(follow=True)

    @property
    def has_ended(self) -> bool:
        """Whether the stream has ended, with its container or its connection; one that was given up has not."""
        return not self._is_reading and self._failures[True] < _MOST_FAILURES

    def take(self) -> list[HandedOver]:
        """What has come in since the last call."""
        with self._changed:
            taken = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
        return taken

    def read_rest(self, seconds: float) -> list[HandedOver]:
        """Once the container has exited: read its whole log, compare, and return what is left of it.

        After so many seconds it returns what has come until then, and goes on in the background: see `is_read_back`.
        """
        taken, deadline = [], self._clock() + seconds
        for _ in range(_TRIES):
            self._read_back()
            with self._changed:
                self._changed.wait_for(lambda: not self._is_reading or self._is_full, deadline - self._clock())
            is_all = self.is_read_back
            taken += self.take()
            if is_all or self._clock() > deadline:
                break
        return taken

    def begin_rest(self) -> None:
        """Once the container has exited, in another thread than `take`: begin what `await_rest` waits for."""
        self._read_back()

    def await_rest(self, seconds: float) -> None:
        """Once the container has exited, in another thread than `take`: read its whole log, for `read_rest` to have."""
        deadline = self._clock() + seconds
        for _ in range(_TRIES):
            self._read_back()
            with self._changed:
                self._changed.wait_for(lambda: not self._is_reading or self._is_full, deadline - self._clock())
            if self.is_read_back or self._is_full or self._clock() > deadline:
                return

    def check_silence(self) -> None:
        """Follow anew where the engine has more to give than a silent stream gives.

        Docker 20.10 can stop giving a followed log while its container goes on printing. So the end of the log is
        looked at: a frame that stands there at two such looks, and has not come by the stream in between, never comes.
        """
        if not self._is_reading or self._clock() - self._last_news < SILENT_SECONDS:
            return
        with closing(self._engine.log(self._container_id, follow=False, tail=1)) as log:
            end = next(iter(log), None)
        if end is None or (end.timestamps[-1], end.payloads[-1]) == self._last_frame:
            self._last_news = self._clock()  # it is the container that is silent: look again in a while
            self._seen_at_end = None
        elif end == self._seen_at_end:
            self.follow()
        else:
            self._seen_at_end = end

    def close(self) -> None:
        """End the reading."""
        with self._changed:
            self._number += 1
            self._is_reading = False
            stream, self._stream = self._stream, None
            self._changed.notify_all()
        if stream is not None:
            stream.close()

    # Inside

    @property
    def _is_full(self) -> bool:
        return self._waiting_bytes >= _WAITING_BYTES

    def _read_back(self) -> None:
        """Read the whole log; but a stream that still gives goes on first, for it ends a little after the container."""
        is_busy = self._reads_back or self._clock() - self._last_news < _SETTLING_SECONDS
        if not self.is_read_back and not (self._is_reading and is_busy):
            self._start(follow=False)

    def _start(self, *, follow: bool) -> None:
        self.close()
        with self._changed:
            self._is_reading, self._reads_back = True, not follow
            self._last_news = self._clock()
            name, arguments = f"log of {self._container_id[:12]}", (self._number, follow)
        threading.Thread(target=self._read, args=arguments, name=name, daemon=True).start()

    def _read(self, number: int, follow: bool) -> None:
        is_whole = False
        try:
            while not self._read_through(number, follow=follow):
                pass  # after a gap: from the beginning, with what is there now
            is_whole = not follow
        except EngineRejected as error:
            if not follow:  # it will give no more tomorrow
                self.gaps.append(f"the engine could not give the whole log again: {error}")
                is_whole = True
        except (EngineError, _SupersededError):
            pass  # the runner asks the engine itself, and says what is wrong
        except Exception as error:  # noqa: BLE001 - the rim of the thread: the runner would try again for ever
            is_whole = self._has_failed(error, follow=follow)
        finally:
            with self._changed:
                if number == self._number:
                    self._is_reading = False
                    self.is_read_back = is_whole
                self._changed.notify_all()
            self._activity.set()

    def _has_failed(self, error: Exception, *, follow: bool) -> bool:
        """A reading has failed for a reason that nobody has thought of; whether the log is given up for it.

        What cannot be followed is read when the container has ended; what cannot be read then is a gap.
        """
        self._failures[follow] += 1
        is_given_up = not follow and self._failures[follow] >= _MOST_FAILURES
        if is_given_up:
            self.gaps.append(
                f"the log could not be read, {_MOST_FAILURES} times, for {type(error).__name__}: {error}"
                " (a bug in Algodock: please report it)"
            )
        return is_given_up

    def _read_through(self, number: int, *, follow: bool) -> bool:
        """One reading; False where it does not find what was read before."""
        known = self._position
        marks = deque(sorted({mark for mark in (known, self._recorded) if mark.bytes}, key=lambda mark: mark.bytes))
        read, digest = 0, hashlib.blake2b(digest_size=_DIGEST_BYTES)
        with closing(self._open(number, follow=follow)) as log:
            for block in log:
                self._last_news = self._clock()
                parts = deque([block])
                while parts:
                    part = parts.popleft()
                    cut = divided(part, marks[0].bytes - read) if marks else None
                    if cut is not None:
                        part, rest = cut
                        parts.appendleft(rest)
                    read += len(part.content)
                    digest.update(part.content)
                    here = LogPosition(bytes=read, digest=digest.hexdigest())
                    while marks and marks[0].bytes <= read:
                        if marks.popleft() != here:
                            return self._found_gap(number, read)
                    if read > known.bytes:
                        self._hand_over(part, here, number)
        return follow or not marks or self._found_gap(number, read)

    def _open(self, number: int, *, follow: bool) -> LogStream:
        log = self._engine.log(self._container_id, follow=follow)
        with self._changed:
            if number == self._number:
                self._stream = log
                return log
        log.close()
        raise _SupersededError

    def _found_gap(self, number: int, read: int) -> bool:
        """What the engine has is not what it had: go on with what is later than all that was handed over."""
        with self._changed:
            if number != self._number:
                raise _SupersededError
            known = max(self._position.bytes, self._recorded.bytes)
            self.gaps.append(
                f"{known:,} bytes of the engine's log had been read, and of those the engine has others now, or fewer"
                f" (seen after {read:,})"
            )
            self._position = self._recorded = LogPosition()
            self._later_than = self._latest
        return False

    def _hand_over(self, block: FrameBlock, end: LogPosition, number: int) -> None:
        """Give a block to the controller, waiting until it has room for it."""
        if self._later_than:
            block = _later(block, self._later_than)
        with self._changed:
            self._changed.wait_for(lambda: not self._is_full or number != self._number)
            if number != self._number:
                raise _SupersededError
            self._waiting.append(HandedOver(block=block, end=end))
            self._waiting_bytes += len(block.content)
            self._position = end
            if block.payloads:
                self._latest = max(self._latest, *block.timestamps)
                self._last_frame = (block.timestamps[-1], block.payloads[-1])
            if self._is_full:
                self._changed.notify_all()
        now = self._clock()
        if self._is_full or now - self._last_wake > _WAKE_SECONDS:
            self._last_wake = now
            self._activity.lines_came()


def _later(block: FrameBlock, than: bytes) -> FrameBlock:
    """The frames of a block that are later."""
    return encoded([frame for frame in block.frames() if frame.timestamp.encode() > than])
