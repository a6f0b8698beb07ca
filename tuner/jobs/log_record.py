"""What is found in one container's log, and what was read of it, on its way to the store: both in one transaction."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from contracts.jobs import JobKind
from contracts.metrics import MetricDefinition
from tuner.engine.protocol import FrameBlock
from tuner.jobs.log_follower import LogPosition
from tuner.jobs.log_lines import LineBlock
from tuner.jobs.metric_scraper import MetricScraper
from tuner.jobs.objective_watch import ObjectiveWatch
from tuner.store.ledger_table import LedgerEntry
from tuner.store.records import Observation
from tuner.store.sqlite_store import Store

#: How often it is written down that a container runs which prints nothing, in seconds.
_SEEN_SECONDS = 5.0


class LogRecord:
    """Finds the metrics of one host of a job in its lines, counts what is read, and writes both to the store.

    A container that an earlier process has followed has an entry in the ledger already, which says how far it came.
    Everything is then read again from the beginning; the entry stays as it is until the reading has come so far.
    `watch` warns while the container runs where the objective does not appear in its lines. `seen` is when it was last
    known to run, by this process or an earlier one.
    """

    def __init__(
        self,
        store: Store,
        *,
        kind: JobKind,
        job: str,
        host: str,
        container: str,
        definitions: Sequence[MetricDefinition] = (),
        first_line: int = 0,
        watch: ObjectiveWatch | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._kind, self._job, self._host, self._container = kind, job, host, container
        self._first_line = first_line
        self._watch = watch
        self._clock = clock
        self._scraper = MetricScraper(definitions)
        self._observations: list[Observation] = []
        self._frames = self._bytes = self._lines = self._matched = self._captures = 0
        self._first_time = self._last_time = b""
        self._gaps_said = 0
        known = [one for one in store.ledger(kind, job) if (one.host, one.container) == (host, container)]
        self._earlier = known[0] if known else None
        self._written: LedgerEntry | None = None
        self.seen = None if self._earlier is None else self._earlier.seen

    @property
    def recorded(self) -> LogPosition:
        """How far an earlier process had come in the engine's log."""
        if self._earlier is None:
            return LogPosition()
        return LogPosition(bytes=self._earlier.stream_bytes, digest=self._earlier.digest)

    def saw_running(self, now: float) -> None:
        """The container runs: that is written down every few seconds, for a process that finds it ended."""
        self.seen = now - now % _SEEN_SECONDS

    @property
    def has_found(self) -> bool:
        """Whether there are observations to be written."""
        return bool(self._observations)

    def count(self, block: FrameBlock) -> None:
        """Count what was read from the engine."""
        if not block.payloads:
            return
        self._frames += len(block.payloads)
        self._bytes += sum(map(len, block.payloads))
        self._first_time = self._first_time or block.timestamps[0]
        self._last_time = block.timestamps[-1]

    def read(self, lines: LineBlock) -> None:
        """Read further lines."""
        self._lines += len(lines)
        matched = self._scraper.scan(lines.text)
        if self._watch is not None:
            self._watch.read(lines, matched)
        for found in matched:
            self._matched += 1
            self._captures += len(found.captures)
            moment = _seconds(lines.timestamps[found.index]) if found.captures else 0.0
            for capture in found.captures:
                self._observations.append(
                    Observation(
                        host=self._host,
                        line=lines.first + found.index,
                        match=capture.match,
                        metric=capture.metric,
                        value=capture.value,
                        time=moment,
                    )
                )

    def write(
        self, end: LogPosition, *, cut_lines: int, reconnections: int, gaps: Sequence[str], is_read_back: bool
    ) -> None:
        """Write what has been found and counted, up to `end` of the engine's log."""
        earlier = self._earlier
        has_come_so_far = end.bytes >= self.recorded.bytes or is_read_back or bool(gaps)
        entry = LedgerEntry(
            kind=self._kind,
            job=self._job,
            host=self._host,
            container=self._container,
            first_line=self._first_line,
            frames=self._frames,
            bytes=self._bytes,
            lines=self._lines,
            matched_lines=self._matched,
            captures=self._captures,
            cut_lines=cut_lines,
            reconnections=reconnections + (0 if earlier is None else earlier.reconnections + 1),
            gaps=len(gaps) + (0 if earlier is None else earlier.gaps),
            is_read_back=is_read_back,
            first_time=self._first_time.decode("ascii", "replace"),
            last_time=self._last_time.decode("ascii", "replace"),
            stream_bytes=end.bytes,
            digest=end.digest,
            seen=self.seen,
        )
        if has_come_so_far and entry != self._written:
            self._store.record_log(entry, self._observations)
            self._written = entry
        elif self._observations:
            self._store.record_observations(self._job, self._observations)
        self._observations = []
        self._warn(gaps, is_over=is_read_back)

    def _warn(self, gaps: Sequence[str], *, is_over: bool) -> None:
        for gap in gaps[self._gaps_said :]:
            self._say(f"lines of the log of {self._host} may be missing, with the numbers in them: {gap}")
        self._gaps_said = len(gaps)
        if self._watch is not None and not is_over and (warning := self._watch.warning(self._clock())) is not None:
            self._say(warning)
        while self._scraper.warnings:
            self._say(self._scraper.warnings.pop())

    def _say(self, text: str) -> None:
        if self._kind is JobKind.TRAINING:  # other jobs have no warnings; their ledger tells
            self._store.add_warning(self._job, text)


def _seconds(timestamp: bytes) -> float:
    """Seconds since the epoch of the engine's RFC 3339 text; its nanoseconds are cut to microseconds."""
    return datetime.fromisoformat(timestamp.decode("ascii", "replace")).timestamp()
