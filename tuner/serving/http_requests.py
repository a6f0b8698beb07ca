"""One HTTP request with a time limit on all of it, and what a container says with an error in words for people."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tuner.engine.protocol import Address
from tuner.jobs.log_lines import printable

#: How much of what a container says with an error is shown.
_MESSAGE_BYTES = 4096


class RequestTimedOut(Exception):
    """The time for one request was over."""


class _TimeLimit:
    """Cuts a connection when its time is over.

    A socket's own time limit counts from one byte to the next: who sends a byte a second would never be late.
    """

    def __init__(self, opened: socket.socket, seconds: float) -> None:
        self.is_over = False
        self._opened = opened
        self._timer = self._started(seconds)

    def restart(self, seconds: float) -> None:
        """From now on there are so many seconds, unless it is over."""
        self._timer.cancel()
        self._timer = self._started(seconds)

    def end(self) -> None:
        """There is no limit any more."""
        self._timer.cancel()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        return timer

    def _cut(self) -> None:
        self.is_over = True
        with suppress(OSError):  # it was closed in this very moment
            self._opened.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A request whose answer has begun."""

    response: http.client.HTTPResponse
    limit: _TimeLimit


@contextmanager
def request(
    address: Address,
    method: str,
    path: str,
    seconds: float,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Exchange]:
    """One request on a connection of its own, over when the block is; raises RequestTimedOut after `seconds` in all."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=seconds)
    limit: _TimeLimit | None = None
    try:
        connection.connect()
        connection.sock.settimeout(None)  # `limit` watches from here on
        limit = _TimeLimit(connection.sock, seconds)
        with suppress(BrokenPipeError):  # refused before it has all come, perhaps with an answer
            connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as response:
            yield Exchange(response=response, limit=limit)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError) or (limit is not None and limit.is_over):
            raise RequestTimedOut from error
        raise
    finally:
        if limit is not None:
            limit.end()
        connection.close()
    if limit.is_over:  # what ended then was cut off by us
        raise RequestTimedOut


def message_of(content: bytes) -> str:
    """What a container said with an error, shortened, without control characters."""
    text = content[:_MESSAGE_BYTES].decode(errors="replace").strip()
    return "\n".join(printable(line) for line in text.splitlines()) + (" ..." if len(content) > _MESSAGE_BYTES else "")


def words_of(error: Exception) -> str:
    """An error's text, or its kind where it has none."""
    return str(error) or type(error).__name__
