"""Gzip, unpacked on the way: no more than a chunk is in memory, however much comes out of it."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tuner.errors import ChannelError

CHUNK_BYTES = 1 << 20


def gunzipped(path: Path) -> Iterator[bytes]:
    """The content of a gzip file, in chunks; raises ChannelError where it is none or is cut off, OSError."""
    with path.open("rb") as file:
        yield from _gunzipped(file, path)


def gunzipped_stream(chunks: Iterator[bytes], name: object) -> Iterator[bytes]:
    """The same of `chunks`, which come from what is called `name`."""
    with io.BufferedReader(_Stream(chunks), CHUNK_BYTES) as file:
        yield from _gunzipped(file, name)


def _gunzipped(packed: BinaryIO, name: object) -> Iterator[bytes]:
    try:
        with gzip.open(packed) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ChannelError(f"{name} is no whole gzip file: {error}") from error


class _Stream(io.RawIOBase):
    """Chunks as a file that is read from its beginning to its end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # any buffer that can be written to
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
