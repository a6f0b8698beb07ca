"""What wakes the loop that works a home."""

import threading

#: Lines may wait so long to be read, in seconds: a container that prints all the time would keep a CPU busy with us.
LINES_SECONDS = 0.05


class Activity(threading.Event):
    """Set, from any thread, whenever a step would have something to do.

    Something that has ended is acted upon at once: the next thing waits for it. Lines are read together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cannot_wait = threading.Event()

    def set(self) -> None:
        """There is something to act upon, now."""
        self._cannot_wait.set()
        super().set()

    def lines_came(self) -> None:
        """There is something to read, soon."""
        super().set()

    def pause(self, seconds: float) -> None:
        """Wait until there is something to do, at most `seconds`; after lines alone, for more of them."""
        if self.wait(seconds):
            self._cannot_wait.wait(LINES_SECONDS)
        self._cannot_wait.clear()  # before the other: what comes in between is seen at the next call
        self.clear()
