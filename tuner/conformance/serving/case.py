"""What the author of an image says it serves: a model, payloads that it can answer, and what it claims to do."""

import json
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


def variants(payload: Payload) -> Iterator[Payload]:
    """Bodies with the same record twice and three times, where the format is known to take several."""
    for count in (2, 3):
        body = _repeated(payload, count)
        if body is not None:
            yield Payload(body=body, content_type=payload.content_type)


def _repeated(payload: Payload, count: int) -> bytes | None:
    if payload.media_type in (CSV, JSON_LINES):
        return b"\n".join([payload.body.rstrip(b"\r\n")] * count)
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
    body = payload.body
    if payload.media_type == JSON:
        filled = body + b" " * max(0, PAYLOAD_LIMIT_BYTES - len(body))
    elif payload.media_type in (CSV, JSON_LINES):
        record = body.rstrip(b"\r\n")
        filled = b"\n".join([record] * max(1, (PAYLOAD_LIMIT_BYTES + 1) // (len(record) + 1)))
    else:
        return None
    return Payload(body=filled[:PAYLOAD_LIMIT_BYTES], content_type=payload.content_type)
