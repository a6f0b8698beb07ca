"""The engine's log stream, taken apart.

A container without a terminal has its two outputs in one stream of frames: eight bytes (which output, three zeros, the
length as a big-endian number), then the payload. With timestamps asked for, each payload begins with the engine's own
RFC 3339 timestamp and a blank. Source: Docker Engine API 1.41, "Attach to a container", "Stream format".
"""

import struct
from collections.abc import Iterable, Iterator

from tuner.engine.protocol import LogFrame, Stream
from tuner.errors import EngineRejected, EngineUnreachable

_HEADER = struct.Struct(">BxxxL")
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}
#: The longest timestamp: ``2026-11-24T05:41:17.123456789+00:00``.
_TIMESTAMP_BYTES = 35


def demultiplex(chunks: Iterable[bytes]) -> Iterator[LogFrame]:
    """The frames of a stream that arrives in `chunks`, whatever their cut.

    Raises EngineUnreachable where the stream breaks off inside a frame, and EngineRejected where the engine puts a
    complaint of its own into the stream, or where it is not a stream of frames at all. Nothing is dropped silently.
    """
    rest = b""
    for chunk in chunks:
        buffer = rest + chunk if rest else chunk
        position, end = 0, len(buffer)
        while end - position >= _HEADER.size:
            stream, length = _HEADER.unpack_from(buffer, position)
            payload_start = position + _HEADER.size
            if end - payload_start < length:
                break
            position = payload_start + length
            yield _frame(stream, buffer[payload_start:position])
        rest = buffer[position:]
    if rest:
        raise EngineUnreachable("the connection to the container engine broke in the middle of a piece of a log")


def _frame(stream: int, content: bytes) -> LogFrame:
    blank = content.find(b" ", 0, _TIMESTAMP_BYTES + 1)
    # Without a timestamp it is not the container that speaks. Old engines write "Error grabbing logs: ..." as if it
    # were the container's output, newer ones under the stream number 3.
    if stream not in _STREAMS or blank < 0 or content[4:5] != b"-" or not content[:4].isdigit():
        text = content[:300].decode("utf-8", "replace").strip()
        raise EngineRejected(f"the container engine cannot give the log: {text or f'unknown stream {stream}'}")
    return LogFrame(
        stream=_STREAMS[stream], timestamp=content[:blank].decode("ascii", "replace"), payload=content[blank + 1 :]
    )
