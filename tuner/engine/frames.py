"""The engine's log stream, taken apart.

A container without a terminal has its two outputs in one stream of frames: eight bytes (which output, three zeros, the
length as a big-endian number), then the payload. With timestamps asked for, each payload begins with the engine's own
RFC 3339 timestamp and a blank. Source: Docker Engine API 1.41, "Attach to a container", "Stream format".

A container may print a hundred thousand lines a second, each a frame. So frames travel in blocks of as many as came in
at once, and what is done for each single one of them is done here, in one loop.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from tuner.engine.protocol import FrameBlock, LogFrame, LogStream, Stream
from tuner.errors import EngineRejected, EngineUnreachable

_HEADER = struct.Struct(">BxxxL")
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}
_NUMBERS = {stream: number for number, stream in _STREAMS.items()}
#: Docker's timestamps always have nine digits; in its own time zone: ``2026-11-24T05:41:17.123456789Z``.
_USUAL_TIMESTAMP_BYTES = 30
#: The longest timestamp: ``2026-11-24T05:41:17.123456789+00:00``.
_TIMESTAMP_BYTES = 35
#: Where its fraction begins: other engines leave that out, and then a blank further on is the container's own.
_FRACTION = 19
_BLANK, _DOT, _Z = b" .Z"


def demultiplex(chunks: Iterable[bytes]) -> Iterator[FrameBlock]:
    """The frames of a stream that arrives in `chunks`, whatever their cut; a block for each chunk that ends some.

    Raises EngineUnreachable where the stream breaks off inside a frame, and EngineRejected where the engine puts a
    complaint of its own into the stream, or where it is not a stream of frames at all. Nothing is dropped silently.
    """
    rest = b""
    for chunk in chunks:
        rest += chunk
        while (block := _block(rest)) is not None:
            yield block
            rest = rest[len(block.content) :]
    if rest:
        raise EngineUnreachable("the connection to the container engine broke in the middle of a piece of a log")


def frames_of(log: LogStream) -> Iterator[LogFrame]:
    """The frames of a log one by one; closes it at the end, or when the reader stops."""
    with closing(log):
        for block in log:
            yield from block.frames()


def encoded(frames: Sequence[LogFrame]) -> FrameBlock:
    """A block of `frames`, encoded as the engine does."""
    content = bytearray()
    for frame in frames:
        payload = f"{frame.timestamp} ".encode() + frame.payload
        content += _HEADER.pack(_NUMBERS[frame.stream], len(payload)) + payload
    return FrameBlock(
        content=bytes(content),
        streams=[frame.stream for frame in frames],
        timestamps=[frame.timestamp.encode() for frame in frames],
        payloads=[frame.payload for frame in frames],
    )


def divided(block: FrameBlock, size: int) -> tuple[FrameBlock, FrameBlock] | None:
    """A block in two, the first with `size` bytes of its content; None where that is inside a frame, or at an end."""
    if not 0 < size < len(block.content):
        return None
    try:
        before, after = _block(block.content[:size]), _block(block.content[size:])
    except EngineRejected:  # what is in the middle of a frame reads like anything
        return None
    return None if before is None or after is None or len(before.content) != size else (before, after)


def _block(buffer: bytes) -> FrameBlock | None:
    """The whole frames at the beginning of `buffer`, up to a complaint of the engine; None where there is none."""
    streams: list[Stream] = []
    timestamps: list[bytes] = []
    payloads: list[bytes] = []
    unpack, header, end = _HEADER.unpack_from, _HEADER.size, len(buffer)
    position = 0
    while end - position >= header:
        number, length = unpack(buffer, position)
        start = position + header
        stop = start + length
        if stop > end:
            break
        blank = start + _USUAL_TIMESTAMP_BYTES
        is_usual = (
            blank < stop and buffer[blank] == _BLANK and buffer[blank - 1] == _Z and buffer[start + _FRACTION] == _DOT
        )
        if number not in _STREAMS or not is_usual:
            blank = _end_of_timestamp(number, buffer, start, stop)
            if blank < 0 and payloads:
                break  # what came before it is good
            if blank < 0:
                raise _complaint(number, buffer[start:stop])
        streams.append(_STREAMS[number])
        timestamps.append(buffer[start:blank])
        payloads.append(buffer[blank + 1 : stop])
        position = stop
    if not payloads:
        return None
    content = buffer if position == end else buffer[:position]
    return FrameBlock(content=content, streams=streams, timestamps=timestamps, payloads=payloads)


def _end_of_timestamp(number: int, buffer: bytes, start: int, stop: int) -> int:
    """Where the blank behind a frame's timestamp is; -1 where it has none.

    Without one it is not the container that speaks. Old engines write "Error grabbing logs: ..." as if it were the
    container's output, newer ones under the stream number 3.
    """
    blank = buffer.find(b" ", start, min(stop, start + _TIMESTAMP_BYTES + 1))
    is_date = buffer[start : start + 4].isdigit() and buffer[start + 4 : start + 5] == b"-"
    return blank if number in _STREAMS and is_date else -1


def _complaint(number: int, content: bytes) -> EngineRejected:
    text = content[:300].decode("utf-8", "replace").strip()
    return EngineRejected(f"the container engine cannot give the log: {text or f'unknown stream {number}'}")
