"""Work that takes long, in a thread of its own, so that a step of the controller never waits for it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")
#: Told how many bytes are done, and how many there are in all.
Progress = Callable[[int, int], None]
#: What runs in the background: it tells its progress, and ends within a second once the event is set.
Work = Callable[[Progress, threading.Event], Result]

#: Progress is written down so often at most, in seconds.
_NEWS_SECONDS = 2.0
_MB = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineThreads:
    """Where calls of the engine run side by side; `activity` is set when one is done."""

    executor: Executor
    activity: threading.Event


class Background(Generic[Result]):
    """One piece of work in the background. `doing` is its name in the progress, for instance "Downloading"."""

    def __init__(self, doing: str, work: Work[Result]) -> None:
        self._doing = doing
        self._work = work
        self._called_off = threading.Event()
        self._future: Future[Result] | None = None
        self._done_bytes = 0
        self._all_bytes = 0
        self._told = time.monotonic()

    def begin(self, executor: Executor, activity: threading.Event) -> None:
        """Start; `activity` is set when it is done, unless it is before this returns."""
        self._future = executor.submit(self._work, self._progress, self._called_off)
        if not self._future.done():
            self._future.add_done_callback(lambda _: activity.set())

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self._future is not None and self._future.done()

    def result(self) -> Result:
        """What came of it, once it is done; raises what the work raised."""
        assert self._future is not None
        return self._future.result()

    @property
    def problem(self) -> BaseException | None:
        """What the work raised, once it is done."""
        assert self._future is not None
        return self._future.exception()

    def news(self) -> str | None:
        """Its progress in words, every few seconds; None in between."""
        now = time.monotonic()
        if not self._all_bytes or now - self._told < _NEWS_SECONDS:
            return None
        self._told = now
        return f"{self._doing}: {self._done_bytes / _MB:,.0f} of {self._all_bytes / _MB:,.0f} MB"

    def call_off(self) -> None:
        """Tell it to end; what has not begun will not."""
        self._called_off.set()
        if self._future is not None:
            self._future.cancel()

    @classmethod
    def of_engine(cls, call: Callable[[threading.Event], Result], threads: EngineThreads) -> Self:
        """A call, or several, that the engine takes its time for: begun in `threads`; told when it is called off."""
        work = cls("Waiting for the engine", lambda _, called_off: call(called_off))
        work.begin(threads.executor, threads.activity)
        return work

    def _progress(self, done_bytes: int, all_bytes: int) -> None:
        self._done_bytes, self._all_bytes = done_bytes, all_bytes
