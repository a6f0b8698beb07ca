"""Many transfers side by side, and an end of them all as soon as one fails or nobody wants them any more."""

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from tuner.s3.errors import CalledOff

#: How often whoever waits looks whether it is called off and tells the progress.
_LOOK_SECONDS = 0.1
#: How long threads get to notice that they are to end. One whose connection hangs notices later, and does no harm.
_JOIN_SECONDS = 0.5

#: One transfer. It is given an event to look at between two pieces of its work: raise CalledOff when it is set.
Task = Callable[[threading.Event], None]


class Tally:
    """Bytes done of bytes in all, counted by many threads; `tell` is called by one of them only."""

    def __init__(self, total: int, progress: Callable[[int, int], None]) -> None:
        self._done = 0
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """So many bytes more, or less where something has to be done again."""
        with self._lock:
            self._done += count

    def tell(self) -> None:
        """Report how far it is."""
        self._progress(self._done, self._total)


def run_parallel(tasks: Iterable[Task], *, threads: int, called_off: threading.Event, tick: Callable[[], None]) -> None:
    """Run all `tasks`, at most `threads` at a time; `tick` is called now and then, and at the end.

    Raises the first error of a task, or CalledOff within a second after `called_off` is set; the other tasks end too.
    """
    crew = _Crew(tasks, threads)
    try:
        for thread in crew.threads:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                tick()
                if called_off.is_set():
                    raise CalledOff
                if crew.error is not None:
                    raise crew.error
        if crew.error is not None:
            raise crew.error
    finally:
        crew.end()
    tick()


class _Crew:
    """Threads that take one task after the other. They are daemons: a connection that hangs must not keep a process."""

    def __init__(self, tasks: Iterable[Task], threads: int) -> None:
        self._tasks = list(tasks)[::-1]
        self._stop = threading.Event()
        self.error: Exception | None = None
        count = min(threads, len(self._tasks))
        self.threads = [threading.Thread(target=self._work, name="S3 transfer", daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self.threads:
            thread.join(_JOIN_SECONDS / len(self.threads))

    def _work(self) -> None:
        with suppress(IndexError):  # no task is left
            while not self._stop.is_set():
                task = self._tasks.pop()
                try:
                    task(self._stop)
                except CalledOff:
                    return
                except Exception as error:  # noqa: BLE001 - the rim of the thread; raised again by who waits
                    self.error = self.error or error
                    self._stop.set()
