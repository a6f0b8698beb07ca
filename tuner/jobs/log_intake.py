"""A container's output taken in: frames into lines, lines into the host's log file, what is in them into the store."""

import time
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path

from contracts.metrics import MetricDefinition
from tuner.engine.protocol import Engine
from tuner.jobs.activity import Activity
from tuner.jobs.log_follower import HandedOver, LogFollower, LogPosition
from tuner.jobs.log_lines import LineAssembler, LineBlock
from tuner.jobs.log_record import LogRecord
from tuner.store.records import LogStart

#: How long a step of the controller waits at most for the end of the log of a container that has exited, in seconds.
_END_SECONDS = 0.25
#: How long that is waited for before, in a thread of its own, in seconds.
_REST_SECONDS = 10.0
#: How often the ledger is written while nothing is found in the lines, in seconds.
_LEDGER_SECONDS = 1.0
_BLOCK_BYTES = 1 << 20


class LogIntake:
    """Takes one container's output in, from its beginning.

    It begins at `start` in the host's log: an earlier container of the job may have written what is before. A process
    that adopts a container reads its whole output again and writes the rest of the log file anew; the line numbers are
    the same. What it finds it gives to `record`, which knows how far an earlier process had come.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        container_id: str,
        log_file: Path,
        activity: Activity,
        record: LogRecord,
        start: LogStart = LogStart(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._clock = clock
        self._assembler = LineAssembler(after=start.lines)
        self._end = start
        self._place = LogPosition()
        self._next_ledger = clock() + _LEDGER_SECONDS
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = log_file.open("ab")
        self._file.truncate(start.bytes)
        self._follower = LogFollower(engine, container_id, activity, record.recorded)
        self._follower.follow()

    @property
    def end(self) -> LogStart:
        """Where in the log what has been taken in ends."""
        return self._end

    @property
    def stream_has_ended(self) -> bool:
        """Whether following has ended, because the container has or because the connection was lost."""
        return self._follower.has_ended

    @property
    def seen(self) -> float | None:
        """When the container was last known to run, by this process or an earlier one."""
        return self._record.seen

    def saw_running(self, now: float) -> None:
        """The container runs."""
        self._record.saw_running(now)

    def follow_again(self) -> None:
        """Go on after a lost connection."""
        self._follower.follow()

    def check_silence(self) -> None:
        """While the container runs: see whether a silent stream has stopped to give what the engine has."""
        self._follower.check_silence()

    def take_in(self) -> None:
        """Take in what has come since the last call, and write down what was found."""
        self.read()
        if self.is_to_write:
            self.write()

    def read(self) -> None:
        """Read what has come since the last call."""
        self._take_in(self._follower.take())

    @property
    def is_to_write(self) -> bool:
        """Whether something was found that is not in the store, or the ledger is to say how far the reading is."""
        return self._record.has_found or self._clock() >= self._next_ledger

    def write(self, *, is_read_back: bool = False) -> None:
        """Write down what was found, and how far the reading is."""
        self._file.flush()  # first: whoever reads the store finds the lines in the file
        self._record.write(
            self._place,
            cut_lines=self._assembler.cut_lines,
            reconnections=self._follower.reconnections,
            gaps=self._follower.gaps,
            is_read_back=is_read_back,
        )
        self._next_ledger = self._clock() + _LEDGER_SECONDS

    def begin_rest(self) -> None:
        """Once the container has exited, in any thread: begin to read what `await_rest` waits for."""
        self._follower.begin_rest()

    def await_rest(self) -> None:
        """Once the container has exited, in any thread: wait a while until `finish` need not wait."""
        self._follower.await_rest(_REST_SECONDS)

    def finish(self) -> bool:
        """Once the container has exited: take in all that is left, the unfinished last line included.

        Returns False where the engine needs longer to give it all; then it is to be called again.
        """
        self._take_in(self._follower.read_rest(_END_SECONDS))
        is_all = self._follower.is_read_back
        if is_all:
            self._add(self._assembler.finish_block())
        self.write(is_read_back=is_all)
        return is_all

    def give_up(self) -> None:
        """Where the container is gone before its end was read: keep what has come."""
        self._take_in(self._follower.take())
        self.write()

    def close(self) -> None:
        """Stop following and close the log file."""
        self._follower.close()
        self._file.close()

    def _take_in(self, handed_over: Sequence[HandedOver]) -> None:
        for one in handed_over:
            self._record.count(one.block)
            self._add(self._assembler.feed_block(one.block))
            self._place = one.end

    def _add(self, lines: LineBlock) -> None:
        if not lines:
            return
        text = lines.text.encode()
        self._file.write(text)
        self._end = LogStart(lines=self._end.lines + len(lines), bytes=self._end.bytes + len(text))
        self._record.read(lines)


def end_of_log(log_file: Path) -> LogStart:
    """Where a host's log ends, and that of its next container will begin: after its last whole line."""
    lines = size = whole = 0
    with suppress(FileNotFoundError), log_file.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            lines += block.count(b"\n")
            if (last := block.rfind(b"\n")) >= 0:
                whole = size + last + 1
            size += len(block)
    return LogStart(lines=lines, bytes=whole)


def missing_metrics(definitions: Sequence[MetricDefinition], found: Container[str], lines: int) -> list[str]:
    """A warning for each metric that is not among those `found` in so many lines: its pattern may be wrong."""
    return [
        f"metric {definition.name!r} was never found: none of the {lines:,} lines of the log holds a number that"
        f" {definition.regex!r} captures"
        for definition in definitions
        if definition.name not in found
    ]
