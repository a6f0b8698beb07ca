"""When a request is whole: the same moment however its bytes arrive, and no byte is lost or added."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container.gathering import MOST_HEADER_BYTES, Gathering

GET = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n1,2,3\r\n\r\n4,"
CHUNKED = (
    b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\n1,2,3\r\nA;name=value\r\n\r\n0\r\n\r\n,4,\r\n"
)
ENDS = (b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"000\r\n\r\n")
WHOLE = [GET, POST, *(CHUNKED + end for end in ENDS)]


def gathered(*pieces: bytes, limit: int | None = 1000) -> Gathering:
    gathering = Gathering(limit)
    for piece in pieces:
        gathering.add(piece)
    return gathering


@given(st.sampled_from(WHOLE), st.lists(st.integers(0, 200)))
def test_a_request_is_whole_at_its_last_byte_however_it_is_cut(request_bytes: bytes, cuts: list[int]) -> None:
    """Network packets end anywhere, also within the empty line after the headers or within a chunk's size."""
    places = sorted({0, len(request_bytes) - 1, *(cut for cut in cuts if cut < len(request_bytes))})
    pieces = [request_bytes[start:end] for start, end in itertools.pairwise(places)]
    gathering = gathered(*pieces)
    before = gathering.is_whole
    gathering.add(request_bytes[-1:])

    assert (False, True) == (before, gathering.is_whole)
    assert request_bytes == gathering.take()


@given(st.sampled_from(WHOLE))
def test_what_follows_a_request_is_kept(request_bytes: bytes) -> None:
    """A client may send the next one without waiting for the answer."""
    gathering = gathered(request_bytes + GET)

    assert gathering.is_whole
    assert request_bytes + GET == gathering.take()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        b"x" * (MOST_HEADER_BYTES + 1),
    ],
)
def test_what_looks_wrong_is_not_waited_for(request_bytes: bytes) -> None:
    """The server's own parser has the last word, and it is the one that refuses."""
    assert gathered(request_bytes).is_whole


def test_a_body_that_is_too_large_is_not_waited_for() -> None:
    """Whether its length is told beforehand or comes out chunk by chunk."""
    told = b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n"

    assert gathered(told).is_whole
    assert not gathered(told, limit=None).is_whole
    assert not gathered(chunked, b"x" * 900).is_whole
    assert gathered(chunked, b"x" * 1001).is_whole


def test_a_client_that_waits_for_leave_to_send_its_body_is_noticed_once() -> None:
    """And its wish is taken out, so that the server behind does not fulfil it a second time."""
    gathering = gathered(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")

    said = [gathering.take_expectation(), gathering.is_whole, gathering.take_expectation()]
    gathering.add(b"42")

    assert [True, False, False] == said
    assert gathering.is_whole
    assert b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n42" == gathering.take()


def test_a_client_that_is_going_to_be_refused_is_given_no_leave() -> None:
    """The server says 413 instead."""
    gathering = gathered(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n")

    assert gathering.is_whole
    assert not gathering.take_expectation()
