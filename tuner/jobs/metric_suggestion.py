r"""A pattern for a number that somebody has seen in a log, or for a name beside which numbers stand. Pure.

It is anchored by what stands before the number: by as few words of it as tell the number from the others of its line.
Numbers in the anchor are any numbers, so that ``[Epoch 3] loss=0.5`` gives a pattern for all epochs.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from contracts.metrics import MetricDefinition
from tuner.jobs.metric_scraper import MetricScraper

#: A number, as a group: all the forms that a metric can hold.
NUMBER_GROUP = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_NUMBER = re.compile(NUMBER_GROUP)
_ANY_NUMBER = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?"
_PIECES = re.compile(r"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?|[^\W\d]+|\s+|.")
_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")
#: SageMaker's limit on a pattern.
_LONGEST = 500
#: How many of the places with the text are tried.
_TRIED_PLACES = 20
#: How far behind a name its number may stand.
_DISTANCE = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A pattern for what was pointed at in line `line`, which captures numbers in `captured_lines` lines of the log."""

    regex: str
    line: int
    text: str
    captured_lines: int


def suggest(target: str, lines: Sequence[str]) -> Suggestion | None:
    """A pattern for the number `target`, or for the numbers behind the name `target`; None where there is none.

    It compiles, captures what was pointed at, and nothing else in that line.
    """
    for number, line, (start, end) in _places(target, lines):
        for anchor in _anchors(line[:start]):
            pattern = anchor + NUMBER_GROUP
            captures = _captures(pattern, line)
            if len(pattern) <= _LONGEST and captures == [(start, end)]:
                scraper = MetricScraper([MetricDefinition(name="suggested", regex=pattern)])
                found = scraper.scan("".join(f"{text}\n" for text in lines))
                captured = sum(bool(one.captures) for one in found)
                return Suggestion(regex=pattern, line=number, text=line, captured_lines=captured)
    return None


def _places(target: str, lines: Sequence[str]) -> Iterator[tuple[int, str, tuple[int, int]]]:
    """Where the number is that is meant: the line's number, the line, and the place in it."""
    words = [re.escape(word) for word in re.findall(r"\w+", target)]
    if not words:
        return
    name = r"\W*".join(words)
    find: list[Callable[[str], Iterator[tuple[int, int]]]]
    if _NUMBER.fullmatch(target.strip()) is not None:
        find = [partial(_numbers, target.strip())]
    else:  # first as a word of its own: acc is not meant in accuracy where both are there
        patterns = (rf"(?<!\w){name}(?!\w)", name)
        find = [partial(_behind, re.compile(pattern, re.IGNORECASE)) for pattern in patterns]
    for places_in in find:
        found = ((number, line, place) for number, line in enumerate(lines, 1) for place in places_in(line))
        yield from islice(found, _TRIED_PLACES)


def _numbers(target: str, line: str) -> Iterator[tuple[int, int]]:
    """Where the number `target` stands as it was written."""
    for match in _NUMBER.finditer(line):
        if match.group() == target or match.group().lstrip("+-") == target:
            yield match.span()


def _behind(name: re.Pattern[str], line: str) -> Iterator[tuple[int, int]]:
    """Where a number stands closely behind the name."""
    for match in name.finditer(line):
        number = _NUMBER.search(line, match.end())
        if number is not None and number.start() - match.end() <= _DISTANCE:
            yield number.span()


def _anchors(before: str) -> Iterator[str]:
    """Patterns for what stands before a number, beginning at a blank, from the shortest with a word in it on."""
    pieces = _PIECES.findall(before)
    has_word = any(piece[0].isalpha() for piece in pieces)
    for start in range(len(pieces) - 1, -1, -1):
        taken = pieces[start:]
        if start == 0 or (pieces[start - 1].isspace() and any(piece[0].isalpha() for piece in taken)):
            yield ("" if start or has_word else "^") + "".join(map(_pattern_of, taken))
    yield "^" + "".join(map(_pattern_of, pieces))


def _pattern_of(piece: str) -> str:
    if piece.isspace():
        return r"\s+"
    return _ANY_NUMBER if any(character.isdigit() for character in piece) else _SPECIAL.sub(r"\\\1", piece)


def _captures(pattern: str, line: str) -> list[tuple[int, int]]:
    scraper = MetricScraper([MetricDefinition(name="suggested", regex=pattern)])
    return [(capture.start, capture.end) for capture in scraper.captures(line)]
