"""The trials of a tuning job as comma-separated values, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from tuner.dashboard.results import TrialResult, TuningResults

_FIRST = ("trial_index", "training_job", "status", "objective_status", "objective")
_LAST = ("training_start_time", "training_end_time", "duration_seconds", "place", "lost", "failure_reason")


def format_csv(results: TuningResults) -> str:
    """One line a trial by index, after a line of names; numbers have all their digits, times are ISO 8601 in UTC.

    A hyperparameter or metric whose name is another column's gets a prefix: ``hyperparameter:status``.
    """
    tuned = results.tuned_names
    columns = list(_FIRST)
    for kind, names in (("hyperparameter", tuned), ("metric", results.other_metrics)):
        taken = {*columns, *_LAST, "training_job_definition"}
        columns += [f"{kind}:{name}" if name in taken else name for name in names]
    columns += _LAST
    several = len(results.definitions) > 1
    if several:
        columns.append("training_job_definition")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for trial in results.trials:
        writer.writerow([*_row(trial, tuned, results.other_metrics), *([trial.definition or ""] if several else ())])
    return buffer.getvalue()


def iso_time(seconds: float | None) -> str:
    """A time of the store as ISO 8601 in UTC to the millisecond; nothing for one that has not come."""
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(trial: TrialResult, tuned: Iterable[str], metrics: Iterable[str]) -> list[str]:
    return [
        str(trial.index),
        trial.training_job,
        str(trial.status),
        str(trial.objective_status),
        _number(trial.objective),
        *(trial.tuned.get(name, "") for name in tuned),
        *(_number(trial.metrics.get(name)) for name in metrics),
        iso_time(trial.start_time),
        iso_time(trial.end_time),
        "" if trial.duration_seconds is None else f"{trial.duration_seconds:.3f}",
        str(trial.place),
        str(trial.is_lost).lower(),
        trial.failure_reason,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)  # the shortest text that reads back as the same number
