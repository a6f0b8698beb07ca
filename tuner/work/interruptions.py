"""Ctrl-C, SIGTERM and SIGHUP while a process follows a job.

The first asks the job to stop, the second lets go of it; a terminal that closes lets go at once.
"""

import signal
import threading
from types import FrameType
from typing import Self

_STOPPING = (signal.SIGINT, signal.SIGTERM)


#: The longest time between two rounds, in seconds: how old a live view may get, and how late Ctrl-C is noticed.
POLL_SECONDS = 0.4


class Detached(Exception):
    """The user let go of a job; its containers go on. The text says how to come back."""


class Interruptions:
    """Counts signals between `__enter__` and `__exit__`; the loop that follows a job looks at it.

    With `stop_asked` the job is stopping already, and the first signal lets go of it. Nothing is raised in the middle
    of something. A signal that was ignored when the program started (``nohup``, a job
    in the background) stays ignored. In a thread other than the main one, where Python delivers no signals, nothing is
    counted.
    """

    def __init__(self, *, stop_asked: bool = False) -> None:
        self.detach_asked = False
        self.stop_asked = stop_asked
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (*_STOPPING, signal.SIGHUP):
            previous = signal.getsignal(number)
            if previous is not signal.SIG_IGN:
                self._previous[number] = previous
                signal.signal(number, self._arrived)
        return self

    def __exit__(self, *_: object) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)  # type: ignore[arg-type] # what getsignal gave
        self._previous.clear()

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        # Nothing but this: setting a threading.Event here could wait for a lock that the interrupted code holds.
        if number in _STOPPING and not self.stop_asked:
            self.stop_asked = True
        else:
            self.detach_asked = True
