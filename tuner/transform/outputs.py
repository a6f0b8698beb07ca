"""Where the objects of a transform job go: each whole, or not at all."""

import errno
import os
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from contracts.transform import OUTPUT_SUFFIX
from tuner.channels.addresses import local_path
from tuner.s3.addresses import S3Address, is_s3
from tuner.s3.errors import S3Error
from tuner.s3.refusals import as_s3_errors
from tuner.s3.storage import Storage
from tuner.s3.uploads import Upload, upload
from tuner.s3.workers import Tally
from tuner.transform.errors import JobFailed, ObjectFailed


class Output(Protocol):
    """Where the output of each object goes."""

    def deliver(self, part: Path, key: str) -> None:
        """Make the file `part`, which may be moved, the output of the object `key`, in one go.

        Raises OSError, ObjectFailed, CalledOff.
        """
        ...

    def discard(self, key: str) -> None:
        """Take the output of the object `key` away again; one that is gone already is no error. Raises OSError."""
        ...


def open_output(uri: str, called_off: threading.Event) -> Output:
    """The output at `uri`; raises JobFailed."""
    try:
        return S3Output(uri, called_off) if is_s3(uri) else LocalOutput(uri)
    except S3Error as error:
        raise JobFailed(str(error), "ClientError") from error


class LocalOutput:
    """A folder of this host: the output of ``a/b.csv`` is ``a/b.csv.out`` below it."""

    def __init__(self, uri: str) -> None:
        self._root = local_path(uri)

    def deliver(self, part: Path, key: str) -> None:
        """Make the file `part` the output of the object `key`; raises OSError."""
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        _write_through(part)  # what is remembered as delivered survives the power plug
        try:
            part.replace(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = place.with_name(f".{place.name}.part")  # another file system: copied beside its place first
            try:
                shutil.copyfile(part, beside)
                _write_through(beside)
                beside.replace(place)
            finally:
                beside.unlink(missing_ok=True)
            part.unlink()
        _write_through(place.parent)

    def discard(self, key: str) -> None:
        """Take the output of the object `key` away again; one that is gone already is no error."""
        self._place(key).unlink(missing_ok=True)

    def _place(self, key: str) -> Path:
        return self._root / f"{key}{OUTPUT_SUFFIX}"


class S3Output:
    """A prefix in S3; an object appears there when all of it has arrived."""

    def __init__(self, uri: str, called_off: threading.Event) -> None:
        self._folder = S3Address.parse(uri)
        self._storage = Storage.connect()
        self._called_off = called_off

    def deliver(self, part: Path, key: str) -> None:
        """Upload the file `part`; raises ObjectFailed, CalledOff."""
        size = part.stat().st_size
        wanted = Upload(open=partial(_open, part), address=self._place(key), size=size)
        try:
            upload(self._storage, wanted, Tally(size, _tell_nobody), self._called_off)
        except S3Error as error:
            raise ObjectFailed(f"its output cannot be written: {error}") from error
        part.unlink()

    def discard(self, key: str) -> None:
        """Delete the output of the object `key`; raises S3Error."""
        place = self._place(key)
        with as_s3_errors(place, self._storage.endpoint):
            self._storage.client.delete_object(Bucket=place.bucket, Key=place.key)

    def _place(self, key: str) -> S3Address:
        return self._folder.below(f"{key}{OUTPUT_SUFFIX}")


def _tell_nobody(_done: int, _total: int) -> None:
    """Progress is told by input."""


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _write_through(path: Path) -> None:
    """Have the file or folder on the disk, and not only in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
