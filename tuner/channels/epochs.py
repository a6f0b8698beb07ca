"""What goes through a Pipe channel in one epoch: pieces of bytes, in order."""

import gzip
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from contracts.channels import Channel, Compression, RecordWrapper, SourceType
from contracts.errors import InvalidRecord
from contracts.recordio import record_header, record_padding
from tuner.channels.addresses import local_path
from tuner.channels.augmented_manifest import AugmentedManifest
from tuner.channels.objects import list_objects
from tuner.errors import ChannelError

_Item = TypeVar("_Item")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePiece:
    """The content of a file, unpacked first where it `is_gzip`. `length` is how many bytes it has to give, if fixed."""

    path: Path
    is_gzip: bool = False
    length: int | None = None


Piece = bytes | FilePiece


class Epochs:
    """All epochs of a Pipe channel. The objects are listed once; each epoch shuffles them anew where a seed is given.

    Raises ChannelError where the channel's data cannot be listed.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._augmented: AugmentedManifest | None = None
        self._paths: list[Path] = []
        if channel.source_type is SourceType.AUGMENTED_MANIFEST:
            self._augmented = AugmentedManifest(local_path(channel.uri), channel.attribute_names)
        else:
            self._paths = [found.path for found in list_objects(channel)]

    def pieces(self, epoch: int) -> Iterator[Piece]:
        """What epoch number `epoch` (from 0) is made of.

        Raises ChannelError where a manifest does not say what it has to or an object is too long for a record, OSError
        where a file cannot be read.
        """
        for value in self._values(epoch):
            piece = value if isinstance(value, bytes) else FilePiece(path=value, is_gzip=self._is_gzip)
            if self._channel.record_wrapper is RecordWrapper.RECORD_IO:
                yield from _record(piece)
            else:
                yield piece

    @property
    def _is_gzip(self) -> bool:
        return self._channel.compression is Compression.GZIP

    def _values(self, epoch: int) -> Iterator[bytes | Path]:
        seed = self._channel.shuffle_seed
        if self._augmented is not None:
            return self._augmented.values(_in_order(self._augmented.places, seed, epoch))
        return iter(_in_order(self._paths, seed, epoch))


def gunzipped(path: Path) -> Iterator[bytes]:
    """The content of a gzip file, in chunks; raises ChannelError where it is none or is cut off."""
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ChannelError(f"{path} is no whole gzip file: {error}") from error


def record_length(path: Path, *, is_gzip: bool = False) -> int:
    """How many bytes the record of an object has; a packed one is unpacked to know it, for its own word may be wrong.

    Raises ChannelError where that is more than a record holds, OSError.
    """
    length = sum(len(chunk) for chunk in gunzipped(path)) if is_gzip else path.stat().st_size
    try:
        record_header(length)
    except InvalidRecord as error:
        raise ChannelError(f"{path}: {error}") from error
    return length


def _record(piece: Piece) -> Iterator[Piece]:
    if isinstance(piece, FilePiece):
        length = record_length(piece.path, is_gzip=piece.is_gzip)
        piece = FilePiece(path=piece.path, is_gzip=piece.is_gzip, length=length)
    else:
        length = len(piece)
    yield record_header(length)
    yield piece
    yield record_padding(length)


def _in_order(items: Sequence[_Item], seed: int | None, epoch: int) -> Sequence[_Item]:
    """`items` as they stand, or in the order that follows from `seed` and `epoch` and nothing else."""
    if seed is None:
        return items
    shuffled = list(items)
    random.Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311 - an order, no secret
    return shuffled
