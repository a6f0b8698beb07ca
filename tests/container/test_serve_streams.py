"""Answers in pieces over a real port: the first byte before the end, clients who leave, models that fail on the way."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import fake_serving
import pytest
from serve_process import CSV, Server, Start, wait_for

RAISES = str(fake_serving.Doubles.RAISES).encode()
ENDED = "the stream has ended"


@pytest.fixture
def streams(start: Start) -> Server:
    """One worker, whose model answers row by row; it waits for a file after the first one."""
    return start("Streams", workers=1).wait_until_ready()


def begin(server: Server, body: bytes) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse, bytes]:
    """Ask, and read the first piece."""
    connection = server.connect()
    connection.request("POST", "/invocations", body, CSV)
    answer = connection.getresponse()
    return connection, answer, answer.read1(100)


def test_the_first_piece_is_there_before_the_last_one_is_made(streams: Server) -> None:
    """In chunks; the connection is kept for the next request."""
    connection, answer, first = begin(streams, b"1\n2\n3")
    (streams.model / "go").touch()
    rest = answer.read()
    connection.request("POST", "/invocations", b"4", CSV)

    assert (200, "chunked", b"2.0", b"\n4.0\n6.0") == (answer.status, answer.headers["Transfer-Encoding"], first, rest)
    assert b"8.0" == connection.getresponse().read()
    connection.close()


def test_others_are_answered_while_one_reads_slowly(streams: Server) -> None:
    """Each piece is asked for when the one before it has been sent: nobody holds the model."""
    (streams.model / "go").touch()
    connection, _, _ = begin(streams, b"1\n" * 1_000_000)
    try:
        assert (200, b"2.0\n4.0") == streams.predict(b"1\n2")
        assert 200 == streams.ping()
    finally:
        connection.close()


def test_a_client_who_leaves_in_the_middle_ends_only_its_own_answer(streams: Server) -> None:
    """The model learns of it at its next piece."""
    connection, answer, _ = begin(streams, b"1\n" * 1000)
    answer.close()
    connection.close()
    (streams.model / "go").touch()
    wait_for(lambda: ENDED in streams.log, streams)

    assert (200, b"2.0") == streams.predict(b"1")
    assert "Traceback" not in streams.log


def test_a_model_that_fails_in_the_middle_closes_the_connection(streams: Server) -> None:
    """So that half an answer is not taken for a whole one; the reason is in the log, the server stays."""
    (streams.model / "go").touch()
    connection, answer, first = begin(streams, b"1\n2\n" + RAISES)
    with closing(connection), pytest.raises(http.client.IncompleteRead):
        answer.read()

    assert (200, b"2.0") == (answer.status, first[:3])
    assert (200, b"6.0") == streams.predict(b"3")
    assert "the model failed in the middle of its answer: ValueError\n" in streams.log
    assert ("Worker (pid" in streams.log, "Traceback" in streams.log, "secret: 102" in streams.log) == (False,) * 3


def test_an_old_client_gets_the_pieces_without_chunks(streams: Server) -> None:
    """HTTP/1.0 has none: there the answer ends with the connection."""
    (streams.model / "go").touch()
    with closing(streams.slow_client(b"POST /invocations HTTP/1.0\r\nContent-Type: text/csv\r\n")) as client:
        client.sendall(b"Accept: text/csv\r\nContent-Length: 3\r\n\r\n1\n2")
        received = b"".join(iter(lambda: client.recv(1000), b""))

    assert received.endswith(b"\r\n\r\n2.0\n4.0")


def test_an_answer_that_has_begun_is_finished_after_sigterm(streams: Server) -> None:
    """As any other."""
    connection, answer, first = begin(streams, b"1\n2")
    with closing(connection), ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(streams.stop)
        wait_for(lambda: "Handling signal: term" in streams.log, streams)
        (streams.model / "go").touch()

        assert (b"2.0", b"\n4.0", 0) == (first, answer.read(), stopping.result())
