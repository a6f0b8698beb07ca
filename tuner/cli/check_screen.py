"""How `algodock check` shows items, progress and results to people."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from tuner.cli import words
from tuner.cli.screen import console
from tuner.cli.tables import plain_table
from tuner.conformance.checklist import Item, Severity
from tuner.conformance.documents import Report
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Progress as Told

_CELL = 70


@contextmanager
def progress() -> Iterator[Told]:
    """Shows how far a check is, on standard error: a bar in a terminal, a line a run elsewhere."""
    if not sys.stderr.isatty():
        yield lambda made, planned, what: click.echo(f"[{made} of {planned}] {what}", err=True)
        return
    columns = (TextColumn("Checking"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True, markup=False), transient=True) as bar:
        task = bar.add_task("the good case", total=None)
        yield lambda made, planned, what: bar.update(task, completed=made, total=planned, description=what)


def print_items(items: Sequence[Item]) -> None:
    """The checklist as a table."""
    table = plain_table("item", "severity", "rule", "this version")
    for item in items:
        table.add_row(item.id, item.weight, item.title, item.not_run or "runs it")
    console().print(table)
    run = sum(not item.not_run for item in items)
    click.echo(f"{words.count(len(items), 'item')}, of which this version runs {run}.")


def print_item(item: Item) -> None:
    """One item in full."""
    click.echo(f"{item.id}: {item.title}")
    click.echo(f"  severity: {item.weight}")
    click.echo(f"  sent:     {item.sent}")
    click.echo(f"  expected: {item.expected}")
    if item.mend:
        click.echo(f"  to mend:  {item.mend}")
    if item.not_run:
        click.echo(f"  not run:  {item.not_run}")


def print_report(report: Report) -> None:
    """The results as a table, and below it every failure in full."""
    table = plain_table("", "item", "rule", "what came back")
    for one in report.results:
        if not one.item.not_run:
            table.add_row(_mark(one), one.item.id, one.item.title, _short(one.came))
    console().print(table)
    for one in (*report.broken, *report.warnings):
        click.echo(f"{_mark(one)}: {one.item.id}: {one.item.title} ({one.item.weight})")
        click.echo(f"  sent:      {one.sent}")
        click.echo(f"  expected:  {one.item.expected}")
        click.echo(f"  came back: {one.came}")
        click.echo(f"  to mend:   {one.item.mend}\n")
    unrun = sum(bool(one.item.not_run) for one in report.results)
    if unrun:
        click.echo(f"{words.count(unrun, 'item')} are not run by this version; `algodock check --list` says why.")
    keeps = "breaks" if report.broken else "keeps"
    click.echo(f"{report.image} {keeps} the container contract: {report.summary}.")


def _short(text: str) -> str:
    """Enough for a table; failures are told in full below it."""
    return text if len(text) <= _CELL else text[: _CELL - 3] + "..."


def _mark(result: Result) -> Text:
    if result.outcome is Outcome.PASS:
        return Text("pass", style="green")
    if result.outcome is Outcome.NOT_APPLICABLE:
        return Text("n/a", style="dim")
    return Text("FAIL", style="red") if result.item.severity is Severity.MUST else Text("warn", style="yellow")
