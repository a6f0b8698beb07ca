"""The engine's log stream, taken apart."""

import struct
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.engine.frames import demultiplex
from tuner.engine.protocol import LogFrame, Stream
from tuner.errors import EngineRejected, EngineUnreachable

NUMBERS = {Stream.STDOUT: 1, Stream.STDERR: 2}
TIMESTAMP = "2026-11-24T05:41:17.123456789Z"

frames = st.builds(
    LogFrame, stream=st.sampled_from(Stream), timestamp=st.just(TIMESTAMP), payload=st.binary(max_size=40)
)


def frames_in(chunks: Iterable[bytes]) -> Iterator[LogFrame]:
    """The frames of a stream, one by one."""
    for block in demultiplex(chunks):
        yield from block.frames()


def encoded(frame: LogFrame) -> bytes:
    """The frame as the engine sends it."""
    content = f"{frame.timestamp} ".encode() + frame.payload
    return struct.pack(">BxxxL", NUMBERS[frame.stream], len(content)) + content


def cut(content: bytes, places: list[int]) -> list[bytes]:
    """`content` in pieces, cut at `places`."""
    ends = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(ends)]


@given(st.lists(frames, max_size=8), st.lists(st.integers(min_value=0), max_size=20))
def test_any_cut_of_the_stream_gives_the_same_frames(sent: list[LogFrame], places: list[int]) -> None:
    """How the network cuts the bytes has no effect, be it in the middle of a header."""
    stream = b"".join(encoded(frame) for frame in sent)

    assert sent == list(frames_in(cut(stream, places)))


@given(st.lists(frames, min_size=1, max_size=5), st.integers(min_value=1))
def test_a_stream_that_breaks_inside_a_frame_is_an_error(sent: list[LogFrame], missing: int) -> None:
    """All whole frames are delivered first; the broken one is never dropped in silence."""
    last = encoded(sent[-1])
    whole = b"".join(encoded(frame) for frame in sent[:-1])
    received = frames_in([whole + last[: -(1 + missing % (len(last) - 1))]])

    assert sent[:-1] == list(islice(received, len(sent) - 1))
    with pytest.raises(EngineUnreachable, match="broke"):
        next(received)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x03\0\0\0\0\0\0\x05oh no", id="the stream for the engine's own errors"),
        pytest.param(b"\x01\0\0\0\0\0\0\x1eError grabbing logs: invalid J", id="an error among the output"),
        pytest.param(b'{"message": "not a stream"}', id="no stream at all"),
    ],
)
def test_the_engines_own_complaint_is_an_error(content: bytes) -> None:
    """It is no output of the container, and means that output is missing."""
    with pytest.raises((EngineRejected, EngineUnreachable)):
        list(frames_in([content]))


def test_an_empty_stream_has_no_frames() -> None:
    """A container that printed nothing."""
    assert [] == list(frames_in([]))
