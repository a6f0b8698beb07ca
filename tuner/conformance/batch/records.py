"""Records of lines, as a transform job that splits its input sends them, and what answers to them are. Pure."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.serving import CSV, JSON, JSON_LINES, parse_media_type
from tuner.conformance.serving.case import MARKER, ServedCase, Table, table_of

#: What answers may be asked for so that each record's is a line; the request's own type is tried first.
_TYPES_OF_LINES = (CSV, JSON_LINES, "text/plain")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: How far apart two answers to one record may be, relatively and absolutely: sums in another order differ a little.
_TOLERANCE = 1e-3
#: So many records are sent at once where it is about their order.
_MOST_RECORDS = 8
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """Records of one media type, each a line without its end.

    `header` is the line before them that names the columns: an image that needs one cannot be sent a record alone.
    """

    media_type: str
    lines: tuple[bytes, ...]
    header: bytes | None = None

    def joined(self, end: bytes = b"\n") -> bytes:
        """All of them, with a line end between two."""
        return end.join(self.lines)

    def several(self) -> "Records":
        """As many as an order can be seen in: a single record is sent three times."""
        lines = self.lines if len(self.lines) > 1 else self.lines * 3
        return Records(media_type=self.media_type, lines=lines[:_MOST_RECORDS])

    def with_a_bad_one(self, bad: bytes | None) -> "Records":
        """`bad` between good ones; without one given, a line that is nothing of this media type."""
        made = f'"{MARKER}{{,,'.encode() if bad is None else bad.strip(b"\r\n")
        lines = self.several().lines
        return Records(media_type=self.media_type, lines=(lines[0], made, *lines[1:]))

    def filling(self, mebibytes: int) -> bytes:
        """As many whole records as go into so many mebibytes, the header before them; at least one."""
        table = Table(header=self.header, records=self.lines, end=b"\n")
        return table.filling(mebibytes * MEBIBYTE, self.lines[:1])


def records_of(case: ServedCase) -> Records | None:
    """The records in the first payload that is made of lines; None where there is none."""
    for payload in case.payloads:
        table = table_of(payload)
        if table is not None and table.records:
            return Records(media_type=payload.media_type, lines=table.records, header=table.header)
    return None


def accepts(records: Records, case: ServedCase) -> Iterator[str | None]:
    """Accept headers to be tried, the likeliest to give lines first; None stands for no header."""
    claimed = [name for name in case.accepts if parse_media_type(name).name in _TYPES_OF_LINES]
    yield from dict.fromkeys((*claimed, records.media_type, *_TYPES_OF_LINES))
    yield None


def answers_in(body: bytes) -> list[str]:
    """The answers in a body, one a line; blank lines are none."""
    return [line for line in body.decode(errors="replace").splitlines() if line.strip()]


def is_document(body: bytes) -> bool:
    """Whether a body is one JSON array or object, on however many lines."""
    try:
        return isinstance(json.loads(body), list | dict)
    except ValueError:
        return False


def says_lines(content_type: str) -> bool:
    """Whether a type is one of lines by its name."""
    return parse_media_type(content_type).name in (CSV, JSON_LINES)


def is_lines(content_type: str) -> bool:
    """Whether answers of this type are lines: JSON as a whole is not."""
    return parse_media_type(content_type).name != JSON


def alike(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two lists of answers are the same, but for the last digits of their numbers."""
    return len(first) == len(second) and all(map(_alike, first, second))


def _alike(first: str, second: str) -> bool:
    if first == second:
        return True
    if _NUMBER.sub("#", first) != _NUMBER.sub("#", second):
        return False
    pairs = zip(_NUMBER.findall(first), _NUMBER.findall(second), strict=True)
    return all(math.isclose(float(one), float(other), rel_tol=_TOLERANCE, abs_tol=_TOLERANCE) for one, other in pairs)
