"""What `algodock metrics test` finds, and how it is shown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
from rich.text import Text

from contracts.metrics import MetricDefinition
from tuner.cli import words
from tuner.cli.screen import console
from tuner.cli.tables import plain_table
from tuner.jobs.metric_scraper import Capture, MetricScraper
from tuner.jobs.metric_suggestion import Suggestion
from tuner.jobs.near_misses import near_misses, reason_for

#: How many near misses of a metric are shown, and how much of a line.
_SHOWN_MISSES = 3
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """A number that was captured, and its line."""

    line: int
    text: str
    capture: Capture


@dataclass(frozen=True, kw_only=True)
class OfMetric:
    """What one definition captures in a log; `misses` are lines in which it seems to be meant, but captures nothing."""

    definition: MetricDefinition
    found: Sequence[Found]
    misses: Sequence[tuple[int, str]]

    @property
    def values(self) -> list[float]:
        """The numbers in the order of the log."""
        return [one.capture.value for one in self.found]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A log that definitions were tried on. `warnings` are of definitions that took too long."""

    lines: int
    metrics: Sequence[OfMetric]
    found: Sequence[Found]
    warnings: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Whether each definition captures something."""
        return all(metric.found for metric in self.metrics)


def examine(definitions: Sequence[MetricDefinition], lines: Sequence[str]) -> Examined:
    """Try `definitions` on a log."""
    scraper = MetricScraper(definitions)
    found = [
        Found(line=one.index + 1, text=lines[one.index], capture=capture)
        for one in scraper.scan("".join(f"{line}\n" for line in lines))
        for capture in one.captures
    ]
    metrics = []
    for definition in definitions:
        mine = [one for one in found if one.capture.metric == definition.name]
        captured = {one.line for one in mine}
        others = ((number, line) for number, line in enumerate(lines, 1) if number not in captured)
        metrics.append(OfMetric(definition=definition, found=mine, misses=list(near_misses(definition, others))))
    return Examined(lines=len(lines), metrics=metrics, found=found, warnings=scraper.warnings)


def print_findings(examined: Examined) -> None:
    """The captures line by line, then what there is of each metric."""
    if examined.found:
        table = plain_table()
        table.add_column("line", justify="right", no_wrap=True)
        table.add_column("metric", overflow="fold")
        table.add_column("value", justify="right", no_wrap=True)
        table.add_column("text", overflow="fold")
        for one in examined.found:
            table.add_row(str(one.line), one.capture.metric, words.number(one.capture.value), _marked(one))
        console().print(table)
    for metric in examined.metrics:
        _print_metric(metric, examined.lines)
    for warning in examined.warnings:
        click.echo(f"Warning: {warning}")


def _marked(found: Found) -> Text:
    """The line with what was captured marked, also where there are no colours."""
    start, end, text = found.capture.start, found.capture.end, found.text
    first = max(0, start - _SHOWN_CHARACTERS // 2)
    last = min(len(text), max(end + 1, first + _SHOWN_CHARACTERS))
    return Text.assemble(
        "... " if first else "",
        text[first:start],
        (f">{text[start:end]}<", "bold green"),
        text[end:last],
        " ..." if last < len(text) else "",
    )


def _print_metric(metric: OfMetric, lines: int) -> None:
    name, values = metric.definition.name, metric.values
    if values:
        click.echo(
            f"{name}: {words.count(len(values), 'number')} in {words.count(lines, 'line')}; first"
            f" {words.number(values[0])}, last {words.number(values[-1])}, least {words.number(min(values))}, greatest"
            f" {words.number(max(values))}"
        )
    else:
        click.echo(f"{name}: nothing is captured in {words.count(lines, 'line')} by {metric.definition.regex}")
    for number, line in metric.misses[:_SHOWN_MISSES]:
        click.echo(f"  meant in line {number}? {line[:_SHOWN_CHARACTERS]}")
        click.echo(f"    {reason_for(line)}")
    if len(metric.misses) > _SHOWN_MISSES:
        click.echo(f"  ... and {words.count(len(metric.misses) - _SHOWN_MISSES, 'more such line')}")


def print_suggestion(target: str, suggestion: Suggestion | None, lines: int) -> None:
    """The pattern that is suggested, as it is written in a job file."""
    if suggestion is None:
        click.echo(
            f"No pattern can be suggested: no number {target}, and none behind that name, stands alone in a line."
        )
        return
    click.echo(f"Suggested for line {suggestion.line}: {suggestion.text[:_SHOWN_CHARACTERS]}")
    click.echo(f"  Regex: '{suggestion.regex.replace(chr(39), chr(39) * 2)}'")
    click.echo(f"It captures numbers in {suggestion.captured_lines} of {words.count(lines, 'line')}.")


def print_document(examined: Examined, suggestion: Suggestion | None) -> None:
    """All of it as JSON."""
    document: dict[str, Any] = {
        "lines": examined.lines,
        "captures": [
            {
                "line": one.line,
                "metric": one.capture.metric,
                "value": one.capture.value,
                "start": one.capture.start,
                "end": one.capture.end,
                "text": one.text,
            }
            for one in examined.found
        ],
        "metrics": [_metric_document(metric) for metric in examined.metrics],
        "warnings": list(examined.warnings),
        "suggestion": None if suggestion is None else asdict(suggestion),
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _metric_document(metric: OfMetric) -> dict[str, Any]:
    values = metric.values
    return {
        "name": metric.definition.name,
        "regex": metric.definition.regex,
        "count": len(values),
        "first": values[0] if values else None,
        "last": values[-1] if values else None,
        "minimum": min(values, default=None),
        "maximum": max(values, default=None),
        "near_misses": [{"line": number, "text": line, "reason": reason_for(line)} for number, line in metric.misses],
    }
