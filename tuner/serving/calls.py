"""What the platform asks a served model over HTTP: pings and invocations.

Source: SageMaker developer guide, "Custom Inference Code with Hosting Services"; API reference, InvokeEndpoint
and InvokeEndpointWithResponseStream.
"""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.serving import (
    CUSTOM_ATTRIBUTES_HEADER,
    INVOCATION_TIMEOUT_SECONDS,
    INVOCATIONS_PATH,
    PAYLOAD_LIMIT_BYTES,
    PING_PATH,
    PING_TIMEOUT_SECONDS,
    STREAM_TIMEOUT_SECONDS,
    StreamErrorCode,
)
from tuner.engine.protocol import Address
from tuner.serving.errors import InvalidInvocation, ModelError, ModelStreamError
from tuner.serving.http_requests import RequestTimedOut, message_of, request, words_of

_OK = 200
_MAX_HEADER_LENGTH = 1024
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Ping:
    """What became of one ping. `trouble` says why the container is not healthy, and is empty where it is.

    `connected` says whether anything answered at all.
    """

    trouble: str = ""
    connected: bool = True

    @property
    def is_healthy(self) -> bool:
        """Whether the answer was 200: only that counts, whatever the body says."""
        return not self.trouble


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a container answered to an invocation."""

    body: bytes
    content_type: str | None
    custom_attributes: str | None = None


def ping(address: Address, seconds: float = PING_TIMEOUT_SECONDS) -> Ping:
    """Ask ``GET /ping`` once, for at most `seconds`."""
    try:
        with request(address, "GET", PING_PATH, seconds) as exchange:
            status = exchange.response.status
    except RequestTimedOut:
        return Ping(trouble=f"{PING_PATH} did not answer within {seconds:g} s")
    except (OSError, http.client.HTTPException) as error:
        # The engine accepts connections to a published port itself, and drops them where nothing listens behind it.
        return Ping(trouble=f"nothing that speaks HTTP answered ({words_of(error)})", connected=False)
    return Ping() if status == _OK else Ping(trouble=f"{PING_PATH} answered {status} instead of 200")


def invoke(
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float = INVOCATION_TIMEOUT_SECONDS,
    *,
    path: str = INVOCATIONS_PATH,
) -> Answer:
    """Send `body` to ``POST /invocations`` and return the answer, as InvokeEndpoint does.

    Raises InvalidInvocation where `body` is larger than 6 MiB, or a header is not up to 1024 visible ASCII characters;
    ModelError where the container answers with anything but 2xx, with more than 6 MiB, not within `seconds`, or not at
    all. `path`: a model of several is invoked at another one.
    """
    check_invocation(body, headers)
    with _as_model_errors(seconds), request(address, "POST", path, seconds, body=body, headers=headers) as exchange:
        response = exchange.response
        content = response.read(PAYLOAD_LIMIT_BYTES + 1)
        missing = response.length  # None where the answer does not say how long it is
        status, content_type = response.status, response.headers.get("Content-Type")
        attributes = response.headers.get(CUSTOM_ATTRIBUTES_HEADER)
    if not _is_success(status):
        raise ModelError(status, message_of(content))
    if len(content) > PAYLOAD_LIMIT_BYTES:
        raise ModelError(status, f"The answer is larger than {PAYLOAD_LIMIT_BYTES} bytes, the limit of InvokeEndpoint.")
    if missing:
        raise ModelError(status, f"The answer ended {missing} bytes before the length that it announced.")
    return Answer(body=content, content_type=content_type, custom_attributes=attributes)


def invoke_with_response_stream(
    address: Address,
    body: bytes,
    headers: Mapping[str, str],
    *,
    first_seconds: float = INVOCATION_TIMEOUT_SECONDS,
    seconds: float = STREAM_TIMEOUT_SECONDS,
) -> Iterator[bytes]:
    """Send `body` to ``POST /invocations``; give the answer in pieces as they come, as the API of that name does.

    The first one has to come within `first_seconds`, the last one `seconds` later. Until there is a piece it raises
    what `invoke` raises, from then on ModelStreamError.
    """
    check_invocation(body, headers)
    has_begun = False
    try:
        with request(address, "POST", INVOCATIONS_PATH, first_seconds, body=body, headers=headers) as exchange:
            response = exchange.response
            if not _is_success(response.status):
                raise ModelError(response.status, message_of(response.read(PAYLOAD_LIMIT_BYTES)))
            while piece := response.read1(_PIECE_BYTES):
                if not has_begun:
                    has_begun = True
                    exchange.limit.restart(seconds)
                yield piece
            missing = response.length
    except (RequestTimedOut, OSError, http.client.HTTPException) as error:
        if has_begun:
            raise _stream_error(error, seconds) from error
        with _as_model_errors(first_seconds):
            raise
    if missing:
        raise ModelStreamError(
            StreamErrorCode.STREAM_BROKEN, f"The answer ended {missing} bytes before the length that it announced."
        )


def check_invocation(body: bytes, headers: Mapping[str, str]) -> None:
    """Raise InvalidInvocation for a body of more than 6 MiB, or a header of more than 1024 visible ASCII characters."""
    for name, value in headers.items():
        if len(value) > _MAX_HEADER_LENGTH or not (value.isascii() and value.isprintable()):
            raise InvalidInvocation(f"{name} has to be at most {_MAX_HEADER_LENGTH} visible ASCII characters")
    if len(body) > PAYLOAD_LIMIT_BYTES:
        raise InvalidInvocation(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less"
            f" than or equal to {PAYLOAD_LIMIT_BYTES}"
        )


@contextmanager
def _as_model_errors(seconds: float) -> Iterator[None]:
    try:
        yield
    except RequestTimedOut as error:
        raise ModelError(
            0, f"Your invocation timed out while waiting for a response from container primary ({seconds:g} s)."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(0, f"The container closed the connection without an answer: {words_of(error)}") from error


def _stream_error(error: Exception, seconds: float) -> ModelStreamError:
    if isinstance(error, RequestTimedOut):
        return ModelStreamError(
            StreamErrorCode.MODEL_INVOCATION_TIME_EXCEEDED,
            f"The model failed to finish sending the response within the timeout period ({seconds:g} s).",
        )
    return ModelStreamError(
        StreamErrorCode.STREAM_BROKEN,
        f"The connection to the model was reset or closed before the end of the response: {words_of(error)}",
    )


def _is_success(status: int) -> bool:
    return _OK <= status < 300  # noqa: PLR2004 - HTTP's classes
