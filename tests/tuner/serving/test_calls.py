"""Pings and invocations: what is sent, and what each way to answer becomes."""

import socket
import threading

import pytest
from http_servers import Request, Response, model_server, raw_server

from contracts.serving import PAYLOAD_LIMIT_BYTES
from tuner.engine.protocol import Address
from tuner.errors import ValidationError
from tuner.serving.calls import Answer, Ping, invoke, invoke_with_response_stream, ping
from tuner.serving.errors import ModelError, ModelStreamError


def echo(request: Request) -> Response:
    """Answers with what it was sent."""
    return Response(body=request.body, headers={"Content-Type": request.headers.get("Content-Type", "none")})


def nowhere() -> Address:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Address(host="127.0.0.1", port=taken.getsockname()[1])


def test_200_is_healthy_whatever_the_body_says() -> None:
    """As the service has it: a body of "Unhealthy" changes nothing."""
    with model_server(lambda request: Response(body=b"Unhealthy")) as server:
        answered = ping(server.address, seconds=30)

    assert Ping() == answered
    assert answered.is_healthy
    assert [("GET", "/ping")] == [(request.method, request.path) for request in server.requests]


@pytest.mark.parametrize("status", [204, 302, 404, 500, 503])
def test_every_other_status_is_unhealthy(status: int) -> None:
    """The text says which it was."""
    with model_server(lambda request: Response(status=status)) as server:
        answered = ping(server.address, seconds=30)

    assert Ping(trouble=f"/ping answered {status} instead of 200") == answered


def test_nobody_listening_is_unhealthy() -> None:
    """That is how every container begins."""
    answered = ping(nowhere())

    assert not answered.is_healthy
    assert not answered.connected


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n"], ids=["hangs up", "another protocol"])
def test_what_does_not_speak_http_is_unhealthy(said: bytes) -> None:
    """The engine accepts connections for a container in which nothing listens, and drops them."""
    with raw_server(lambda connection, _: connection.sendall(said)) as address:
        answered = ping(address, seconds=30)

    assert (False, False) == (answered.is_healthy, answered.connected)
    assert "nothing that speaks HTTP" in answered.trouble


def silent(_: socket.socket, is_over: threading.Event) -> None:
    """Takes the connection and says nothing."""
    is_over.wait()


def drip(connection: socket.socket, is_over: threading.Event) -> None:
    """Sends one byte of an answer after another, without end."""
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not is_over.wait(0.01):
            connection.sendall(b"x")
    except OSError:
        return


@pytest.mark.parametrize("talk", [silent, drip])
def test_a_ping_takes_as_long_as_it_may_in_all(talk: object) -> None:
    """Also where bytes keep coming; a socket's own limit would start anew at each."""
    with raw_server(talk) as address:  # type: ignore[arg-type] # one of the two above
        answered = ping(address, seconds=0.2)

    assert Ping(trouble="/ping did not answer within 0.2 s") == answered


def test_an_invocation_sends_the_body_and_the_callers_headers() -> None:
    """And gives the answer's bytes as they are."""
    body = bytes(range(256))
    with model_server(echo) as server:
        answer = invoke(server.address, body, {"Content-Type": "application/x-npy", "Accept": "*/*"})

    (request,) = server.requests
    assert Answer(body=body, content_type="application/x-npy") == answer
    assert ("POST", "/invocations", "*/*") == (request.method, request.path, request.headers["Accept"])


@pytest.mark.parametrize(
    ("status", "side"), [(400, "client"), (404, "client"), (415, "client"), (500, "server"), (503, "server")]
)
def test_an_error_of_the_container_is_a_model_error(status: int, side: str) -> None:
    """In InvokeEndpoint's words, with the container's status and message."""
    with (
        model_server(lambda request: Response(status=status, body="schön \x1b[31mfalsch".encode())) as server,
        pytest.raises(ModelError) as caught,
    ):
        invoke(server.address, b"1", {})

    assert f'Received {side} error ({status}) from primary container with message "schön falsch".' == str(caught.value)
    assert (status, "schön falsch") == (caught.value.original_status_code, caught.value.original_message)


def test_a_long_message_is_shortened() -> None:
    """A page of HTML helps nobody in a terminal."""
    with (
        model_server(lambda request: Response(status=500, body=b"x" * 100_000)) as server,
        pytest.raises(ModelError) as caught,
    ):
        invoke(server.address, b"1", {})

    assert "x" * 4096 + " ..." == caught.value.original_message


@pytest.mark.parametrize("talk", [silent, drip])
def test_an_answer_that_takes_too_long_is_a_model_error_without_a_status(talk: object) -> None:
    """The service's own words."""
    with raw_server(talk) as address, pytest.raises(ModelError) as caught:  # type: ignore[arg-type] # one of the two
        invoke(address, b"1", {}, seconds=0.2)

    assert 0 == caught.value.original_status_code
    assert "Your invocation timed out while waiting for a response from container primary" in str(caught.value)


def take_request(connection: socket.socket) -> None:
    """Read a request whose body is ``1``, whole: a server that closes with something unread resets the connection."""
    received = b""
    while not received.endswith(b"\r\n\r\n1"):
        received += connection.recv(10_000)


def hang_up(connection: socket.socket, _: threading.Event) -> None:
    """Reads the request and closes the connection."""
    take_request(connection)


def break_off(connection: socket.socket, _: threading.Event) -> None:
    """Announces more than it sends, once it has the whole request: closing with some of it unread would be a reset."""
    take_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


@pytest.mark.parametrize(
    ("talk", "said"),
    [(hang_up, "closed the connection without an answer"), (break_off, "7 bytes before the length")],
)
def test_half_an_answer_is_none(talk: object, said: str) -> None:
    """A worker that died in the middle must not look like a prediction."""
    with raw_server(talk) as address, pytest.raises(ModelError, match=said):  # type: ignore[arg-type] # one of the two
        invoke(address, b"1", {})


def test_nobody_listening_is_a_model_error() -> None:
    """The endpoint is starting, or its server has gone."""
    with pytest.raises(ModelError, match="refused"):
        invoke(nowhere(), b"1", {})


@pytest.mark.parametrize("value", ["a\nX-Evil: 1", "schön", "x" * 1025])
def test_a_header_that_the_service_would_not_take_is_refused(value: str) -> None:
    """Before anything is sent: a line ending would smuggle in another header."""
    with pytest.raises(ValidationError, match="Accept has to be at most 1024 visible ASCII characters"):
        invoke(nowhere(), b"1", {"Accept": value})


def test_six_mebibytes_are_the_most_each_way() -> None:
    """As InvokeEndpoint has it; the request is refused before anything is sent."""
    largest = b"x" * PAYLOAD_LIMIT_BYTES
    with model_server(echo) as server:
        answer = invoke(server.address, largest, {})
        with pytest.raises(ValidationError, match="Member must have length less than or equal to 6291456"):
            invoke(server.address, largest + b"x", {})

    assert largest == answer.body
    assert 1 == len(server.requests)


def test_an_answer_of_more_than_six_mebibytes_is_a_model_error() -> None:
    """It is not read to its end."""
    with (
        model_server(lambda request: Response(body=b"x" * (PAYLOAD_LIMIT_BYTES + 1))) as server,
        pytest.raises(ModelError, match="larger than 6291456 bytes"),
    ):
        invoke(server.address, b"1", {})


def refuse_early(connection: socket.socket, is_over: threading.Event) -> None:
    """Answers before the body has come, and reads no more."""
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large")
    connection.shutdown(socket.SHUT_WR)
    is_over.wait()


def test_a_refusal_that_comes_before_the_body_has_gone_is_heard() -> None:
    """A server with a limit of its own says so at once."""
    with raw_server(refuse_early) as address, pytest.raises(ModelError, match="too large") as caught:
        invoke(address, b"x" * 100_000, {})

    assert 413 == caught.value.original_status_code


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
ENDED = b"2\r\nde\r\n0\r\n\r\n"


def test_a_streamed_answer_comes_piece_by_piece() -> None:
    """The first one before the last one is sent."""
    go_on = threading.Event()

    def talk(connection: socket.socket, _: threading.Event) -> None:
        take_request(connection)
        connection.sendall(CHUNKED)
        go_on.wait(60)
        connection.sendall(ENDED)

    with raw_server(talk) as address:
        pieces = invoke_with_response_stream(address, b"1", {})
        first = next(pieces)
        go_on.set()

        assert (b"abc", b"de") == (first, b"".join(pieces))


@pytest.mark.parametrize("rest", [b"", b"5\r\nab", b"2\r\nde\r\n"], ids=["at once", "in a chunk", "between chunks"])
def test_an_answer_that_breaks_off_is_a_model_stream_error(rest: bytes) -> None:
    """Half an answer is not a whole one; what has come is given first."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        take_request(connection)
        connection.sendall(CHUNKED + rest)

    received: list[bytes] = []
    with raw_server(talk) as address, pytest.raises(ModelStreamError, match="reset or closed") as raised:
        received.extend(invoke_with_response_stream(address, b"1", {}))

    assert "StreamBroken" == raised.value.error_code.value
    assert ("ModelStreamError", b"abc") == (raised.value.code, b"".join(received)[:3])


def test_an_answer_shorter_than_it_announced_is_a_model_stream_error() -> None:
    """Without chunks, too."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        take_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")

    with raw_server(talk) as address, pytest.raises(ModelStreamError, match="6 bytes before the length") as raised:
        list(invoke_with_response_stream(address, b"1", {}))

    assert "StreamBroken" == raised.value.error_code


def test_an_answer_that_does_not_end_in_time_is_a_model_stream_error() -> None:
    """Even one of which something comes all the time."""

    def talk(connection: socket.socket, is_over: threading.Event) -> None:
        take_request(connection)
        connection.sendall(CHUNKED)
        while not is_over.wait(0.02):
            try:
                connection.sendall(b"1\r\nx\r\n")
            except OSError:
                return

    with raw_server(talk) as address, pytest.raises(ModelStreamError, match="timeout period") as raised:
        list(invoke_with_response_stream(address, b"1", {}, seconds=0.2))

    assert "ModelInvocationTimeExceeded" == raised.value.error_code


def test_until_the_first_piece_there_are_model_errors() -> None:
    """The status, no answer, none in time."""

    def say_nothing(_: socket.socket, is_over: threading.Event) -> None:
        is_over.wait(60)

    with (
        model_server(lambda _: Response(status=500, body=b"no layers")) as server,
        pytest.raises(ModelError, match="no layers"),
    ):
        next(invoke_with_response_stream(server.address, b"1", {}))
    with pytest.raises(ModelError, match="without an answer"):
        next(invoke_with_response_stream(nowhere(), b"1", {}))
    with raw_server(say_nothing) as address, pytest.raises(ModelError, match="timed out"):
        next(invoke_with_response_stream(address, b"1", {}, first_seconds=0.1))


def test_a_stream_may_be_larger_than_a_whole_answer() -> None:
    """6 MiB is the limit of InvokeEndpoint only."""
    with model_server(lambda _: Response(body=b"x" * (PAYLOAD_LIMIT_BYTES + 1))) as server:
        received = sum(len(piece) for piece in invoke_with_response_stream(server.address, b"1", {}))

    assert PAYLOAD_LIMIT_BYTES + 1 == received


def test_a_caller_may_leave_a_stream() -> None:
    """The connection is closed then."""
    with raw_server(_send_until_closed) as address:
        pieces = invoke_with_response_stream(address, b"1", {})
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]  # it is a generator


def _send_until_closed(connection: socket.socket, _: threading.Event) -> None:
    take_request(connection)
    connection.sendall(CHUNKED)
    while connection.recv(1000):
        pass
