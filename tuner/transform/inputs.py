"""The objects that a transform job reads, wherever they lie."""

import gzip
import io
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from contracts.channels import Channel, Compression
from contracts.transform import TransformJobSpec
from tuner.channels.in_s3 import has_objects_in_s3, layout_in_s3
from tuner.channels.objects import list_objects
from tuner.errors import ChannelError
from tuner.s3.addresses import S3Object
from tuner.s3.errors import S3Error
from tuner.s3.storage import Storage
from tuner.transform.errors import JobFailed, ObjectFailed

#: What reading an object that was packed with gzip, or should have been, raises.
UNREADABLE = (gzip.BadGzipFile, zlib.error, EOFError)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputObject:
    """One object: its `key` below the input's prefix, what it is called in logs, its size as it lies there in bytes."""

    key: str
    label: str
    size: int
    open: Callable[[], BinaryIO]


def list_inputs(spec: TransformJobSpec, called_off: threading.Event) -> list[InputObject]:
    """The objects of a job's input, in the order of its listing; raises JobFailed, CalledOff."""
    channel = Channel(name="input", uri=spec.uri, source_type=spec.source_type)
    try:
        found = _in_s3(channel, called_off) if has_objects_in_s3(channel) else _on_this_host(channel)
    except (ChannelError, S3Error, OSError) as error:
        raise JobFailed(f"the input cannot be read: {error}", "ClientError") from error
    if not found:
        raise JobFailed(f"there is no object in {spec.uri}", "ClientError")
    return found


def _on_this_host(channel: Channel) -> list[InputObject]:
    return [
        InputObject(key=one.key, label=str(one.path), size=one.path.stat().st_size, open=partial(_open_file, one.path))
        for one in list_objects(channel)
    ]


def _open_file(path: Path) -> BinaryIO:
    return path.open("rb")


def _in_s3(channel: Channel, called_off: threading.Event) -> list[InputObject]:
    storage = Storage.connect()

    def open_object(wanted: S3Object) -> BinaryIO:
        return cast(BinaryIO, _Streamed(storage.read(wanted, called_off=called_off)))

    return [
        InputObject(key=key, label=f"{one.bucket}/{one.key}", size=one.size, open=partial(open_object, one))
        for key, one in layout_in_s3(channel, storage, called_off).items()
    ]


def open_counted(found: InputObject, compression: Compression, count: Callable[[int], None]) -> BinaryIO:
    """The content of an object, unpacked; `count` is told of the bytes as they lie there."""
    raw = io.BufferedReader(_Counted(found.open(), count), 1 << 16)
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if compression is Compression.GZIP else raw


class _Streamed:
    """What comes from S3 piece by piece, to be read as a file from its beginning; raises ObjectFailed, CalledOff."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, length: int) -> bytes:
        """At most `length` bytes; none at the end."""
        if not self._rest:
            try:
                self._rest = next(self._pieces, b"")
            except S3Error as error:
                raise ObjectFailed(f"it cannot be read: {error}") from error
        taken, self._rest = self._rest[:length], self._rest[length:]
        return taken

    def close(self) -> None:
        """Read no more."""
        self._rest, self._pieces = b"", iter(())


class _Counted(io.RawIOBase):
    """Reads what another stream gives, and counts it."""

    def __init__(self, inner: BinaryIO, count: Callable[[int], None]) -> None:
        self._inner = inner
        self._count = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type] # io's own buffers
        chunk = self._inner.read(len(view))
        view[: len(chunk)] = chunk
        self._count(len(chunk))
        return len(chunk)

    def close(self) -> None:
        self._inner.close()
        super().close()
