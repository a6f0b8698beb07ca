"""Whom a worker parts with, and when; what it does for everybody else is in test_serve.py, over a real port."""

import logging
import os
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn

from container import worker as module
from container.worker import ModelWorker

HALF = b"POST /invocations HTTP/1.1\r\nContent-Length: 9\r\n\r\n1,2"


@dataclass
class Application:
    """What a worker asks of the server it belongs to."""

    most_body_bytes: int | None = None
    loaded: bytearray = field(default_factory=lambda: bytearray(b"\1"))


@pytest.fixture
def worker() -> Iterator[ModelWorker]:
    """A worker without a process of its own, with room for three connections."""
    config = Config()
    config.set("worker_connections", 3)
    worker = ModelWorker(1, os.getppid(), [], Application(), 0, config, logging.getLogger("worker"))
    worker.poller = selectors.DefaultSelector()
    worker.method_queue.init()
    yield worker
    worker.poller.close()
    worker.method_queue.close()
    worker.tmp.close()


class Client:
    """One that has sent `sent` over a connection that the worker has taken."""

    def __init__(self, worker: ModelWorker, sent: bytes) -> None:
        ours, theirs = socket.socketpair()
        self._socket, self.connection = ours, TConn(worker.cfg, theirs, ("client", 0), ("server", 0))
        ours.sendall(sent)
        worker.nr_conns += 1
        worker.enqueue_req(self.connection)
        worker.wait_for_and_dispatch_events(timeout=0)

    def answer(self) -> bytes:
        """What has come back, up to the end of the connection; closes it."""
        self._socket.settimeout(0.01)
        try:
            return b"".join(iter(lambda: self._socket.recv(1000), b""))
        except TimeoutError:
            return b"still connected"
        finally:
            self._socket.close()
            self.connection.sock.close()


def test_a_client_that_takes_too_long_is_told_so(worker: ModelWorker) -> None:
    """One that has sent nothing at all would not read it: its connection is closed."""
    late, silent, in_time = (Client(worker, sent) for sent in (HALF, b"", HALF))
    for client in (late, silent):
        client.connection.timeout = 0
    worker.nr_conns -= 1  # room enough for all
    worker.murder_pending()

    assert late.answer().startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"" == silent.answer()
    assert b"still connected" == in_time.answer()
    assert 0 == worker.nr_conns


def test_the_oldest_client_makes_room_when_there_is_none_for_another(worker: ModelWorker) -> None:
    """Otherwise slow clients could keep everybody out."""
    oldest, second, third = (Client(worker, HALF) for _ in range(3))
    worker.murder_pending()

    assert oldest.answer().startswith(b"HTTP/1.1 408")
    assert [b"still connected"] * 2 == [second.answer(), third.answer()]
    assert 2 == worker.nr_conns


def test_unfinished_requests_take_no_more_memory_than_they_may(
    worker: ModelWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest goes first; a single one may be as large as the payload limit says."""
    monkeypatch.setattr(module, "MOST_GATHERED_BYTES", len(HALF) + 1)
    first, second = Client(worker, HALF), Client(worker, HALF)
    worker.murder_pending()

    assert first.answer().startswith(b"HTTP/1.1 408")
    assert b"still connected" == second.answer()


def test_a_client_that_has_sent_nothing_does_not_hold_up_a_stop(worker: ModelWorker) -> None:
    """After a moment in which its request may still come."""
    silent, begun = Client(worker, b""), Client(worker, HALF)
    worker.alive = False
    worker.murder_pending()
    just_now = worker.nr_conns
    for client in (silent, begun):
        client.connection.timeout -= module.LINGER_SECONDS + 1
    worker.murder_pending()

    assert (2, 1) == (just_now, worker.nr_conns)
    assert [b"", b"still connected"] == [silent.answer(), begun.answer()]
