"""What the author of an image says it serves: a model, payloads that it can answer, and what it claims to do."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from contracts.multi_model import MULTI_MODEL_LABEL
from contracts.serving import (
    CSV,
    INVOCATIONS_PATH,
    JSON,
    JSON_LINES,
    PAYLOAD_LIMIT_BYTES,
    PORT_LABEL,
    parse_media_type,
)
from tuner.conformance.serving.http_calls import Call
from tuner.engine.protocol import ImageFacts

#: The label by which an image says that it streams both ways, over a WebSocket.
BIDIRECTIONAL_LABEL = "com.amazonaws.sagemaker.capabilities.bidirectional-streaming"
#: Part of each body that is malformed on purpose: what of a payload gets into a log is found by it.
MARKER = "algodock-malformed-5f2c"
_BETWEEN_CELLS = re.compile(rb"[,;\t]")


class ServingClaim(StrEnum):
    """What an author claims of an image, so that the items about it apply."""

    BIDIRECTIONAL = "bidirectional"
    MULTI_MODEL = "multi-model"
    PIPELINE = "pipeline"
    STREAMING = "streaming"


#: The label by which an image claims the same.
LABELS: Mapping[ServingClaim, str] = {
    ServingClaim.BIDIRECTIONAL: BIDIRECTIONAL_LABEL,
    ServingClaim.MULTI_MODEL: MULTI_MODEL_LABEL,
    ServingClaim.PIPELINE: PORT_LABEL,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """A request's body, and as what it is sent."""

    body: bytes
    content_type: str

    @property
    def media_type(self) -> str:
        """Its content type without parameters."""
        return parse_media_type(self.content_type).name

    def call(self, *, path: str = INVOCATIONS_PATH, seconds: float, **headers: str) -> Call:
        """The request; `headers` with ``_`` for ``-``."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Call(
            method="POST",
            path=path,
            body=self.body,
            headers={"Content-Type": self.content_type, **more},
            seconds=seconds,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedCase:
    """An image and what it can serve.

    `model` is a folder of this host, or an archive; `other_model` a second one, that answers differently. `payloads`
    are requests that the image can answer, the first the usual one. `accepts` are the media types that it can answer
    with. `malformed` and `failing` are bodies of the first payload's type: one that the image must refuse (without it
    one is made from the payload), and one that makes its model fail. `large` is one of about 6 MiB.
    """

    image: str
    model: Path | None = None
    other_model: Path | None = None
    payloads: tuple[Payload, ...] = ()
    accepts: tuple[str, ...] = ()
    malformed: bytes | None = None
    failing: bytes | None = None
    large: bytes | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    claims: frozenset[ServingClaim] = frozenset()

    def claimed(self, image: ImageFacts) -> frozenset[ServingClaim]:
        """What is claimed here, or by the image's labels."""
        by_label = {claim for claim, label in LABELS.items() if has_label(image, label)}
        return self.claims | by_label


def has_label(image: ImageFacts, label: str) -> bool:
    """Whether an image says yes by a label."""
    return image.labels.get(label, "").strip().lower() == "true"


def malformed(payload: Payload) -> Payload:
    """A body that is not what its content type says: the first half of a good one, and bytes that are no text."""
    half = payload.body[: len(payload.body) // 2]
    return Payload(body=half + b'\xff\xfe\x00"{[' + MARKER.encode() + b"\n", content_type=payload.content_type)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The lines of a payload, without their ends: a header that names columns, where there is one, and records."""

    header: bytes | None
    records: tuple[bytes, ...]
    end: bytes

    def repeated(self, count: int) -> bytes:
        """The header once, and behind it all records `count` times."""
        head = () if self.header is None else (self.header,)
        return self.end.join((*head, *self.records * count))

    def filling(self, size: int, records: tuple[bytes, ...]) -> bytes:
        """The header, and behind it `records` as often as they go into `size` bytes; at least once."""
        head = b"" if self.header is None else self.header + self.end
        block = self.end.join(records) + self.end
        return head + block * max(1, (size - len(head)) // len(block))


def table_of(payload: Payload) -> Table | None:
    """The table in a payload made of lines; None for any other.

    A first line is a header where none of its cells is a number, and each later line has one that is.
    """
    if payload.media_type not in (CSV, JSON_LINES):
        return None
    lines = tuple(line for line in payload.body.splitlines() if line.strip())
    end = b"\r\n" if b"\r\n" in payload.body else b"\n"
    has_header = payload.media_type == CSV and len(lines) > 1 and not _has_number(lines[0])
    if has_header and all(map(_has_number, lines[1:])):
        return Table(header=lines[0], records=lines[1:], end=end)
    return Table(header=None, records=lines, end=end)


def _has_number(line: bytes) -> bool:
    return any(_is_number(cell.strip(b" \"'")) for cell in _BETWEEN_CELLS.split(line))


def _is_number(cell: bytes) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def variants(payload: Payload) -> Iterator[Payload]:
    """Bodies with the same record twice and three times, where the format is known to take several."""
    for count in (2, 3):
        body = _repeated(payload, count)
        if body is not None:
            yield Payload(body=body, content_type=payload.content_type)


def _repeated(payload: Payload, count: int) -> bytes | None:
    table = table_of(payload)
    if table is not None:
        return table.repeated(count) if table.records else None
    if payload.media_type == JSON:
        try:
            document = json.loads(payload.body)
        except ValueError:
            return None
        if isinstance(document, list):
            return json.dumps(document * count).encode()
        if isinstance(document, dict) and isinstance(document.get("instances"), list):
            return json.dumps({**document, "instances": document["instances"] * count}).encode()
    return None


def large(payload: Payload) -> Payload | None:
    """`payload` made 6 MiB long where its format says how: spaces after JSON, further records of lines; else None."""
    table = table_of(payload)
    if payload.media_type == JSON:
        filled = payload.body.ljust(PAYLOAD_LIMIT_BYTES)
    elif table is not None and table.records:
        filled = table.filling(PAYLOAD_LIMIT_BYTES, table.records)
    else:
        return None
    return Payload(body=filled[:PAYLOAD_LIMIT_BYTES], content_type=payload.content_type)
