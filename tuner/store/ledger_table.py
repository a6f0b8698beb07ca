"""The ledger of the logs: what was read of each container's output, and what became of it."""

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from contracts.jobs import JobKind
from tuner.store.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """What was read of one container's output, from its beginning.

    `first_line` is how many lines the host's log had before; `matched_lines` are those that a metric definition
    matches, `captures` the numbers that were captured. `gaps` counts the times at which the engine's log was not what
    had been read of it. `is_read_back` says whether the whole log of the ended container was read once more and found
    the same. `stream_bytes` and `digest` are of the engine's encoding; times are the engine's own texts, of the first
    and the last frame. `seen` is when the container was last known to run, in seconds since the epoch.
    """

    kind: JobKind
    job: str
    host: str
    container: str
    first_line: int
    frames: int
    bytes: int
    lines: int
    matched_lines: int
    captures: int
    cut_lines: int
    reconnections: int
    gaps: int
    is_read_back: bool
    first_time: str
    last_time: str
    stream_bytes: int
    digest: str
    seen: float | None = None

    @property
    def unmatched_lines(self) -> int:
        """The lines that no metric definition matches."""
        return self.lines - self.matched_lines


_COLUMNS = tuple(field.name for field in fields(LedgerEntry))
_MARKS = ", ".join("?" * len(_COLUMNS))
_WRITE = f"INSERT OR REPLACE INTO log_ledger ({', '.join(_COLUMNS)}) VALUES ({_MARKS})"  # noqa: S608 - our own names


class LedgerTable(Database):
    """The part of the store that tells what was read of logs."""

    def ledger(self, kind: JobKind, job: str) -> list[LedgerEntry]:
        """What was read of the containers of a job, by host; one entry for each container that a host had."""
        rows = self._db.execute(
            "SELECT * FROM log_ledger WHERE kind = ? AND job = ? ORDER BY host, first_line, first_time", (kind, job)
        )
        return [_entry(row) for row in rows]

    def _write_ledger(self, entry: LedgerEntry) -> None:
        self._db.execute(_WRITE, astuple(entry))


#: What can be added up over containers, hosts and trials.
COUNTS = (
    "frames",
    "bytes",
    "lines",
    "matched_lines",
    "unmatched_lines",
    "captures",
    "cut_lines",
    "reconnections",
    "gaps",
)


def total(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """The counts of all `entries` together, by name."""
    rows = list(entries)
    return {name: sum(getattr(entry, name) for entry in rows) for name in COUNTS}


def _entry(row: sqlite3.Row) -> LedgerEntry:
    values = dict(row)
    return LedgerEntry(**{**values, "kind": JobKind(values["kind"]), "is_read_back": bool(values["is_read_back"])})
