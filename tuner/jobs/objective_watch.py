"""Notices, while a job runs, that a metric does not appear, and tells the likeliest reason. Pure.

A search learns nothing from a trial that never prints its objective. Whoever has to wait for the end of a training to
hear of a wrong pattern has lost it; so it is said once, as soon as it is likely.
"""

from collections.abc import Mapping, Sequence

from contracts.metrics import MetricDefinition
from tuner.jobs.log_lines import LineBlock
from tuner.jobs.metric_scraper import LineCaptures
from tuner.jobs.near_misses import names_of, near_misses, reason_for

#: How long a container may print nothing at all, in seconds.
SILENT_SECONDS = 300.0
#: After so many lines, or so many seconds, a line that seems to mean the metric without being captured is told.
MISSED_LINES = 1000
MISSED_SECONDS = 300.0
#: How long a container that prints other things may need for its first value, in seconds.
ABSENT_SECONDS = 1800.0
#: How much of a line is repeated.
_SHOWN_CHARACTERS = 120


class ObjectiveWatch:
    """Waits for the first number of one metric in the log of one container that runs since `started`."""

    def __init__(self, definition: MetricDefinition, started: float) -> None:
        self._definition = definition
        self._started = started
        self._names = names_of(definition)
        self._lines = 0
        self._nearest: tuple[int, str] | None = None
        self._taken_by = ""
        self.is_over = False

    def read(self, lines: LineBlock, found: Sequence[LineCaptures]) -> None:
        """Read further lines, in which the definitions have `found` something."""
        if self.is_over:
            return
        if any(capture.metric == self._definition.name for one in found for capture in one.captures):
            self.is_over = True
            return
        self._lines += len(lines)
        if self._nearest is None and self._may_be_in(lines.text):
            self._look(lines, {one.index: one for one in found})

    def warning(self, now: float) -> str | None:
        """What to tell the owner of the job now, once; None most of the time."""
        if self.is_over:
            return None
        waited = now - self._started
        if (reason := self._reason(waited)) is None:
            return None
        self.is_over = True
        return f"metric {self._definition.name!r} has not appeared after {self._lines:,} lines: {reason}"

    def _may_be_in(self, text: str) -> bool:
        lowered = text.lower()
        return any(name in lowered for name in self._names)

    def _look(self, lines: LineBlock, found: Mapping[int, LineCaptures]) -> None:
        texts = enumerate(lines.text.split("\n")[:-1])
        first = next(near_misses(self._definition, texts), None)
        if first is not None:
            index, text = first
            self._nearest = lines.first + index, text
            others = found[index].captures if index in found else ()
            self._taken_by = others[0].metric if others else ""

    def _reason(self, waited: float) -> str | None:
        if self._lines == 0:
            if waited < SILENT_SECONDS:
                return None
            return (
                f"the container has printed nothing in {waited:.0f} s. Python keeps what it prints back where no"
                " terminal reads it: set PYTHONUNBUFFERED=1 in the image, or print with flush=True"
            )
        if self._nearest is not None:
            if self._lines < MISSED_LINES and waited < MISSED_SECONDS:
                return None
            number, text = self._nearest
            reason = f"the pattern of metric {self._taken_by!r} takes it" if self._taken_by else reason_for(text)
            return f"line {number:,} seems to mean it, but {reason}: {text[:_SHOWN_CHARACTERS]}"
        if waited < ABSENT_SECONDS:
            return None
        return f"no line has {' or '.join(map(repr, self._names)) or 'its name'} and a number in it"
