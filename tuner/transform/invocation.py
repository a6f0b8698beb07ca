"""One request of a transform job to its container: sent, retried, its answer kept.

Tried again is what may go better the next time: no answer at all, 429 and 5xx. A 4xx is the container's verdict on
these very bytes. Which statuses the service retries is not documented (ADR 0018).
"""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

from contracts.serving import INVOCATIONS_PATH
from tuner.engine.protocol import Address
from tuner.jobs.log_lines import printable
from tuner.s3.errors import CalledOff
from tuner.transform.errors import ObjectFailed
from tuner.transform.payloads import Payload

#: Between one try and the next: so long, and twice as long each time.
_FIRST_PAUSE_SECONDS = 1.0
_CHUNK_BYTES = 1 << 16
#: How much of what a container says with an error is kept.
_MESSAGE_BYTES = 4096
_OK, _REDIRECT, _TOO_MANY_REQUESTS, _SERVER_ERROR = 200, 300, 429, 500


@dataclass(kw_only=True, slots=True)
class Client:
    """How a job calls its container: ModelClientConfig, and the headers of every request. For many threads at once."""

    content_type: str | None
    accept: str | None
    timeout_seconds: float
    max_retries: int
    first_pause_seconds: float = _FIRST_PAUSE_SECONDS
    _open: set[socket.socket] = field(default_factory=set)
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def hang_up(self) -> None:
        """Cut all requests that are under way: they fail, as if their container had closed them."""
        with self._opening:
            for opened in self._open:
                _cut(opened)

    def invoke(
        self,
        address: Address,
        payload: Payload,
        into: IO[bytes],
        called_off: threading.Event,
        tell: Callable[[str], None],
    ) -> None:
        """Send `payload` until it is answered with 2xx, and write the answer `into` an empty file.

        `tell` is told, in a line, why it is sent again. Raises ObjectFailed where no try is left, CalledOff.
        """
        pause = self.first_pause_seconds
        for tries_left in reversed(range(self.max_retries + 1)):
            try:
                return self._try(address, payload, into)
            except _FailedTry as failed:
                if called_off.is_set():
                    raise CalledOff from failed
                if not failed.may_be_repeated or not tries_left:
                    raise failed.as_failure(self.max_retries) from failed
                tell(f"{failed.reason}, sent again in {pause:g} s")
            if called_off.wait(pause):
                raise CalledOff
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _try(self, address: Address, payload: Payload, into: IO[bytes]) -> None:
        into.seek(0)
        into.truncate()
        try:
            with self._deadline(address) as connection:
                _send(connection, payload, self._headers())
                with connection.getresponse() as response:
                    if not _OK <= response.status < _REDIRECT:
                        raise _FailedTry(response.status, _message(response.read(_MESSAGE_BYTES)))
                    while chunk := response.read(_CHUNK_BYTES):
                        into.write(chunk)
                    if response.length:  # None where the answer does not say how long it is
                        raise _FailedTry(None, f"the answer ended {response.length} bytes before its announced length")
        except TimeoutError as error:
            raise _FailedTry(None, f"no answer within {self.timeout_seconds:g} s") from error
        except (ConnectionError, http.client.HTTPException) as error:
            raise _FailedTry(None, str(error) or type(error).__name__) from error

    @contextmanager
    def _deadline(self, address: Address) -> Iterator[http.client.HTTPConnection]:
        """A connection for one request, which is cut when its time is over, then with TimeoutError.

        A socket's own time limit counts from one byte to the next: who sends a byte a second would never be late.
        """
        is_over = threading.Event()
        connection = http.client.HTTPConnection(address.host, address.port, timeout=self.timeout_seconds)

        def end(opened: socket.socket) -> None:
            is_over.set()
            _cut(opened)

        connection.connect()
        opened: socket.socket = connection.sock
        timer = threading.Timer(self.timeout_seconds, end, (opened,))
        timer.daemon = True
        with self._opening:
            self._open.add(opened)
        try:
            timer.start()
            yield connection
        except (ConnectionError, http.client.HTTPException, _FailedTry) as error:
            if is_over.is_set():
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            with self._opening:
                self._open.discard(opened)
            connection.close()
        if is_over.is_set():  # what ended then was cut off by us
            raise TimeoutError

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": self.content_type, "Accept": self.accept}
        return {name: value for name, value in headers.items() if value}


class _FailedTry(Exception):
    """One try that was not answered with 2xx; `status` is None where there was no answer, or not all of one."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    @property
    def may_be_repeated(self) -> bool:
        return self.status is None or self.status >= _SERVER_ERROR or self.status == _TOO_MANY_REQUESTS

    @property
    def reason(self) -> str:
        """In the service's words, as they stand in its logs."""
        if self.status is None:
            return f"Unable to get response from algorithm: {self.message}"
        return f"Bad HTTP status received from algorithm: {self.status}"

    def as_failure(self, retries: int) -> ObjectFailed:
        """What becomes of the object."""
        after = f", after {retries} retries" if retries and self.may_be_repeated else ""
        if self.status is None:
            return ObjectFailed(self.reason + after, "AlgorithmError")
        blame = "AlgorithmError" if self.status >= _SERVER_ERROR else "ClientError"
        details = ["", "Message:", *self.message.splitlines()]
        return ObjectFailed(self.reason + after, blame, details)


def _send(connection: http.client.HTTPConnection, payload: Payload, headers: dict[str, str]) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before it has all come, perhaps with an answer
        if payload.open is None:
            connection.request("POST", INVOCATIONS_PATH, payload.body, headers)
        else:
            chunked = {**headers, "Transfer-Encoding": "chunked"}
            connection.request("POST", INVOCATIONS_PATH, payload.chunks(), chunked, encode_chunked=True)


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):  # it was closed in this very moment
        opened.shutdown(socket.SHUT_RDWR)


def _message(content: bytes) -> str:
    text = content.decode(errors="replace").strip()
    return "\n".join(printable(line) for line in text.splitlines())
