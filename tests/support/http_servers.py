"""Servers on this machine's loopback, for the tests of what calls them: one that answers, raw ones that misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase

from tuner.engine.protocol import Address


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a server answers; without a `body` it is empty."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def _chunks(body: BufferedIOBase) -> Iterator[bytes]:
    """What is in a body of chunks; nothing more once the connection is closed in the middle of one."""
    while (line := body.readline()).strip() and (size := int(line, 16)):
        yield body.read(size)
        body.readline()
    body.readline()


class ModelServer:
    """A model server in this process; `answer` says what it answers, `requests` what it was asked, oldest first.

    It listens on `listening`, a bound socket, which stays its owner's; without one on a port of its own.
    """

    def __init__(self, answer: Callable[[Request], Response], listening: socket.socket | None = None) -> None:
        self.requests: list[Request] = []
        asked, requests = answer, self.requests

        class Reply(BaseHTTPRequestHandler):
            def _reply(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                is_chunked = self.headers.get("Transfer-Encoding") == "chunked"
                body = b"".join(_chunks(self.rfile)) if is_chunked else self.rfile.read(length)
                request = Request(method=self.command, path=self.path, headers=dict(self.headers), body=body)
                requests.append(request)
                response = asked(request)
                self.send_response(response.status)
                for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body)

            do_GET = do_POST = do_DELETE = _reply  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Reply, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening or socket.create_server(("127.0.0.1", 0))
        self._server.socket.listen()
        host, port = self._server.socket.getsockname()
        self._server.server_address = (host, port)
        self.address = Address(host=host, port=port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more, and close the socket."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def model_server(answer: Callable[[Request], Response]) -> Iterator[ModelServer]:
    """A server for the length of the block."""
    server = ModelServer(answer)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def raw_server(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[Address]:
    """A server that lets `talk` have its first connection; the event it is given is set when the block is over."""
    is_over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        connection, _ = listening.accept()
        with connection:
            talk(connection, is_over)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield Address(host="127.0.0.1", port=listening.getsockname()[1])
    finally:
        is_over.set()
        thread.join()
        listening.close()
