"""The log follower: every frame once, whatever its thread and the engine do meanwhile."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from engine_conformance import eventually

from tuner.engine.frames import encoded
from tuner.engine.protocol import Engine, FrameBlock, LogFrame, LogStream, Stream
from tuner.errors import EngineRejected, EngineUnreachable
from tuner.jobs import log_follower
from tuner.jobs.activity import Activity
from tuner.jobs.log_follower import HandedOver, LogFollower, LogPosition


def frame(number: int, *, second: int | None = None) -> LogFrame:
    """The frame of one number; each has a time of its own, unless it is said."""
    second = number if second is None else second
    timestamp = f"2026-01-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000000Z"
    return LogFrame(stream=Stream.STDOUT, timestamp=timestamp, payload=f"{number}\n".encode())


FRAMES = [frame(number) for number in range(5000)]


class Reading:
    """One reading of a log, whose steps the test gives."""

    def __init__(self, blocks: Callable[[], Iterator[FrameBlock]]) -> None:
        self._blocks = blocks
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[FrameBlock]:
        return self._blocks()

    def close(self) -> None:
        """Remember it."""
        self.closed.set()


class StagedLog:
    """An engine's log. `frames` is what it has; `stop_after` is how much its next followed readings give of that."""

    def __init__(self) -> None:
        self.frames: Sequence[LogFrame] = FRAMES
        self.may_follow = threading.Event()
        self.stop_after: list[int] = []
        self.stalls_after: int | None = None
        self.refusal: EngineRejected | None = None
        self.trouble: list[Exception] = []
        self.readings: list[Reading] = []

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> LogStream:
        """All frames in blocks of a hundred; a followed reading first waits until it may. `trouble` is raised first."""
        if self.trouble:
            raise self.trouble.pop()
        if self.refusal is not None and not follow:
            raise self.refusal
        self.readings.append(Reading(lambda: self._followed(self.readings[-1]) if follow else self._blocks(tail)))
        return self.readings[-1]

    def _blocks(self, tail: int | None = None) -> Iterator[FrameBlock]:
        frames = self.frames[-tail:] if tail else self.frames
        for start in range(0, len(frames), 100):
            yield encoded(frames[start : start + 100])

    def _followed(self, reading: Reading) -> Iterator[FrameBlock]:
        self.may_follow.wait(10)
        if self.stalls_after is not None:
            frames, self.stalls_after = self.frames[: self.stalls_after], None
            yield encoded(frames)
            reading.closed.wait(10)
            raise EngineUnreachable("closed")
        if self.stop_after:
            yield encoded(self.frames[: self.stop_after.pop(0)])
            raise EngineUnreachable("connection lost")
        yield from self._blocks()


@pytest.fixture
def log() -> StagedLog:
    """A log of 5000 frames."""
    return StagedLog()


def follow(log: StagedLog, recorded: LogPosition = LogPosition()) -> LogFollower:  # noqa: B008 - frozen
    """A follower at work on `log`."""
    engine: Engine = log  # type: ignore[assignment]  # a follower asks an engine for nothing but logs
    follower = LogFollower(engine, "container", Activity(), recorded)
    follower.follow()
    return follower


def frames_in(handed_over: Sequence[HandedOver]) -> list[LogFrame]:
    """The frames one by one."""
    return [frame for one in handed_over for frame in one.block.frames()]


def read_rest(follower: LogFollower) -> list[LogFrame]:
    """All that is left, until the log has been read back."""
    taken: list[HandedOver] = []

    def is_read_back() -> bool:
        taken.extend(follower.read_rest(1))
        return follower.is_read_back

    eventually(is_read_back)
    return frames_in(taken)


def first_taken(follower: LogFollower) -> list[HandedOver]:
    """What comes in first."""
    taken: list[HandedOver] = []

    def has_come() -> bool:
        taken.extend(follower.take())
        return bool(taken)

    eventually(has_come)
    return taken


def test_a_stream_that_is_late_is_not_waited_for(log: StagedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container has exited before its stream gave anything."""
    monkeypatch.setattr(log_follower, "_SETTLING_SECONDS", 0)
    follower = follow(log)
    rest = read_rest(follower)
    log.may_follow.set()

    assert FRAMES == rest
    assert [] == follower.gaps


def test_frames_that_follow_during_the_last_reading_are_not_lost(log: StagedLog) -> None:
    """The stream goes on while the container's end is looked for: each frame is given once."""
    log.may_follow.set()
    follower = follow(log)

    assert FRAMES == read_rest(follower)
    assert [] == follower.gaps


def test_more_frames_than_may_wait_are_all_given(log: StagedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread waits for the controller; nothing is dropped."""
    monkeypatch.setattr(log_follower, "_WAITING_BYTES", 1000)
    log.may_follow.set()
    follower = follow(log)
    taken: list[LogFrame] = []
    while not (follower.has_ended and len(taken) == len(FRAMES)):
        taken += frames_in(follower.take())

    assert FRAMES == taken


def test_a_lost_connection_is_taken_up_where_it_was(log: StagedLog) -> None:
    """Whatever was given before is not given again, and each new reading is counted."""
    log.may_follow.set()
    log.stop_after = [1, 77, 700]
    follower = follow(log)
    taken: list[LogFrame] = []
    while len(taken) < len(FRAMES):
        has_ended = follower.has_ended  # first: what it gave before stands in the queue then
        taken += frames_in(follower.take())
        if has_ended and len(taken) < len(FRAMES):
            follower.follow()

    assert FRAMES == taken
    assert 3 == follower.reconnections


def test_equal_times_and_times_that_run_back_are_no_matter(log: StagedLog) -> None:
    """A place in the log is told by what is before it, never by the clock."""
    log.frames = [frame(number, second=(7 * number) % 10 // 2) for number in range(500)]
    log.may_follow.set()
    log.stop_after = [123, 124]
    follower = follow(log)
    eventually(lambda: follower.has_ended)
    follower.follow()
    eventually(lambda: follower.has_ended)

    assert log.frames == read_rest(follower)
    assert [] == follower.gaps


@pytest.mark.parametrize("kept", [range(1500, 5000), range(4990, 5000), range(100, 3100)])
def test_a_log_that_was_rotated_is_a_gap_and_what_is_new_is_taken(log: StagedLog, kept: range) -> None:
    """The engine has dropped its oldest lines: that cannot be proven to be whole, which is said."""
    log.may_follow.set()
    log.stop_after = [3000]
    follower = follow(log)
    eventually(lambda: follower.has_ended)
    taken = frames_in(follower.take())
    log.frames = [FRAMES[number] for number in kept]

    assert FRAMES[:3000] == taken
    assert [FRAMES[number] for number in kept if number >= 3000] == read_rest(follower)
    assert 1 == len(follower.gaps)


def test_a_log_that_is_shorter_than_it_was_is_a_gap(log: StagedLog) -> None:
    """Every frame was read once, but the engine does not have them any more."""
    log.may_follow.set()
    log.stop_after = [3000]
    follower = follow(log)
    eventually(lambda: follower.has_ended)
    log.frames = FRAMES[:2999]
    read_rest(follower)

    assert ["bytes of the engine's log had been read"] == [
        gap.partition(" ")[2].partition(",")[0] for gap in follower.gaps
    ]


@pytest.mark.parametrize(("digest", "gaps"), [(None, 0), ("other", 1)])
def test_a_new_process_finds_what_the_earlier_one_had_read(log: StagedLog, digest: str | None, gaps: int) -> None:
    """All is given again; at the place where the earlier one stopped the two have to agree."""
    log.may_follow.set()
    log.stop_after = [1234]
    earlier = follow(log)
    eventually(lambda: earlier.has_ended)
    place = earlier.take()[-1].end
    follower = follow(log, LogPosition(bytes=place.bytes, digest=digest or place.digest))
    given = read_rest(follower)

    assert gaps == len(follower.gaps)
    assert FRAMES == given or gaps


def test_a_log_that_the_engine_cannot_give_again_is_a_gap(log: StagedLog) -> None:
    """The job ends all the same, and says so."""
    log.may_follow.set()
    log.refusal = EngineRejected("the log is damaged")
    follower = follow(log)
    read_rest(follower)

    assert ["the engine could not give the whole log again: the log is damaged"] == follower.gaps


def test_a_reading_that_nobody_has_thought_could_fail_is_tried_again(log: StagedLog) -> None:
    """What fails while the container runs, and fails twice afterwards, is read in the end, whole."""
    log.trouble = [KeyError("a bug"), KeyError("a bug"), KeyError("a bug")]
    follower = follow(log)
    eventually(lambda: follower.has_ended)

    assert FRAMES == read_rest(follower)
    assert [] == follower.gaps


def test_a_log_that_cannot_be_followed_is_read_when_its_container_has_ended(log: StagedLog) -> None:
    """It is given up after three tries, and nobody is woken for it any more."""
    log.trouble = [KeyError("a bug") for _ in range(3)]
    follower = follow(log)
    for _ in range(2):
        eventually(lambda: follower.has_ended)
        follower.follow()
    eventually(lambda: not log.trouble)
    eventually(lambda: not follower.has_ended)
    follower.follow()

    assert [] == log.readings
    assert FRAMES == read_rest(follower)
    assert [] == follower.gaps


def test_a_log_that_cannot_be_read_is_a_gap_after_three_tries(log: StagedLog) -> None:
    """The job comes to its end, and says what is wrong: not one try after the other for ever."""
    log.may_follow.set()
    log.stop_after = [3000]
    follower = follow(log)
    eventually(lambda: follower.has_ended)
    log.trouble = [KeyError("a bug") for _ in range(9)]
    rest = read_rest(follower)

    assert FRAMES[:3000] == rest
    assert 6 == len(log.trouble)
    assert [
        "the log could not be read, 3 times, for KeyError: 'a bug' (a bug in Algodock: please report it)"
    ] == follower.gaps


def test_a_stream_that_stalls_is_followed_anew(log: StagedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives nothing for a while although the engine has more: Docker 20.10 is known to do so."""
    monkeypatch.setattr(log_follower, "SILENT_SECONDS", 0)
    log.may_follow.set()
    log.stalls_after = 300
    follower = follow(log)
    taken = first_taken(follower)
    follower.check_silence()
    once = follower.reconnections
    follower.check_silence()

    assert (0, 1) == (once, follower.reconnections)
    assert FRAMES == frames_in(taken) + read_rest(follower)


def test_a_container_that_is_silent_is_not_followed_anew(log: StagedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of the engine's log has come: there is nothing else."""
    monkeypatch.setattr(log_follower, "SILENT_SECONDS", 0)
    log.may_follow.set()
    log.frames = FRAMES[:300]
    log.stalls_after = 300
    follower = follow(log)
    first_taken(follower)
    for _ in range(3):
        follower.check_silence()

    assert 0 == follower.reconnections
