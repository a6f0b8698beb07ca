"""Metric definitions applied to lines. Pure, but for the time limit on a regular expression.

Every non-overlapping match in a line counts, in order; the first group that took part is the value; what is no finite
number is no observation (`contracts.metrics.parse_metric_value`). Both streams are searched.

A pattern is the user's, the line is the container's: together they can make a backtracking engine search for ages.
Each search has MATCH_SECONDS; a definition that needs more is switched off for the rest of the job.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from contracts.metrics import MetricDefinition, parse_metric_value

#: The time that one definition may take for one line: a thousand times what a sane one needs for a long line.
MATCH_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """A number that a metric's regex captured in a line; `match` counts a metric's matches within the line from 0."""

    metric: str
    match: int
    value: float


@dataclass(frozen=True, slots=True)
class _Search:
    metric: str
    pattern: "regex.Pattern[str]"


class MetricScraper:
    """Finds the metrics of one job in its lines. `warnings` says which definitions were switched off, and why.

    Raises regex.error for a pattern that does not compile; validation has refused such a job long before.
    """

    def __init__(self, definitions: Sequence[MetricDefinition]) -> None:
        self._searches = [_Search(definition.name, regex.compile(definition.regex)) for definition in definitions]
        self.warnings: list[str] = []

    def captures(self, text: str) -> list[Capture]:
        """What the definitions capture in one line."""
        found: list[Capture] = []
        for search in list(self._searches):
            try:
                found.extend(_captures(search, text))
            except TimeoutError:
                self._searches.remove(search)
                self.warnings.append(
                    f"the regular expression of metric {search.metric!r} took more than {MATCH_SECONDS:g} s on one line"
                    f" of {len(text):,} characters and is off for the rest of the job: write it so that it need not"
                    " try again and again, for example without a repeat inside a repeat"
                )
        return found


def _captures(search: _Search, text: str) -> Iterator[Capture]:
    number = 0
    for match in search.pattern.finditer(text, timeout=MATCH_SECONDS):
        captured = next((group for group in match.groups() if group is not None), None)
        value = None if captured is None else parse_metric_value(captured)
        if value is not None:
            yield Capture(metric=search.metric, match=number, value=value)
            number += 1
