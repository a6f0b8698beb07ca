"""Lines that look as if a metric was meant, but its pattern captures nothing in them; and why. Pure."""

import re
from collections.abc import Iterable, Iterator

from contracts.metrics import MetricDefinition
from tuner.jobs.required_text import required_text

_WORDS = re.compile(r"[^\W_]+")
_NOT_FINITE = re.compile(r"\b(?:nan|inf(?:inity)?)\b", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])\d+,\d+(?![\d,.])")
_DIGIT = re.compile(r"\d")


def names_of(definition: MetricDefinition) -> tuple[str, ...]:
    """What a line has in it, in small letters, where a metric may be meant: its pattern's plain text, or its name.

    Of a name such as ``validation:accuracy`` the last word counts, which is the one that is printed.
    """
    words = _WORDS.findall(definition.name)
    names = (required_text(definition.regex).strip().lower(), words[-1].lower() if words else "")
    return tuple(dict.fromkeys(name for name in names if len(name) > 1))


def near_misses(definition: MetricDefinition, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Those of `lines`, which it captures nothing in, that name the metric and have a number; with their numbers."""
    names = names_of(definition)
    for number, line in lines:
        lowered = line.lower()
        if any(name in lowered for name in names) and (_DIGIT.search(line) or _NOT_FINITE.search(line)):
            yield number, line


def reason_for(line: str) -> str:
    """The likeliest reason for which nothing is captured in a line that names the metric."""
    if _NOT_FINITE.search(line):
        return "the value is no finite number, which no metric can hold"
    if _DECIMAL_COMMA.search(line):
        return "the number has a decimal comma: print it with a point"
    return "the pattern does not match it: `algodock metrics test` tries patterns on this log"
