"""Three ways to show a tuning job while it runs: plain lines, JSON Lines, and (in `tuner.cli.live`) a live view."""

import json
import math
from collections.abc import Callable
from typing import Any, Protocol

import click

from tuner.cli import words
from tuner.cli.events import events_between
from tuner.cli.snapshot import TuningSnapshot


class Display(Protocol):
    """Shows a tuning job while it runs."""

    def show(self, snapshot: TuningSnapshot) -> None:
        """Show how the job stands now."""
        ...

    def say(self, text: str) -> None:
        """Tell something that is no event of a trial."""
        ...

    def close(self) -> None:
        """Leave the screen to what comes after."""
        ...


#: How long an image's pull is silent at least: it reports every layer many times a second.
_SELDOM_SECONDS = 2.0


def seldom(say: Callable[[str], None], clock: Callable[[], float]) -> Callable[[str], None]:
    """`say` for what reports its progress too often: a line is dropped that comes within 2 s of the last."""
    last = -math.inf

    def say_seldom(text: str) -> None:
        nonlocal last
        now = clock()
        if now - last >= _SELDOM_SECONDS:
            last = now
            say(text)

    return say_seldom


def say_json(text: str) -> None:
    """Print `text`, which is for people, as an event."""
    print_json({"event": "message", "text": text})


def print_json(document: dict[str, Any]) -> None:
    """One JSON object on a line of its own, at once."""
    click.echo(json.dumps(document, ensure_ascii=False))


class PlainDisplay:
    """A line an event, with the job's time in front: for files, pipes and logs. No control characters."""

    def __init__(self, first: TuningSnapshot) -> None:
        self._last = first

    def show(self, snapshot: TuningSnapshot) -> None:
        """Print what happened since the last call."""
        for event in events_between(self._last, snapshot):
            click.echo(f"[{words.duration(snapshot.elapsed)}] {event.line}")
        self._last = snapshot

    def say(self, text: str) -> None:
        """Print `text`."""
        click.echo(text)

    def close(self) -> None:
        """Nothing is left to do."""


class JsonDisplay:
    """A JSON object an event."""

    def __init__(self, first: TuningSnapshot) -> None:
        self._last = first

    def show(self, snapshot: TuningSnapshot) -> None:
        """Print what happened since the last call."""
        for event in events_between(self._last, snapshot):
            print_json({"time": snapshot.now, **event.document})
        self._last = snapshot

    def say(self, text: str) -> None:
        """Print `text` as an event of its own."""
        say_json(text)

    def close(self) -> None:
        """Nothing is left to do."""
