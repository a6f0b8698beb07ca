"""What a serving container and its platform say to each other over HTTP: paths, port, limits, media types, Accept.

Source: SageMaker developer guide, "Custom Inference Code with Hosting Services" and "Use Your Own Inference Code with
Batch Transform"; API reference of sagemaker-runtime.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

PING_PATH = "/ping"
INVOCATIONS_PATH = "/invocations"
EXECUTION_PARAMETERS_PATH = "/execution-parameters"

DEFAULT_PORT = 8080
#: Names the port to listen on in place of the default one; set in pipelines of containers, which share a host.
PORT_VARIABLE = "SAGEMAKER_BIND_TO_PORT"
#: The label by which an image says that it heeds `PORT_VARIABLE`.
PORT_LABEL = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
#: Beside it: ``9001-9100``, from which any other port that a container opens has to be.
SAFE_PORTS_VARIABLE = "SAGEMAKER_SAFE_PORT_RANGE"

#: What InvokeEndpoint takes, and gives, at most: bytes of a body.
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
#: Changes that limit, in mebibytes; 0 stands for no limit. The platform sets it in a transform job that says so.
PAYLOAD_LIMIT_VARIABLE = "SAGEMAKER_MAX_PAYLOAD_IN_MB"
#: ``MaxConcurrentTransforms`` times ``MaxPayloadInMB`` may not be more.
TRANSFORM_PAYLOADS_LIMIT_MB = 100

PING_TIMEOUT_SECONDS = 2.0
INVOCATION_TIMEOUT_SECONDS = 60.0
#: For the whole of an answer that is streamed; its first byte has to come within `INVOCATION_TIMEOUT_SECONDS`. AWS has
#: announced this number, the API reference has none.
STREAM_TIMEOUT_SECONDS = 8 * 60.0
START_UP_TIMEOUT_SECONDS = 8 * 60.0
#: Between SIGTERM and SIGKILL.
STOP_GRACE_SECONDS = 30.0

#: Opaque text that a caller sends along, and that a container may send back.
CUSTOM_ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
PNG = "image/png"
JPEG = "image/jpeg"
#: What SageMaker's image algorithms call an image of whichever format.
ANY_IMAGE = "application/x-image"

#: Other names under which media types travel.
ALIASES: Mapping[str, str] = {
    "application/jsonl": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/csv": CSV,
    "image/jpg": JPEG,
}


class StreamErrorCode(StrEnum):
    """Why an answer that had begun did not come to its end, in InvokeEndpointWithResponseStream's words."""

    MODEL_INVOCATION_TIME_EXCEEDED = "ModelInvocationTimeExceeded"
    STREAM_BROKEN = "StreamBroken"


class BatchStrategy(StrEnum):
    """How many records of a transform job go into one request, as ``/execution-parameters`` spells it."""

    SINGLE_RECORD = "SINGLE_RECORD"
    MULTI_RECORD = "MULTI_RECORD"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionParameters:
    """What a container asks of a transform job that leaves it open; the values here are the platform's own defaults."""

    max_concurrent_transforms: int = 1
    batch_strategy: BatchStrategy = BatchStrategy.MULTI_RECORD
    max_payload_mb: int = 6
    """In mebibytes; 0 stands for no limit."""


def format_execution_parameters(parameters: ExecutionParameters) -> str:
    """The body of an answer to ``GET /execution-parameters``."""
    document = {
        "MaxConcurrentTransforms": parameters.max_concurrent_transforms,
        "BatchStrategy": parameters.batch_strategy,
        "MaxPayloadInMB": parameters.max_payload_mb,
    }
    return json.dumps(document)


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaType:
    """A media type without its aliases, in lower case, and its parameters."""

    name: str
    parameters: Mapping[str, str]


def parse_media_type(text: str) -> MediaType:
    """The media type of a Content-Type header: ``Text/CSV; charset=utf-8`` is ``text/csv`` with one parameter."""
    name, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest if "=" in part)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    name = name.strip().lower()
    return MediaType(name=ALIASES.get(name, name), parameters=parameters)


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str | None:
    """The one of `offered` (the preferred first) that an Accept header likes best, or None where it likes none of them.

    No header, or an empty one, accepts everything. Of several ranges that fit an offer the most specific one counts, so
    ``text/csv;q=0, */*`` takes all but CSV. Source: RFC 9110, section 12.5.1.
    """
    if not accept or not accept.strip():
        return offered[0]
    ranges = [parse_media_type(text) for text in accept.split(",") if text.strip()]
    qualities = {offer: _quality(offer, ranges) for offer in offered}
    best = max(offered, key=lambda offer: qualities[offer])  # of equals the first
    return best if qualities[best] > 0 else None


def _quality(offer: str, ranges: Sequence[MediaType]) -> float:
    major = offer.split("/", maxsplit=1)[0]
    for pattern in (offer, f"{major}/*", "*/*"):
        found = [_weight(media_range) for media_range in ranges if media_range.name == pattern]
        if found:
            return max(found)
    return 0.0


def _weight(media_range: MediaType) -> float:
    try:
        return min(1.0, max(0.0, float(media_range.parameters.get("q", "1"))))
    except ValueError:
        return 0.0
