"""The log follower: every frame once, whatever its thread and the engine do meanwhile."""

import threading
from collections.abc import Iterator

import pytest

from tuner.engine.protocol import Engine, LogFrame, Stream
from tuner.errors import EngineUnreachable
from tuner.jobs.log_follower import LogFollower

FRAMES = [LogFrame(stream=Stream.STDOUT, timestamp="", payload=f"{number}\n".encode()) for number in range(5000)]


class SlowLog:
    """An engine's log whose two readings the test sets against each other."""

    def __init__(self) -> None:
        self.may_follow = threading.Event()
        self.has_followed = threading.Event()
        self.wait_for_follower = False
        self.endings: list[int] = []

    def frames(self, container_id: str, *, follow: bool) -> Iterator[LogFrame]:
        """All frames; a following reader first waits until it may, the other may wait for it to be done."""
        if not follow:
            if self.wait_for_follower:
                self.may_follow.set()
                self.has_followed.wait(10)
            yield from FRAMES
            return
        self.may_follow.wait(10)
        try:
            if self.endings:
                yield from FRAMES[: self.endings.pop(0)]
                raise EngineUnreachable("connection lost")
            yield from FRAMES
        finally:
            self.has_followed.set()


@pytest.fixture
def log() -> SlowLog:
    """A log of 5000 frames."""
    return SlowLog()


def follow(log: SlowLog) -> LogFollower:
    """A follower at work on `log`."""
    engine: Engine = log  # type: ignore[assignment]  # a follower asks an engine for nothing but frames
    follower = LogFollower(engine, "container", threading.Event())
    follower.follow()
    return follower


def test_a_stream_that_is_late_is_not_waited_for(log: SlowLog) -> None:
    """The container has exited before its stream gave anything."""
    follower = follow(log)
    rest = follower.read_rest()
    log.may_follow.set()

    assert FRAMES == rest


def test_frames_that_follow_during_the_last_reading_are_not_lost(log: SlowLog) -> None:
    """Both readings run at once: each frame is given by one of them."""
    log.wait_for_follower = True
    follower = follow(log)

    assert FRAMES == follower.read_rest()


def test_more_frames_than_may_wait_are_all_given(log: SlowLog) -> None:
    """The thread waits for the controller; nothing is dropped."""
    log.may_follow.set()
    follower = follow(log)
    taken: list[LogFrame] = []
    while not (follower.has_ended and len(taken) == len(FRAMES)):
        taken += follower.take()

    assert FRAMES == taken


def test_a_lost_connection_is_taken_up_where_it_was(log: SlowLog) -> None:
    """Whatever was given before is not given again."""
    log.may_follow.set()
    log.endings = [0, 1, 700]
    follower = follow(log)
    taken: list[LogFrame] = []
    while len(taken) < len(FRAMES):
        taken += follower.take()
        if follower.has_ended and len(taken) < len(FRAMES):
            follower.follow()

    assert FRAMES == taken
