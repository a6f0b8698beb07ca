"""The live view of a tuning job: a bar for the whole job, a row a trial, the best so far, what Ctrl-C does."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from contracts.jobs import JobStatus
from tuner.cli import words
from tuner.cli.snapshot import TuningSnapshot
from tuner.cli.tables import status_text, trial_table
from tuner.store.records import TrainingJobRecord

#: The lines of a table that are no rows: above, heading, rule, below; and the line that tells of hidden trials.
_TABLE_LINES = 5
_BAR_WIDTH = 30

CTRL_C = "Ctrl-C stops the job (containers get SIGTERM and up to 120 s); a second Ctrl-C leaves them running."
CTRL_C_AGAIN = "Stopping. Ctrl-C again leaves the containers running and detaches."


class LiveDisplay:
    """Redraws one picture of the job in the terminal; what is said stays above it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop", transient=True)
        self._live.start()

    def show(self, snapshot: TuningSnapshot) -> None:
        """Draw the job as it stands now."""
        self._live.update(picture(snapshot, self._live.console), refresh=True)

    def say(self, text: str) -> None:
        """Print `text` above the picture."""
        self._live.console.print(text)

    def close(self) -> None:
        """Take the picture away: the summary that follows says all of it."""
        self._live.stop()


def picture(snapshot: TuningSnapshot, console: Console) -> RenderableType:
    """The job as it stands, for the width and height of `console`."""
    converged = [Text(f"Converged: {words.CONVERGED}.")] if snapshot.job.convergence_detected_time is not None else []
    above = Group(_heading(snapshot), _bar(snapshot), _best(snapshot), *converged)
    below = Group(
        Text(CTRL_C if snapshot.job.status is JobStatus.IN_PROGRESS else CTRL_C_AGAIN, style="dim"),
        Text(),  # where the terminal echoes ^C, which would otherwise break the last line, and the redraw
    )
    lines = console.height - len(console.render_lines(Group(above, below))) - _TABLE_LINES
    shown = rows_to_show(snapshot, max(lines, 1))
    table = trial_table(snapshot, shown, console.width)
    drawn = len(console.render_lines(table)) - _TABLE_LINES
    if drawn > max(lines, len(shown)):  # rows with much text are folded, and take several lines
        shown = rows_to_show(snapshot, max(lines * len(shown) // drawn, 1))
        table = trial_table(snapshot, shown, console.width)
    hidden = len(snapshot.trials) - len(shown)
    more = [Text(f"... and {words.count(hidden, 'more trial')}", style="dim")] if hidden else []
    return Group(above, *([table] if shown else []), *more, below)


def rows_to_show(snapshot: TuningSnapshot, rows: int) -> Sequence[TrainingJobRecord]:
    """At most `rows` trials, by index: all if they fit, else the best, the running ones, and the last that ended."""
    if len(snapshot.trials) <= rows:
        return snapshot.trials
    best = snapshot.best

    def rank(trial: TrainingJobRecord) -> tuple[int, float]:
        if best is not None and trial.name == best.name:
            return 0, 0.0
        return (1, 0.0) if trial.end_time is None else (2, -trial.end_time)

    return sorted(sorted(snapshot.trials, key=rank)[:rows], key=lambda trial: trial.trial_index or 0)


def _heading(snapshot: TuningSnapshot) -> Text:
    spec = snapshot.spec
    heading = Text(snapshot.job.name, style="bold")
    heading.append(
        f"  {spec.strategy} search, {words.objective(spec)}, {spec.max_parallel_training_jobs} at a time  ",
        style="not bold",
    )
    return heading.append_text(status_text(snapshot.job.status))


def _bar(snapshot: TuningSnapshot) -> Table:
    line = Table.grid(padding=(0, 1))
    line.add_column(min_width=10, max_width=_BAR_WIDTH)
    line.add_column(overflow="fold")
    left = snapshot.seconds_left
    times = f"{snapshot.done} of {words.count(snapshot.total, 'trial')}, {words.duration(snapshot.elapsed)}"
    if left is not None:
        times += f", about {words.duration(left)} left"
    line.add_row(ProgressBar(total=max(snapshot.total, 1), completed=snapshot.done, width=_BAR_WIDTH), Text(times))
    return line


def _best(snapshot: TuningSnapshot) -> Text:
    best = snapshot.best
    if best is None:
        return Text("No trial has ended with a value yet.", style="dim")
    value = words.number(snapshot.job.value_of(best))
    definition = snapshot.definition_of(best)
    of = f" of {definition}" if definition else ""
    return Text.assemble(
        "Best so far: ",
        (f"trial {best.trial_index}{of}, {snapshot.job.metric_of(best)} {value}", "bold green"),
        f" ({words.hyperparameters(best.tuned)})",
    )
