"""Tables of trials and jobs. In narrow terminals columns are left out rather than folded into unreadable strips."""

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from contracts.jobs import JobStatus, TuningJobSpec
from tuner.cli import words
from tuner.cli.snapshot import TuningOverview
from tuner.store.records import TrainingJobRecord

_STYLES = {
    JobStatus.IN_PROGRESS: "cyan",
    JobStatus.STOPPING: "yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.STOPPED: "yellow",
}
_BEST_STYLE = "bold green"
#: What stands before a trial's number, besides the star of the best one, and what it means.
MARKS = {
    "+": "in the Pareto front",
    "!": "breaks a metric's bounds",
    "~": "lost to the infrastructure: it counts for nothing, and is tried again",
}
#: What a column of numbers takes, its gap included.
_COLUMN_WIDTH = 10
#: What the columns that are not hyperparameters take.
_FIXED_WIDTH = 58
#: The least that hyperparameters in one column need; below they are left out, with the time.
_TEXT_WIDTH = 24
#: Below this there are only trial, status and value.
_NARROW = 48


def status_text(status: JobStatus, words_for_it: str | None = None) -> Text:
    """A status in its colour."""
    return Text(words_for_it or str(status), style=_STYLES[status])


def plain_table(*columns: str, title: str | None = None) -> Table:
    """An empty table with one line under its heading, as all of ours have."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, padding=(0, 1))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def trial_table(overview: TuningOverview, trials: Sequence[TrainingJobRecord], width: int) -> Table:
    """A row for each of `trials`, for `width` columns; those that `mark` says are marked.

    A hyperparameter has a column of its own where all fit; `show` and the CSV have what a narrow table leaves out.
    """
    names = parameter_names(overview.spec)
    definitions = [overview.definition_of(trial) for trial in trials]
    several = any(definitions)
    fixed = _FIXED_WIDTH + (max(map(len, definitions)) + 2 if several else 0)
    apart = width >= fixed + sum(max(len(name) + 2, _COLUMN_WIDTH) for name in names)
    together = not apart and width >= fixed + _TEXT_WIDTH
    table = plain_table()
    table.add_column("trial", justify="right", no_wrap=True)
    if several:
        table.add_column("definition", overflow="fold")
    for name in names if apart else ["hyperparameters"] * together:
        table.add_column(name, justify="right" if apart else "left", overflow="fold")
    table.add_column("status", no_wrap=True)
    headings = ["epoch", "now", "best", "time"] if apart or together else ["epoch", "now", "best"]
    headings = headings if width >= _NARROW else ["now"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for trial, definition in zip(trials, definitions, strict=True):
        tuned = {name: trial.tuned[name] for name in names if name in trial.tuned}
        values = [words.hyperparameter(trial.tuned.get(name, "")) for name in names] if apart else []
        values += [words.hyperparameters(tuned)] * together
        cells = _cells(overview, trial)
        is_best = _is_best(overview, trial)
        table.add_row(
            f"{mark(overview, trial)}{trial.trial_index}",
            *([definition] if several else ()),
            *values,
            status_text(trial.primary_status, str(trial.status)),
            *(cells[heading] for heading in headings),
            style=_BEST_STYLE if is_best else None,
        )
    return table


def parameter_names(spec: TuningJobSpec) -> list[str]:
    """The names of the tuned hyperparameters of all definitions, each once."""
    return list(dict.fromkeys(one.name for definition in spec.definitions for one in definition.ranges))


def mark(overview: TuningOverview, trial: TrainingJobRecord) -> str:
    """What stands before a trial's number: a star if it is the best, else one of `MARKS`, else nothing."""
    if _is_best(overview, trial):
        return "* "
    if any(member.name == trial.name for member in overview.front):
        return "+ "
    if trial.is_lost:
        return "~ "
    return "! " if trial.is_finished and trial.metrics and overview.job.violation_of(trial) > 0 else ""


def _cells(overview: TuningOverview, trial: TrainingJobRecord) -> dict[str, str]:
    """The numbers of a trial by the heading of their column."""
    summary = overview.summary_of(trial)
    seconds = overview.seconds_of(trial)
    return {
        "epoch": "" if summary is None else str(summary.count),
        "now": "" if summary is None else words.number(summary.last),
        "best": words.number(overview.best_value_of(trial)),
        "time": "" if seconds is None else words.duration(seconds),
    }


def _is_best(overview: TuningOverview, trial: TrainingJobRecord) -> bool:
    return overview.best is not None and overview.best.name == trial.name
