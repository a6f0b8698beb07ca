"""A proxy in front of an HTTP server that lets through what it is asked, until a test tells it to do otherwise."""

import http.client
import threading
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_CHUNK_BYTES = 1 << 16


#: Far beyond what any test takes on a loaded machine.
_DEADLINE_SECONDS = 60.0


def assert_set(event: threading.Event) -> None:
    """Wait until it is set; what a server that says nothing does."""
    assert event.wait(_DEADLINE_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    bytes_range: str | None


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is done to one request instead of answering it well.

    `before` is called first. With `status` that is all the answer. `cut_after` so many bytes of the body the connection
    is closed. With `hold` no byte of the body follows until it is set. The body is `changed`, if it is said how.
    `without_range` the server is asked for everything where a part was wanted. `headers` replace its own.
    `query` is put behind the path.
    """

    before: Callable[[], None] | None = None
    status: int | None = None
    cut_after: int | None = None
    hold: threading.Event | None = None
    changed: Callable[[bytes], bytes] | None = None
    without_range: bool = False
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class FaultyProxy:
    """The proxy. `faults` is asked for each request; the requests are kept in `requests`, oldest first."""

    def __init__(self, target: str) -> None:
        self.requests: list[Asked] = []
        self.faults: Callable[[Asked], Fault | None] = lambda _asked: None
        self._server = _Server(self, urlsplit(target).netloc)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def first(self, fault: Fault, *, times: int = 1, method: str = "GET", path: str = "/") -> None:
        """Do `fault` to the first so many requests of `method` whose path has `path` in it, and to no other."""
        left = threading.Semaphore(times)

        def choose(asked: Asked) -> Fault | None:
            wanted = asked.method == method and path in asked.path and "list-type" not in asked.path
            return fault if wanted and left.acquire(blocking=False) else None

        self.faults = choose

    def always(self, fault: Fault, *, method: str = "GET", path: str = "/") -> None:
        """Do `fault` to all of them."""
        self.first(fault, times=1 << 30, method=method, path=path)

    def asked_for(self, path: str, method: str = "GET") -> list[Asked]:
        """The requests of `method` whose path ends with `path`."""
        return [one for one in self.requests if one.method == method and one.path.endswith(path)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultyProxy, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Reply)
        self.proxy = proxy
        self.target = target

    def handle_error(self, *_: object) -> None:
        """Who hangs up is no matter here."""


class _Reply(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        asked = Asked(method=self.command, path=self.path, bytes_range=self.headers.get("Range"))
        self.server.proxy.requests.append(asked)
        fault = self.server.proxy.faults(asked) or Fault()
        if fault.before is not None:
            fault.before()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault.status is not None:
            self.send_response(fault.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        with closing(http.client.HTTPConnection(self.server.target)) as connection, suppress(ConnectionError):
            headers = dict(self.headers)
            if fault.without_range:
                headers.pop("Range", None)
            connection.request(self.command, self.path + fault.query, body, headers)
            with connection.getresponse() as response:
                self._answer(response, fault)

    def _answer(self, response: http.client.HTTPResponse, fault: Fault) -> None:
        self.send_response(response.status)
        not_passed_on = {"connection", "transfer-encoding", "date", "server", *fault.headers}
        passed_on = [(name, value) for name, value in response.getheaders() if name.lower() not in not_passed_on]
        for name, value in [*passed_on, *fault.headers.items()]:
            self.send_header(name, value)
        self.end_headers()
        if fault.hold is not None:
            fault.hold.wait()
        left = fault.cut_after
        while chunk := response.read(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES)):
            self.wfile.write(chunk if fault.changed is None else fault.changed(chunk))
            left = None if left is None else left - len(chunk)
        self.close_connection = left is not None

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""
