"""Three ways to show a transform job while it runs: a bar, plain lines, JSON Lines."""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import click
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tuner.cli import words
from tuner.cli.displays import print_json, say_json
from tuner.store.records import JobRecord
from tuner.transform.progress import Progress

#: How seldom plain lines and events tell of progress.
_SELDOM_SECONDS = 2.0
_BAR_WIDTH = 30


class TransformDisplay(Protocol):
    """Shows a transform job while it runs."""

    def show(self, job: JobRecord, progress: Progress, now: float) -> None:
        """Show how it stands."""
        ...

    def log(self, line: str) -> None:
        """Show a line of the job's data-log."""
        ...

    def say(self, text: str) -> None:
        """Tell something else."""
        ...

    def close(self) -> None:
        """Leave the screen to what comes after."""
        ...


def progress_words(progress: Progress, now: float) -> str:
    """How far a job is, in a line for people."""
    if progress.begun is None:
        return "looking for the input"
    ended = progress.delivered + progress.failed
    failed = f" ({progress.failed} failed)" if progress.failed else ""
    text = (
        f"{ended} of {words.count(progress.objects, 'object')}{failed}, {words.size(progress.bytes_read)} of"
        f" {words.size(progress.bytes)} read"
    )
    if progress.bytes_read == progress.earlier_bytes and not progress.failed and ended < progress.objects:
        return f"{text}, the container is starting"
    left = progress.seconds_left(now)
    return text if left is None else f"{text}, about {words.duration(left)} left"


class BarDisplay:
    """A bar that is drawn again and again; what is said stays above it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, job: JobRecord, progress: Progress, now: float) -> None:
        """Draw the job as it stands now."""
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(progress.bytes, 1), completed=progress.bytes_read, width=_BAR_WIDTH)
        line.add_row(Text(job.name, style="bold"), bar, Text(progress_words(progress, now)))
        self._live.update(line, refresh=True)

    def log(self, line: str) -> None:
        """Print a line of the data-log above the bar."""
        self.say(line)

    def say(self, text: str) -> None:
        """Print `text` above the bar."""
        self._live.console.print(text)

    def close(self) -> None:
        """Take the bar away."""
        self._live.stop()


class _Seldom:
    """Lets through what is new, and at most one every two seconds, but for the last."""

    def __init__(self) -> None:
        self._last: Progress | None = None
        self._time = -math.inf

    def lets_through(self, progress: Progress, now: float, *, is_last: bool) -> bool:
        """Whether `progress` is to be told."""
        if progress == self._last or (now - self._time < _SELDOM_SECONDS and not is_last):
            return False
        self._last, self._time = progress, now
        return True


class LineDisplay:
    """A line now and then, with the job's time in front: for files and pipes. No control characters."""

    def __init__(self) -> None:
        self._seldom = _Seldom()

    def show(self, job: JobRecord, progress: Progress, now: float) -> None:
        """Print how far the job is."""
        if self._seldom.lets_through(progress, now, is_last=job.is_finished):
            click.echo(f"[{words.duration(now - job.creation_time)}] {progress_words(progress, now)}")

    def log(self, line: str) -> None:
        """Print a line of the data-log."""
        click.echo(line)

    def say(self, text: str) -> None:
        """Print `text`."""
        click.echo(text)

    def close(self) -> None:
        """Nothing is left to do."""


class EventDisplay:
    """A JSON object an event."""

    def __init__(self) -> None:
        self._seldom = _Seldom()
        self._status = ""

    def show(self, job: JobRecord, progress: Progress, now: float) -> None:
        """Print what is new."""
        if self._seldom.lets_through(progress, now, is_last=job.is_finished):
            print_json({"event": "progress", **asdict(progress), "seconds_left": progress.seconds_left(now)})
        if job.status != self._status:
            print_json({"event": "status", "status": job.status.value})
        self._status = job.status

    def log(self, line: str) -> None:
        """Print a line of the data-log as an event."""
        print_json({"event": "log", "line": line})

    def say(self, text: str) -> None:
        """Print `text` as an event."""
        say_json(text)

    def close(self) -> None:
        """Nothing is left to do."""


def choose_display(open_console: Callable[[], Console], *, as_json: bool) -> TransformDisplay:
    """The display for where standard output goes."""
    if as_json:
        return EventDisplay()
    console = open_console()
    return BarDisplay(console) if console.is_terminal else LineDisplay()


def outcome_document(job: JobRecord, progress: Progress, output_uri: str, folder: Path) -> dict[str, Any]:
    """A transform job as JSON, with all that is known of it."""
    model = (job.model or {}).get("PrimaryContainer", {})
    return {
        "kind": "transform_job",
        "name": job.name,
        "status": job.status.value,
        "failure_reason": job.failure_reason,
        "image": model.get("Image"),
        "model": model.get("ModelDataUrl"),
        "objects": progress.objects,
        "delivered": progress.delivered,
        "failed": progress.failed,
        "bytes": progress.bytes,
        "output": output_uri,
        "creation_time": job.creation_time,
        "start_time": job.start_time,
        "end_time": job.end_time,
        "folder": str(folder),
    }
