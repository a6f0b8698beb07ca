"""A gunicorn worker for models: slow clients hold no thread, and nothing but predictions waits for predictions.

gunicorn's threaded worker gives each new connection to a thread, which then waits for the client; so a few dozen slow
clients keep everybody out, ``/ping`` included. Here the worker's event loop gathers each request, and a thread gets it
when it is whole. There are two pools of threads: one for GET, where nothing waits for a model, and one for all else,
so that ``/ping`` is answered while every thread of the other one waits.

It stands on parts of gunicorn that are not its documented face (`enqueue_req`, `murder_pending`, `nr_conns`); the lock
files pin the release that the tests ran with.
"""

import contextlib
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from container.gathering import Gathering

#: How long a client may take to send one whole request, and to take an answer.
CLIENT_SECONDS = 60.0
#: How long a connection stays half open after its last answer, so that a client which is still sending reads it; and
#: how long a worker that was asked to stop waits for the request of a client that has sent none of it yet.
LINGER_SECONDS = 2.0
#: Bytes taken from one connection before others have their turn.
TURN_BYTES = 1024 * 1024
#: Bytes of unfinished requests that a worker keeps; the oldest of several goes when there are more.
MOST_GATHERED_BYTES = 512 * 1024 * 1024

_STATUS_THREADS = 2
_ASKING_FOR_STATUS = b"GET "
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ModelWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """See the module's docstring. `app` is the `container.serve.ModelServer`, `slot` this worker's number."""

    slot = 0

    def __init__(self, *arguments: Any) -> None:
        """Still in the parent process."""
        super().__init__(*arguments)
        self._gathering: dict[TConn, Gathering] = {}  # the oldest first, as is the next one
        self._lingering: dict[TConn, float] = {}
        self._gathered_bytes = 0

    @property
    def is_loaded(self) -> bool:
        """Whether the model was loaded at some time, as the parent sees it, too, even after the worker's end."""
        return bool(self.app.loaded[self.slot])

    def tell_loaded(self) -> None:
        """Say that the model is loaded, from any thread."""
        self.app.loaded[self.slot] = 1
        self.method_queue.defer(lambda: None)  # the event loop wakes, and takes connections

    def init_process(self) -> None:
        """Called in the new process; ends with it."""
        self._status_pool = ThreadPoolExecutor(_STATUS_THREADS, thread_name_prefix="status")
        super().init_process()

    def load_wsgi(self) -> None:
        """Begin to load the model: each process has its own, as few frameworks survive a fork."""
        self.wsgi = self.app.application_of(self)

    def run(self) -> None:
        """Serve until asked to stop, then finish what was begun; the process ends here."""
        super().run()
        self.handle_quit()

    def handle_quit(self, *_: object) -> None:
        """End this process at once.

        Neither threads nor a framework's own clean-up are waited for: what still runs is a request whose time is up, or
        a model that is being loaded, and either may take for ever.
        """
        self.app.end()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take new connections or not: a worker without its model leaves them to those that have theirs.

        Otherwise half of all requests would wait while a worker that died is replaced, for as long as a model loads.
        Where none has its model, somebody has to say so to pings.
        """
        others_have_theirs = self.app.loaded.find(b"\1") >= 0
        super().set_accept_enabled(enabled and (self.is_loaded or not others_have_theirs))

    def enqueue_req(self, conn: TConn) -> None:
        """Begin to gather a request: of a new connection, of one kept alive, or of one with bytes left over."""
        gathering = self._gathering[conn] = Gathering(self.app.most_body_bytes)
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + CLIENT_SECONDS
        self.poller.register(conn.sock, EVENT_READ, partial(self._on_bytes, conn))
        if conn.parser:
            self._add(gathering, conn.parser.unreader.take_buffered())
        self._go_on(conn, gathering)

    def handle(self, conn: TConn, received: bytes) -> Any:
        """Answer a whole request, in a thread of a pool."""
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(received)
        return super().handle(conn)

    def finish_request(self, conn: TConn, future: "Future[Any]") -> None:
        """After an answer: keep the connection, or part with it. gunicorn would wait for the client right here."""
        if future.exception() is None and future.result():
            super().finish_request(conn, future)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, EVENT_READ, partial(self._on_rest, conn))
            self._lingering[conn] = time.monotonic() + LINGER_SECONDS
        except (OSError, ValueError):  # the client has gone already
            self._close(conn)

    def murder_pending(self) -> None:
        """Part with clients that are too slow; with the slowest one in any case when there is room for no other.

        gunicorn calls it each second at least.
        """
        self.set_accept_enabled(self._accepting)  # another worker may have its model now
        now = time.monotonic()
        for conn in list(self._expired(now)):
            self._part_with(conn, _TOO_SLOW)
        for conn, until in list(self._lingering.items()):
            if now <= until:
                break
            self._part_with(conn)
        if not self.alive:
            for conn, gathering in list(self._gathering.items()):
                if len(gathering) == 0 and now > conn.timeout - CLIENT_SECONDS + LINGER_SECONDS:
                    self._part_with(conn)

    def _expired(self, now: float) -> Iterator[TConn]:
        connections, gathered = self.nr_conns, self._gathered_bytes
        for conn, gathering in self._gathering.items():
            is_crowded = connections >= self.worker_connections
            is_hoarding = gathered > MOST_GATHERED_BYTES and len(self._gathering) > 1
            if now <= conn.timeout and not is_crowded and not is_hoarding:
                return
            connections, gathered = connections - 1, gathered - len(gathering)
            yield conn

    def _on_bytes(self, conn: TConn, _: socket.socket) -> None:
        gathering, taken = self._gathering[conn], 0
        try:
            while taken < TURN_BYTES and not gathering.is_whole:
                received = conn.sock.recv(TURN_BYTES)
                if not received:
                    self._part_with(conn)
                    return
                taken += len(received)
                self._add(gathering, received)
        except BlockingIOError:
            pass
        except OSError:  # the client is gone
            self._part_with(conn)
            return
        self._go_on(conn, gathering)

    def _on_rest(self, conn: TConn, _: socket.socket) -> None:
        """Throw away what a client sends after its last answer, until it reads that and ends."""
        try:
            if not conn.sock.recv(TURN_BYTES):
                self._part_with(conn)
        except BlockingIOError:
            pass
        except OSError:
            self._part_with(conn)

    def _add(self, gathering: Gathering, received: bytes) -> None:
        gathering.add(received)
        self._gathered_bytes += len(received)

    def _go_on(self, conn: TConn, gathering: Gathering) -> None:
        try:
            if gathering.take_expectation():
                conn.sock.send(_CONTINUE)
            if gathering.is_whole:
                _limit_waiting(conn.sock)
        except OSError:
            self._part_with(conn)
            return
        if not gathering.is_whole:
            return
        self._forget(conn)
        received = gathering.take()
        pool = self._status_pool if received.startswith(_ASKING_FOR_STATUS) else self.tpool
        answered = pool.submit(self.handle, conn, received)
        answered.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    def _part_with(self, conn: TConn, last_words: bytes = b"") -> None:
        has_begun = conn in self._gathering and len(self._gathering[conn]) > 0
        self._forget(conn)
        if last_words and has_begun:
            with contextlib.suppress(OSError):
                conn.sock.send(last_words)
        self._close(conn)

    def _forget(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        gathering = self._gathering.pop(conn, None)
        self._gathered_bytes -= 0 if gathering is None else len(gathering)
        self._lingering.pop(conn, None)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


def _limit_waiting(sock: socket.socket) -> None:
    """Have the kernel end a read or write that waits too long for the client: gunicorn itself sets no time limit."""
    limit = struct.pack("ll", int(CLIENT_SECONDS), 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
