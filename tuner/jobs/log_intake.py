"""A container's output taken in: frames into lines, lines into the host's log file, and to whoever reads them."""

import threading
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from contracts.metrics import MetricDefinition
from tuner.engine.protocol import Engine, LogFrame
from tuner.jobs.log_follower import LogFollower
from tuner.jobs.log_lines import LineAssembler, LogLine
from tuner.jobs.metric_scraper import MetricScraper
from tuner.store.records import LogStart, Observation
from tuner.store.sqlite_store import Store

#: Told of lines as they come.
Reader = Callable[[Sequence[LogLine]], None]


class LogIntake:
    """Takes one container's output in, from its beginning.

    It begins at `start` in the host's log: an earlier container of the job may have written what is before. A process
    that adopts a container reads its whole output again and writes the rest of the log file anew; the line numbers are
    the same.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        container_id: str,
        log_file: Path,
        activity: threading.Event,
        start: LogStart = LogStart(),  # noqa: B008 - frozen
        reader: Reader | None = None,
    ) -> None:
        self._reader = reader
        self._assembler = LineAssembler(after=start.lines)
        self._end = start
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = log_file.open("ab")
        self._file.truncate(start.bytes)
        self._follower = LogFollower(engine, container_id, activity)
        self._follower.follow()

    @property
    def end(self) -> LogStart:
        """Where in the log what has been taken in ends."""
        return self._end

    @property
    def stream_has_ended(self) -> bool:
        """Whether following has ended, because the container has or because the connection was lost."""
        return self._follower.has_ended

    def follow_again(self) -> None:
        """Go on after a lost connection."""
        self._follower.follow()

    def take_in(self) -> None:
        """Take in what has come since the last call."""
        self._record(self._lines(self._follower.take()))

    def take_in_rest(self) -> None:
        """Once the container has exited: take in everything that is left, the unfinished last line included."""
        self._record([*self._lines(self._follower.read_rest()), *self._assembler.finish()])

    def close(self) -> None:
        """Stop following and close the log file."""
        self._follower.close()
        self._file.close()

    def _lines(self, frames: Iterable[LogFrame]) -> list[LogLine]:
        return [line for frame in frames for line in self._assembler.feed(frame)]

    def _record(self, lines: list[LogLine]) -> None:
        if not lines:
            return
        text = "".join(f"{line.text}\n" for line in lines).encode()
        self._file.write(text)
        self._file.flush()
        self._end = LogStart(lines=self._end.lines + len(lines), bytes=self._end.bytes + len(text))
        if self._reader is not None:
            self._reader(lines)


class MetricReader:
    """Finds the metrics of one host of a training job in its lines and records them, each once."""

    def __init__(self, store: Store, job_name: str, host: str, definitions: Sequence[MetricDefinition]) -> None:
        self._store = store
        self._job_name = job_name
        self._host = host
        self._scraper = MetricScraper(definitions)

    def __call__(self, lines: Sequence[LogLine]) -> None:
        """Read further lines."""
        observations = [observation for line in lines for observation in self._observations(line)]
        if observations:
            self._store.record_observations(self._job_name, observations)
        while self._scraper.warnings:
            self._store.add_warning(self._job_name, self._scraper.warnings.pop())

    def _observations(self, line: LogLine) -> Iterable[Observation]:
        for capture in self._scraper.captures(line.text):
            yield Observation(
                host=self._host,
                line=line.number,
                match=capture.match,
                metric=capture.metric,
                value=capture.value,
                time=_seconds(line.timestamp),
            )


def missing_metrics(definitions: Sequence[MetricDefinition], found: Container[str], lines: int) -> list[str]:
    """A warning for each metric that is not among those `found` in so many lines: its pattern may be wrong."""
    return [
        f"metric {definition.name!r} was never found: none of the {lines:,} lines of the log holds a number that"
        f" {definition.regex!r} captures"
        for definition in definitions
        if definition.name not in found
    ]


def _seconds(timestamp: str) -> float:
    """Seconds since the epoch of the engine's RFC 3339 text; its nanoseconds are cut to microseconds."""
    return datetime.fromisoformat(timestamp).timestamp()
