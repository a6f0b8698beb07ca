r"""Metric definitions applied to lines. Pure, but for the time limit on a regular expression.

Every non-overlapping match in a line counts, in order; the first group that took part is the value; what is no finite
number is no observation (`contracts.metrics.parse_metric_value`). Both streams are searched.

A pattern is the user's, the line is the container's: together they can make a backtracking engine search for ages.
Each search has MATCH_SECONDS; a definition that needs more is switched off for the rest of the job.

A pattern is always searched for in one line, never in a text of many: ``\s``, ``[^,]`` and look-around would see the
lines around it. What makes it fast is that few lines are searched at all, only those with the text in them that the
pattern requires.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex

from contracts.metrics import MetricDefinition, parse_metric_value
from tuner.jobs.required_text import required_text

#: The time that one definition may take for one line: a thousand times what a sane one needs for a long line.
MATCH_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """A number that a metric's regex captured in a line; `match` counts a metric's matches within the line from 0.

    `start` and `end` are where the captured text is in the line.
    """

    metric: str
    match: int
    value: float
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LineCaptures:
    """What the definitions found in one line, the `index`-th of its text from 0.

    Without captures where no match held a number.
    """

    index: int
    captures: Sequence[Capture]


@dataclass(frozen=True, slots=True)
class _Search:
    metric: str
    pattern: "regex.Pattern[str]"
    required: str


class MetricScraper:
    """Finds the metrics of one job in its lines. `warnings` says which definitions were switched off, and why.

    Raises regex.error for a pattern that does not compile; validation has refused such a job long before.
    """

    def __init__(self, definitions: Sequence[MetricDefinition]) -> None:
        self._searches = [
            _Search(definition.name, regex.compile(definition.regex), required_text(definition.regex))
            for definition in definitions
        ]
        self.warnings: list[str] = []

    def captures(self, line: str) -> list[Capture]:
        """What the definitions capture in one line."""
        return [capture for found in self.scan(f"{line}\n") for capture in found.captures]

    def scan(self, text: str) -> list[LineCaptures]:
        """The lines of `text` that a definition matches, in order; each line has a newline at its end."""
        found: dict[int, list[Capture]] = {}
        lines: list[str] | None = None
        for search in list(self._searches):
            if search.required:
                candidates = _lines_with(text, search.required)
            else:
                lines = lines if lines is not None else text.split("\n")[:-1]
                candidates = enumerate(lines)
            self._search(search, candidates, found)
        return [LineCaptures(index=index, captures=found[index]) for index in sorted(found)]

    def _search(self, search: _Search, candidates: Iterator[tuple[int, str]], found: dict[int, list[Capture]]) -> None:
        for index, line in candidates:
            try:
                captures = _captures(search, line)
            except TimeoutError:
                self._searches.remove(search)
                self.warnings.append(
                    f"the regular expression of metric {search.metric!r} took more than {MATCH_SECONDS:g} s on one line"
                    f" of {len(line):,} characters and is off for the rest of the job: write it so that it need not"
                    " try again and again, for example without a repeat inside a repeat"
                )
                return
            if captures is not None:
                found.setdefault(index, []).extend(captures)


def _captures(search: _Search, line: str) -> list[Capture] | None:
    """What one definition captures in a line; None where it does not match."""
    captures: list[Capture] | None = None
    for match in search.pattern.finditer(line, timeout=MATCH_SECONDS):
        captures = [] if captures is None else captures
        group = next((number for number, text in enumerate(match.groups(), 1) if text is not None), None)
        value = None if group is None else parse_metric_value(match.group(group))
        if group is not None and value is not None:
            captures.append(
                Capture(
                    metric=search.metric,
                    match=len(captures),
                    value=value,
                    start=match.start(group),
                    end=match.end(group),
                )
            )
    return captures


def _lines_with(text: str, required: str) -> Iterator[tuple[int, str]]:
    """The lines of `text` with `required` in them, and their indices."""
    index = counted = 0
    place = text.find(required)
    while place >= 0:
        start = text.rfind("\n", 0, place) + 1
        end = text.index("\n", place)
        index += text.count("\n", counted, start)
        counted = start
        yield index, text[start:end]
        place = text.find(required, end)
