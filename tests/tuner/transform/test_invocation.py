"""One request: its headers, its retries, its words when it fails."""

import io
import socket
import threading
from collections.abc import Callable, Iterable

import pytest
from http_servers import ModelServer, Request, Response, model_server, raw_server

from tuner.engine.protocol import Address
from tuner.s3.errors import CalledOff
from tuner.transform.errors import ObjectFailed
from tuner.transform.invocation import Client
from tuner.transform.payloads import Payload

BODY = Payload(body=b"1,2\n")


def client(*, retries: int = 3, seconds: float = 60.0, pause: float = 0.0) -> Client:
    """A client that does not pause between tries."""
    return Client(
        content_type="text/csv",
        accept="application/json",
        timeout_seconds=seconds,
        max_retries=retries,
        first_pause_seconds=pause,
    )


def answer(address: Address, how: Client, payload: Payload = BODY, log: list[str] | None = None) -> bytes:
    """What a container answers to a payload."""
    into = io.BytesIO()
    how.invoke(address, payload, into, threading.Event(), (log if log is not None else []).append)
    return into.getvalue()


def answering(statuses: Iterable[int]) -> Callable[[Request], Response]:
    """Answers with these statuses, one after the other; the body says which."""
    left = iter(statuses)
    return lambda request: Response(status=(status := next(left)), body=f"this is {status}\nsecond line".encode())


def test_a_request_says_what_it_sends_and_what_it_wants() -> None:
    """What the job does not say is not said either."""
    with model_server(lambda request: Response(body=request.body)) as server:
        assert b"1,2\n" == answer(server.address, client())
        answer(server.address, Client(content_type=None, accept=None, timeout_seconds=60, max_retries=0))

    first, second = server.requests
    assert ("POST", "/invocations", "text/csv", "application/json", "4") == (
        first.method,
        first.path,
        first.headers["Content-Type"],
        first.headers["Accept"],
        first.headers["Content-Length"],
    )
    assert {"Content-Type", "Accept"}.isdisjoint(second.headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_go_better_the_next_time_is_tried_again(status: int) -> None:
    """Up to the job's retries; the answers of earlier tries are forgotten."""
    log: list[str] = []
    with model_server(answering([status, status, 200])) as server:
        assert b"this is 200\nsecond line" == answer(server.address, client(retries=2), log=log)

    assert 3 == len(server.requests)
    assert [f"Bad HTTP status received from algorithm: {status}, sent again in 0 s"] * 2 == log


@pytest.mark.parametrize("status", [300, 400, 403, 404, 413, 415, 422])
def test_a_verdict_on_the_request_is_not_asked_for_again(status: int) -> None:
    """The same bytes would get the same answer."""
    with model_server(answering([status, 200])) as server, pytest.raises(ObjectFailed) as caught:
        answer(server.address, client())

    assert 1 == len(server.requests)
    assert f"Bad HTTP status received from algorithm: {status}" == str(caught.value)
    assert "ClientError" == caught.value.blame


def test_a_failure_has_the_service_s_words_and_the_container_s() -> None:
    """The data-log shows the message under the status."""
    with model_server(answering([500] * 3)) as server, pytest.raises(ObjectFailed) as caught:
        answer(server.address, client(retries=2))

    assert "Bad HTTP status received from algorithm: 500, after 2 retries" == str(caught.value)
    assert ("", "Message:", "this is 500", "second line") == caught.value.details
    assert "AlgorithmError" == caught.value.blame


def test_retries_can_be_forbidden() -> None:
    """InvocationsMaxRetries 0."""
    with model_server(answering([503])) as server, pytest.raises(ObjectFailed, match=r"503$"):
        answer(server.address, client(retries=0))


def test_a_container_that_takes_too_long_is_given_up() -> None:
    """The time is one for the whole request, however slowly bytes come."""

    def trickle(connection: socket.socket, is_over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not is_over.wait(0.01):
                connection.sendall(b"x")
        except OSError:
            pass

    with raw_server(trickle) as address, pytest.raises(ObjectFailed) as caught:
        answer(address, client(retries=0, seconds=0.3))

    assert "Unable to get response from algorithm: no answer within 0.3 s" == str(caught.value)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no HTTP\r\n\r\n"])
def test_half_an_answer_is_none(said: bytes) -> None:
    """It is never taken for a whole one."""

    def say(connection: socket.socket, _is_over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(said)

    with raw_server(say) as address, pytest.raises(ObjectFailed, match="Unable to get response from algorithm"):
        answer(address, client(retries=0))


def test_a_refusal_is_heard_though_the_body_is_still_being_sent() -> None:
    """413 comes long before 50 MB have gone."""

    def refuse(connection: socket.socket, _is_over: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    body = Payload(open=lambda: io.BytesIO(b"x" * 50_000_000))
    with raw_server(refuse) as address, pytest.raises(ObjectFailed) as caught:
        answer(address, client(retries=0), body)

    assert "Bad HTTP status received from algorithm: 413" == str(caught.value)


class _Chunked:
    """Reads a chunked request and answers with what it read."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    def __call__(self, connection: socket.socket, _is_over: threading.Event) -> None:
        file = connection.makefile("rwb")
        head = b""
        while (line := file.readline()) != b"\r\n":
            head += line
        self.heads.append(head)
        body = b""
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
        file.readline()
        file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        file.flush()


def test_what_has_no_limit_is_sent_in_chunks() -> None:
    """So nobody has to know its length, or to hold it."""
    talk = _Chunked()
    content = bytes(range(256)) * 20_000
    with raw_server(talk) as address:
        assert content == answer(address, client(), Payload(open=lambda: io.BytesIO(content)))

    assert b"transfer-encoding: chunked" in talk.heads[0].lower()
    assert b"content-length" not in talk.heads[0].lower()


def test_a_job_that_is_called_off_does_not_wait_for_the_next_try() -> None:
    """Nor for what the tries before said."""
    called_off = threading.Event()

    def refuse(_request: Request) -> Response:
        called_off.set()
        return Response(status=500)

    server = ModelServer(refuse)
    try:
        with pytest.raises(CalledOff):
            client(pause=3600.0).invoke(server.address, BODY, io.BytesIO(), called_off, print)
    finally:
        server.close()
