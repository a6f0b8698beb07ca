"""What the platform asks a served model over HTTP: pings and invocations.

Source: SageMaker developer guide, "Custom Inference Code with Hosting Services"; API reference, InvokeEndpoint.
"""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from contracts.serving import (
    INVOCATION_TIMEOUT_SECONDS,
    INVOCATIONS_PATH,
    PAYLOAD_LIMIT_BYTES,
    PING_PATH,
    PING_TIMEOUT_SECONDS,
)
from tuner.engine.protocol import Address
from tuner.errors import ValidationError
from tuner.jobs.log_lines import printable
from tuner.serving.errors import ModelError

#: How much of what a container says with an error is shown.
_MESSAGE_BYTES = 4096
_OK = 200
_MAX_HEADER_LENGTH = 1024


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


def ping(address: Address, seconds: float = PING_TIMEOUT_SECONDS) -> Ping:
    """Ask ``GET /ping`` once, for at most `seconds`."""
    try:
        with _request(address, "GET", PING_PATH, seconds) as response:
            status = response.status
    except _TimedOutError:
        return Ping(trouble=f"{PING_PATH} did not answer within {seconds:g} s")
    except (OSError, http.client.HTTPException) as error:
        # The engine accepts connections to a published port itself, and drops them where nothing listens behind it.
        return Ping(trouble=f"nothing that speaks HTTP answered ({_words(error)})", connected=False)
    return Ping() if status == _OK else Ping(trouble=f"{PING_PATH} answered {status} instead of 200")


def invoke(
    address: Address, body: bytes, headers: Mapping[str, str], seconds: float = INVOCATION_TIMEOUT_SECONDS
) -> Answer:
    """Send `body` to ``POST /invocations`` and return the answer, as InvokeEndpoint does.

    Raises ValidationError where `body` is larger than 6 MiB, or a header is not up to 1024 visible ASCII characters;
    ModelError where the container answers with anything but 2xx, with more than 6 MiB, not within `seconds`, or not at
    all.
    """
    for name, value in headers.items():
        if len(value) > _MAX_HEADER_LENGTH or not (value.isascii() and value.isprintable()):
            raise ValidationError(f"{name} has to be at most {_MAX_HEADER_LENGTH} visible ASCII characters")
    if len(body) > PAYLOAD_LIMIT_BYTES:
        raise ValidationError(
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less"
            f" than or equal to {PAYLOAD_LIMIT_BYTES}"
        )
    try:
        with _request(address, "POST", INVOCATIONS_PATH, seconds, body=body, headers=headers) as response:
            content = response.read(PAYLOAD_LIMIT_BYTES + 1)
            missing = response.length  # None where the answer does not say how long it is
            status, content_type = response.status, response.headers.get("Content-Type")
    except _TimedOutError as error:
        raise ModelError(
            0, f"Your invocation timed out while waiting for a response from container primary ({seconds:g} s)."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise ModelError(0, f"The container closed the connection without an answer: {_words(error)}") from error
    if not _OK <= status < 300:  # noqa: PLR2004 - HTTP's classes
        raise ModelError(status, _message(content))
    if len(content) > PAYLOAD_LIMIT_BYTES:
        raise ModelError(status, f"The answer is larger than {PAYLOAD_LIMIT_BYTES} bytes, the limit of InvokeEndpoint.")
    if missing:
        raise ModelError(status, f"The answer ended {missing} bytes before the length that it announced.")
    return Answer(body=content, content_type=content_type)


class _TimedOutError(Exception):
    """The time for one request was over."""


@contextmanager
def _request(
    address: Address,
    method: str,
    path: str,
    seconds: float,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """One request on a connection of its own, over when the block is; raises _TimedOutError after `seconds` in all.

    A socket's own time limit counts from one byte to the next: who sends a byte a second would never be late.
    """
    is_over = threading.Event()
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)

    def cut(opened: socket.socket) -> None:
        is_over.set()
        with suppress(OSError):  # it was closed in this very moment
            opened.shutdown(socket.SHUT_RDWR)

    timer: threading.Timer | None = None
    try:
        connection.connect()
        timer = threading.Timer(seconds, cut, (connection.sock,))
        timer.daemon = True
        timer.start()
        with suppress(BrokenPipeError):  # refused before it has all come, perhaps with an answer
            connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as response:
            yield response
    except (OSError, http.client.HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise _TimedOutError from error
        raise
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()
    if is_over.is_set():  # what ended then was cut off by us
        raise _TimedOutError


def _message(content: bytes) -> str:
    text = content[:_MESSAGE_BYTES].decode(errors="replace").strip()
    return "\n".join(printable(line) for line in text.splitlines()) + (" ..." if len(content) > _MESSAGE_BYTES else "")


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
