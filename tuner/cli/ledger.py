"""`algodock show --ledger`: what was read of a job's logs, and the proof that nothing is missing."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from contracts.jobs import JobKind
from tuner.cli import words
from tuner.cli.exit_codes import ExitCode
from tuner.cli.names import Job
from tuner.cli.screen import console
from tuner.cli.tables import plain_table
from tuner.store.ledger_table import COUNTS, LedgerEntry, total
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

#: The columns of counts, and what a person reads above each.
_HEADINGS = {
    "bytes": "bytes",
    "frames": "frames",
    "lines": "lines",
    "matched_lines": "matched",
    "unmatched_lines": "unmatched",
    "captures": "numbers",
    "cut_lines": "cut",
    "reconnections": "again",
    "gaps": "gaps",
}


def show_ledger(store: Store, job: Job, *, as_json: bool) -> ExitCode:
    """Print the ledger of a job, of a tuning job that of each trial and their sum; JOB_FAILED where there is a gap."""
    entries = _entries(store, job)
    gaps = sum(entry.gaps for _, entry in entries)
    if as_json:
        rows = [_document(label, entry) for label, entry in entries]
        click.echo(json.dumps({"name": job.name, "entries": rows, "total": total(e for _, e in entries)}, indent=2))
    elif not entries:
        click.echo(f"Nothing of a log of {job.name} has been read yet.")
    else:
        console().print(_table(entries))
        _say_what_is_proven(entries, gaps)
    return ExitCode.JOB_FAILED if gaps else ExitCode.DONE


def _entries(store: Store, job: Job) -> list[tuple[str, LedgerEntry]]:
    """The entries of a job, each with what it is of."""
    if isinstance(job, TuningJobRecord):
        return [
            (f"{trial.trial_index} {entry.host}", entry)
            for trial in store.trials(job.name)
            for entry in store.ledger(JobKind.TRAINING, trial.name)
        ]
    kind = JobKind.TRAINING if isinstance(job, TrainingJobRecord) else job.kind
    return [(entry.host, entry) for entry in store.ledger(kind, job.name)]


def _document(label: str, entry: LedgerEntry) -> Mapping[str, Any]:
    return {"of": label, **asdict(entry), "kind": entry.kind.value, "unmatched_lines": entry.unmatched_lines}


def _table(entries: list[tuple[str, LedgerEntry]]) -> Table:
    table = plain_table("log of")
    for heading in _HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("read back", no_wrap=True)
    table.add_column("first and last time by the engine's clock", overflow="fold")
    for label, entry in entries:
        counts = {name: getattr(entry, name) for name in COUNTS}
        read_back = "yes" if entry.is_read_back else "no"
        _add_row(table, label, counts, read_back, f"{entry.first_time} {entry.last_time}".strip())
    if len(entries) > 1:
        done = sum(entry.is_read_back for _, entry in entries)
        _add_row(table, "all", total(entry for _, entry in entries), f"{done} of {len(entries)}", "")
    return table


def _add_row(table: Table, label: str, counts: Mapping[str, int], *rest: str) -> None:
    style = "bold red" if counts["gaps"] else None
    table.add_row(label, *(f"{counts[name]:,}" for name in _HEADINGS), *rest, style=style)


def _say_what_is_proven(entries: list[tuple[str, LedgerEntry]], gaps: int) -> None:
    open_ones = [label for label, entry in entries if not entry.is_read_back]
    if gaps:
        click.echo(
            f"LINES MAY BE MISSING: {words.count(gaps, 'gap')}. The engine's log is not what was read of it;"
            " the warnings of `algodock show` tell more. Numbers in those lines are missing from the metrics."
        )
    if open_ones:
        click.echo(
            f"Not read back: {', '.join(open_ones)}. A log is proven to be whole when its container has ended and the"
            " engine has given it once more, the same. What a container printed last that was removed before that is"
            " unknown."
        )
    elif not gaps:
        click.echo("Nothing is missing: each log was read once more after its container had ended, and was the same.")
