"""A container's output taken in: frames into lines, lines into the job's log file, numbers into the store."""

import threading
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from tuner.engine.protocol import Engine, LogFrame
from tuner.jobs.log_follower import LogFollower
from tuner.jobs.log_lines import LineAssembler, LogLine
from tuner.jobs.metric_scraper import MetricScraper
from tuner.store.records import Observation, TrainingJobRecord
from tuner.store.sqlite_store import Store


class LogIntake:
    """Takes one container's output in, from its beginning.

    A process that adopts a container reads its whole log again and writes the log file anew; the line numbers are the
    same, so the store keeps every observation once.
    """

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        container_id: str,
        job: TrainingJobRecord,
        host: str,
        log_file: Path,
        activity: threading.Event,
    ) -> None:
        self._store = store
        self._job_name = job.name
        self._host = host
        self._definitions = job.spec.metric_definitions
        self._scraper = MetricScraper(self._definitions)
        self._found: set[str] = set()
        self._line_count = 0
        self._assembler = LineAssembler()
        log_file.parent.mkdir(parents=True, exist_ok=True)
        self._file = log_file.open("w", encoding="utf-8")
        self._follower = LogFollower(engine, container_id, activity)
        self._follower.follow()

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
        """Once the container has exited: take in everything that is left, the unfinished last line included.

        A metric that was never found is worth a warning: its pattern may be wrong.
        """
        self._record([*self._lines(self._follower.read_rest()), *self._assembler.finish()])
        for definition in self._definitions:
            if definition.name not in self._found:
                self._store.add_warning(
                    self._job_name,
                    f"metric {definition.name!r} was never found: none of the {self._line_count:,} lines of the log"
                    f" holds a number that {definition.regex!r} captures",
                )

    def close(self) -> None:
        """Stop following and close the log file."""
        self._follower.close()
        self._file.close()

    def _lines(self, frames: Iterable[LogFrame]) -> list[LogLine]:
        return [line for frame in frames for line in self._assembler.feed(frame)]

    def _record(self, lines: list[LogLine]) -> None:
        if not lines:
            return
        self._file.writelines(f"{line.text}\n" for line in lines)
        self._file.flush()
        self._line_count += len(lines)
        observations = [observation for line in lines for observation in self._observations(line)]
        if observations:
            self._store.record_observations(self._job_name, observations)
        while self._scraper.warnings:
            self._store.add_warning(self._job_name, self._scraper.warnings.pop())

    def _observations(self, line: LogLine) -> Iterable[Observation]:
        for capture in self._scraper.captures(line.text):
            self._found.add(capture.metric)
            yield Observation(
                host=self._host,
                line=line.number,
                match=capture.match,
                metric=capture.metric,
                value=capture.value,
                time=_seconds(line.timestamp),
            )


def _seconds(timestamp: str) -> float:
    """Seconds since the epoch of the engine's RFC 3339 text; its nanoseconds are cut to microseconds."""
    return datetime.fromisoformat(timestamp).timestamp()
