"""HTTP calls to a container, and what came back, as values: a check shows both.

The standard library's client is used as it is: nothing is retried, followed, added or decoded.
"""

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from contracts.serving import INVOCATION_TIMEOUT_SECONDS, PING_PATH, PING_TIMEOUT_SECONDS
from tuner.engine.protocol import Address

#: No container may answer with more, in bytes; what is beyond is not read.
MOST_BYTES = 128 * 1024 * 1024
_PIECE_BYTES = 64 * 1024
_SHOWN_BYTES = 120
_OK, _MULTIPLE_CHOICES = 200, 300
_SERVER_ERROR, _BEYOND_SERVER_ERROR = 500, 600
_CLIENT_ERROR = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request. `seconds` is how long its whole answer may take; `is_chunked`: the body has no stated length."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = INVOCATION_TIMEOUT_SECONDS
    is_chunked: bool = False

    @property
    def words(self) -> str:
        """What is sent, in a line for people."""
        text = f"{self.method} {self.path}"
        if self.body is not None:
            kind = next((value for name, value in self.headers.items() if name.lower() == "content-type"), "no type")
            text += f" with {len(self.body):,} bytes of {kind}" + (", chunked" if self.is_chunked else "")
        others = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != "content-type"]
        return text + "".join(f"; {other}" for other in others)


PING = Call(method="GET", path=PING_PATH, seconds=PING_TIMEOUT_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back. `status` is None where no whole answer did; `trouble` says why.

    `headers` have names in lower case. `seconds` is when the answer was whole, `first_seconds` when the first byte of
    its body came, both since the call began; `pieces` are how many the body came in; `ends_connection` says whether the
    container closes the connection after it, `is_late` whether the call's time was over.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    first_seconds: float | None = None
    pieces: int = 0
    ends_connection: bool = True
    trouble: str = ""
    is_late: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the status is 2xx."""
        return self.status is not None and _OK <= self.status < _MULTIPLE_CHOICES

    @property
    def is_refusal(self) -> bool:
        """Whether the status is 4xx: the caller's fault."""
        return self.status is not None and _CLIENT_ERROR <= self.status < _SERVER_ERROR

    @property
    def is_failure(self) -> bool:
        """Whether the status is 5xx: the container's own fault."""
        return self.status is not None and _SERVER_ERROR <= self.status < _BEYOND_SERVER_ERROR

    @property
    def content_type(self) -> str:
        """What the answer says it is; empty where it does not say."""
        return self.headers.get("content-type", "")

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        if self.status is None:
            return f"no answer: {self.trouble}"
        kind = f" of {self.content_type}" if self.content_type else ""
        text = f"{self.status} after {self.seconds:.2f} s, {len(self.body):,} bytes{kind}"
        if self.body and not self.is_good:
            text += f": {_beginning(self.body)!r}"
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A call and its reply."""

    call: Call
    reply: Reply

    @property
    def words(self) -> str:
        """Both, in a line for people."""
        return f"{self.call.words}: {self.reply.words}"


class Connection:
    """A connection to a container, for one call or several; opened at the first.

    Without an address the container has ended: there is no answer to any call.
    """

    def __init__(self, address: Address | None) -> None:
        self._has_ended = address is None
        host, port = ("", 0) if address is None else (address.host, address.port)
        self._connection = http.client.HTTPConnection(host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def send(self, call: Call) -> Reply:
        """Make `call` and read the whole answer; whatever goes wrong is told in the reply."""
        if self._has_ended:
            return Reply(trouble="the container has ended")
        began = time.monotonic()
        connection = self._connection
        connection.timeout = call.seconds
        late = threading.Event()

        def cut() -> None:
            """End the call: a socket's own limit begins anew with each byte."""
            late.set()
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(call.seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            reply = self._exchanged(call, began)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            is_late = late.is_set() or isinstance(error, TimeoutError)
            text = f"nothing within {call.seconds:g} s" if is_late else str(error) or type(error).__name__
            reply = Reply(trouble=text, seconds=time.monotonic() - began, is_late=is_late)
        finally:
            timer.cancel()
        if late.is_set() and not reply.is_late:  # what ended then was cut off by us
            text = f"no whole answer within {call.seconds:g} s"
            reply = Reply(trouble=text, seconds=time.monotonic() - began, is_late=True)
        return reply

    def _exchanged(self, call: Call, began: float) -> Reply:
        connection = self._connection
        body: bytes | Iterator[bytes] | None = call.body
        if call.is_chunked and call.body is not None:
            body = _pieces(call.body)
        with suppress(BrokenPipeError):  # refused before it has all come, perhaps with an answer
            connection.request(call.method, call.path, body, dict(call.headers), encode_chunked=call.is_chunked)
        with connection.getresponse() as response:
            content = bytearray()
            first: float | None = None
            pieces = 0
            while len(content) < MOST_BYTES and (piece := response.read1(_PIECE_BYTES)):
                first = time.monotonic() - began if first is None else first
                content += piece
                pieces += 1
            if response.length:
                raise http.client.IncompleteRead(bytes(content), response.length)
            return Reply(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=bytes(content),
                seconds=time.monotonic() - began,
                first_seconds=first,
                pieces=pieces,
                ends_connection=response.will_close,
            )

    def send_part(self, call: Call, share: float) -> None:
        """Send the head of `call` and the given share of its body; `send_rest` sends the rest. Raises OSError."""
        assert call.body is not None
        if self._has_ended:
            raise ConnectionError("the container has ended")
        connection = self._connection
        connection.timeout = call.seconds
        connection.putrequest(call.method, call.path)
        for name, value in call.headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(call.body)))
        connection.endheaders(call.body[: int(len(call.body) * share)])

    def send_rest(self, call: Call, share: float) -> Reply:
        """Send the rest of a call that `send_part` began, and read the answer."""
        assert call.body is not None
        began = time.monotonic()
        try:
            self._connection.send(call.body[int(len(call.body) * share) :])
            with self._connection.getresponse() as response:
                body = response.read()
                return Reply(status=response.status, body=body, seconds=time.monotonic() - began)
        except (OSError, http.client.HTTPException) as error:
            return Reply(trouble=str(error) or type(error).__name__, seconds=time.monotonic() - began)

    def leave(self, call: Call) -> None:
        """Make `call`, read the first byte of what comes back, and break off."""
        if self._has_ended:
            return
        connection = self._connection
        connection.timeout = call.seconds
        with suppress(OSError, http.client.HTTPException):
            connection.request(call.method, call.path, call.body, dict(call.headers))
            connection.sock.recv(1)
            # No farewell: the peer's next write meets a reset, as when a client's machine has gone.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def _pieces(body: bytes) -> Iterator[bytes]:
    size = max(1, min(_PIECE_BYTES, -(-len(body) // 3)))
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _beginning(body: bytes) -> str:
    text = " ".join(body[:_SHOWN_BYTES].decode(errors="replace").split())
    return text + (" ..." if len(body) > _SHOWN_BYTES else "")
