"""What goes through a Pipe channel in one epoch: pieces of bytes, in order."""

import random
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from contracts.channels import Channel, Compression, RecordWrapper, Shard, SourceType
from tuner.channels.addresses import local_path
from tuner.channels.augmented_manifest import AugmentedManifest
from tuner.channels.in_s3 import has_objects_in_s3, objects_in_s3
from tuner.channels.objects import list_objects
from tuner.channels.pieces import FilePiece, ObjectPiece, Piece, as_record
from tuner.channels.read_ahead import read_ahead
from tuner.s3.addresses import S3Address, S3Object, is_s3
from tuner.s3.storage import Storage

_Item = TypeVar("_Item")
_Source = Path | S3Object | S3Address

#: Objects of S3 up to this size are read ahead, and so in memory: sixteen of them at most.
_SMALL_BYTES = 1 << 20


class Epochs:
    """All epochs of a Pipe channel. The objects are listed once; each epoch shuffles them anew where a seed is given.

    `shard` says which share of a sharded channel it is. What waits for S3 ends soon after `called_off` is set, and an
    augmented manifest in S3 is kept in the file `scratch`; both may be left out where the data is on this host. Raises
    ChannelError or S3Error where the channel's data cannot be listed, and CalledOff.
    """

    def __init__(
        self,
        channel: Channel,
        shard: Shard = Shard(),  # noqa: B008 - frozen
        *,
        scratch: Path | None = None,
        called_off: threading.Event | None = None,
    ) -> None:
        self._channel = channel
        self._shard = shard if channel.is_sharded else Shard()
        self._called_off = called_off or threading.Event()
        self._augmented: AugmentedManifest | None = None
        self._sources: Sequence[_Source] = ()
        if channel.source_type is SourceType.AUGMENTED_MANIFEST:
            self._augmented = self._open_manifest(scratch)
        elif has_objects_in_s3(channel):
            self._sources = objects_in_s3(channel, self._storage, self._called_off)
        else:
            self._sources = [found.path for found in list_objects(channel)]

    def pieces(self, epoch: int) -> Iterator[Piece]:
        """What epoch number `epoch` (from 0) is made of.

        Raises ChannelError where a manifest does not say what it has to or an object is too long for a record, OSError
        where a file cannot be read, S3Error where an object cannot, CalledOff.
        """
        values = self._values(epoch)
        for pieces in read_ahead(values, self._prepared, is_far=_is_far, called_off=self._called_off):
            yield from pieces

    def _prepared(self, value: bytes | _Source) -> list[Piece]:
        """What one value is given as. A small object is in memory by then, a large one is read when its turn comes."""
        piece = value if isinstance(value, bytes) else self._piece(value)
        if isinstance(piece, ObjectPiece) and not piece.is_gzip and piece.found.size <= _SMALL_BYTES:
            piece = b"".join(piece.chunks())
        return [*as_record(piece)] if self._channel.record_wrapper is RecordWrapper.RECORD_IO else [piece]

    def _piece(self, source: _Source) -> FilePiece | ObjectPiece:
        is_gzip = self._channel.compression is Compression.GZIP
        if isinstance(source, Path):
            return FilePiece(path=source, is_gzip=is_gzip)
        found = self._storage.look_up(source) if isinstance(source, S3Address) else source
        return ObjectPiece(found=found, storage=self._storage, called_off=self._called_off, is_gzip=is_gzip)

    def _values(self, epoch: int) -> Iterator[bytes | _Source]:
        if self._augmented is not None:
            return self._augmented.values(self._share(self._augmented.places, epoch))
        return iter(self._share(self._sources, epoch))

    def _share(self, items: Sequence[_Item], epoch: int) -> Sequence[_Item]:
        """This host's items. All hosts shuffle all items alike, then take theirs: so they change places each epoch."""
        return self._shard.of(_in_order(items, self._channel.shuffle_seed, epoch))

    @cached_property
    def _storage(self) -> Storage:
        return Storage.connect()

    def _open_manifest(self, scratch: Path | None) -> AugmentedManifest:
        names = self._channel.attribute_names
        if not is_s3(self._channel.uri):
            path = local_path(self._channel.uri)
            return AugmentedManifest(path, names, path)
        assert scratch is not None  # whoever leaves it out has no such channel
        address = S3Address.parse(self._channel.uri)
        with scratch.open("wb") as file:
            file.writelines(self._storage.read(self._storage.look_up(address), called_off=self._called_off))
        return AugmentedManifest(scratch, names, address)


def _is_far(value: bytes | _Source) -> bool:
    return isinstance(value, S3Object | S3Address)


def _in_order(items: Sequence[_Item], seed: int | None, epoch: int) -> Sequence[_Item]:
    """`items` as they stand, or in the order that follows from `seed` and `epoch` and nothing else."""
    if seed is None:
        return items
    shuffled = list(items)
    random.Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311 - an order, no secret
    return shuffled
