"""What a Pipe channel is put together from: bytes, files of this host, objects in S3."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.errors import InvalidRecord
from contracts.recordio import record_header, record_padding
from tuner.channels.unpacking import CHUNK_BYTES, gunzipped, gunzipped_stream
from tuner.errors import ChannelError
from tuner.s3.addresses import S3Object
from tuner.s3.storage import Storage


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePiece:
    """The content of a file, unpacked first where it `is_gzip`. `length` is how many bytes it has to give, if fixed."""

    path: Path
    is_gzip: bool = False
    length: int | None = None

    @property
    def name(self) -> str:
        """What people know it as."""
        return str(self.path)

    def chunks(self) -> Iterator[bytes]:
        """Its content, in chunks; raises OSError, and ChannelError where it is no whole gzip file."""
        return gunzipped(self.path) if self.is_gzip else _content(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectPiece:
    """The same of an object in S3. Reading it ends soon after `called_off` is set."""

    found: S3Object
    storage: Storage
    called_off: threading.Event
    is_gzip: bool = False
    length: int | None = None

    @property
    def name(self) -> str:
        """What people know it as."""
        return str(self.found)

    def chunks(self) -> Iterator[bytes]:
        """Its content, in chunks; raises S3Error, CalledOff, and ChannelError where it is no whole gzip file."""
        chunks = self.storage.read(self.found, called_off=self.called_off)
        return gunzipped_stream(chunks, self.name) if self.is_gzip else chunks


Piece = bytes | FilePiece | ObjectPiece


def as_record(piece: Piece) -> Iterator[Piece]:
    """`piece` as a RecordIO record; raises ChannelError where it is too long, and what reading it raises."""
    if isinstance(piece, bytes):
        length = len(piece)
    elif isinstance(piece, FilePiece):
        length = record_length(piece.path, is_gzip=piece.is_gzip)
        piece = replace(piece, length=length)
    else:
        # A packed one is read twice: its length has to be said before its first byte, and it may be too long to keep.
        length = sum(map(len, piece.chunks())) if piece.is_gzip else piece.found.size
        _check_length(length, piece.name)
        piece = replace(piece, length=length)
    yield record_header(length)
    yield piece
    yield record_padding(length)


def record_length(path: Path, *, is_gzip: bool = False) -> int:
    """How many bytes the record of a file has; a packed one is unpacked to know it, for its own word may be wrong.

    Raises ChannelError where that is more than a record holds, OSError.
    """
    length = sum(map(len, gunzipped(path))) if is_gzip else path.stat().st_size
    _check_length(length, path)
    return length


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _check_length(length: int, name: object) -> None:
    try:
        record_header(length)
    except InvalidRecord as error:
        raise ChannelError(f"{name}: {error}") from error
