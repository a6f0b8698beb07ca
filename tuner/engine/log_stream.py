"""The bytes of a container's log off the wire, as fast as Python can.

Docker sends each frame as a chunk of its own of the HTTP body. The HTTP library hands those out one by one, which for a
chatty container is slower than the engine. So the body is read here as it lies in the
socket, many chunks at a time.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from typing import Any

import requests
import urllib3

from tuner.engine.frames import demultiplex
from tuner.engine.protocol import FrameBlock

_READ_BYTES = 262_144
#: A read that gives so much finds more next time; one that gives less is followed by a pause.
_MUCH_BYTES = 8192
#: How long the pauses of a followed log are, in seconds: from the first to the last, each twice the one before. Without
#: them each line of a busy container wakes a thread. The engine's end of the socket holds a few pages: a container
#: that prints more within a pause waits for its end, and the next read, which then gives much, ends the pauses.
_FIRST_PAUSE, _LAST_PAUSE = 0.001, 0.05


class HttpLogStream:
    """A `LogStream` from the engine's answer. `errors` turns what the HTTP library raises into errors of ours."""

    def __init__(
        self, response: requests.Response, errors: Callable[[], AbstractContextManager[None]], *, follow: bool
    ) -> None:
        self._response = response
        self._errors = errors
        self._follow = follow

    def __iter__(self) -> Iterator[FrameBlock]:
        with self._errors(), closing(self._response):
            yield from demultiplex(self._pieces())

    def close(self) -> None:
        """End the reading, also one that waits in another thread."""
        # Closing a socket does not wake who reads from it; shutting it down does.
        with suppress(AttributeError, OSError, ValueError):  # it has been closed already
            descriptor = self._reader.raw.fileno()
            with socket.socket(fileno=socket.dup(descriptor)) as copy:
                copy.shutdown(socket.SHUT_RDWR)
        self._response.close()

    @property
    def _reader(self) -> Any:
        # The buffered reader of the connection, which holds what came with the HTTP header. No name of it is public.
        return self._response.raw._fp.fp  # noqa: SLF001

    def _pieces(self) -> Iterator[bytes]:
        if not self._response.raw.chunked:  # an engine behind a proxy that speaks HTTP/1.0
            yield from self._response.iter_content(None)
            return
        reader = self._reader
        receive = self._with_pauses(reader.read1) if self._follow else lambda: reader.read1(_READ_BYTES)
        yield from unchunked(receive)

    def _with_pauses(self, read: Callable[[int], bytes]) -> Callable[[], bytes]:
        last_read = 0.0
        pause = _FIRST_PAUSE

        def receive() -> bytes:
            nonlocal last_read, pause
            if time.monotonic() - last_read < pause:  # it has been reading a moment ago: let some gather
                time.sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE)
            received = read(_READ_BYTES)
            if len(received) >= _MUCH_BYTES:
                pause = _FIRST_PAUSE
                last_read = 0.0
            else:
                last_read = time.monotonic()
            return received

        return receive


def unchunked(receive: Callable[[], bytes]) -> Iterator[bytes]:
    """The body that comes in chunks from `receive`, in larger pieces. Source: RFC 9112, 7.1.

    Raises urllib3's ProtocolError where it breaks off before its last chunk, which alone shows that it is whole.
    """
    rest = b""
    while True:
        received = receive()
        if not received:
            raise urllib3.exceptions.ProtocolError("it was closed before the end of the log")
        rest += received
        pieces, position, is_last = _whole_chunks(rest)
        rest = rest[position:]
        if pieces:
            yield b"".join(pieces)
        if is_last:
            return


def _whole_chunks(buffer: bytes) -> tuple[list[bytes], int, bool]:
    """The chunks that are all there, where they end, and whether the body's last one is among them."""
    pieces: list[bytes] = []
    find, length = buffer.find, len(buffer)
    position = 0
    while (line_end := find(b"\r\n", position)) >= 0:
        size_text = buffer[position:line_end]
        try:
            size = int(size_text, 16)
        except ValueError:
            raise urllib3.exceptions.ProtocolError(f"no size of a chunk: {size_text[:40]!r}") from None
        if size == 0:
            return pieces, line_end, True
        start = line_end + 2
        stop = start + size
        if stop + 2 > length:
            break
        pieces.append(buffer[start:stop])
        position = stop + 2
    return pieces, position, False
