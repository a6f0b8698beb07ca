"""What is remembered of feeding a Pipe channel, so that a later process knows whether an epoch was torn.

A reader cannot tell the end of an epoch from the death of the process that fed it: both are the end of the stream. So
this is written down, in a file beside the job, before a reader could see anything of an epoch, and after it has seen
all. One write of a few bytes is all or nothing for a process that is killed; when the machine itself goes down, the
container goes with it.
"""

import os
from enum import StrEnum
from pathlib import Path


class FeedState(StrEnum):
    """Where the feeding of a channel stands."""

    WAITING = "W"  #: nobody has read anything of the epoch
    FEEDING = "F"  #: somebody may have
    BROKEN = "B"  #: the rest of the epoch cannot be given


class FeedProgress:
    """The file that remembers one channel's epoch and state. Without it, nothing has been read of epoch 0."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.epoch = 0
        self.state = FeedState.WAITING
        self.problem = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        words = path.read_text(encoding="utf-8").split(" ", 2) if path.exists() else []
        if words and words[0]:
            self.state, self.epoch, self.problem = FeedState(words[0]), int(words[1]), words[2]
        else:
            self.wait_for(0)

    def wait_for(self, epoch: int) -> None:
        """The epochs before `epoch` are over."""
        self._write(FeedState.WAITING, epoch)

    def begin(self) -> None:
        """From now on somebody may read."""
        self._turn(FeedState.FEEDING)

    def not_yet(self) -> None:
        """Nobody has."""
        self._turn(FeedState.WAITING)

    def break_off(self, problem: str) -> None:
        """The epoch cannot be given to its end, because of `problem`."""
        self._write(FeedState.BROKEN, self.epoch, problem)

    def _turn(self, state: FeedState) -> None:
        self.state = state
        self._put(state.encode())

    def _write(self, state: FeedState, epoch: int, problem: str = "") -> None:
        self.state, self.epoch, self.problem = state, epoch, problem
        # An epoch always has as many digits, so a shorter content never stands on the rest of a longer one.
        self._put(f"{state} {epoch:020d} {problem}".encode(errors="replace"))

    def _put(self, content: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(descriptor, content, 0)
        finally:
            os.close(descriptor)
