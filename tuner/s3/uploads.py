"""Files as objects of S3: many at once, large ones in parts, each whole under its key or not there at all.

boto3 sends a checksum along, which S3 compares before the object appears.
"""

import os
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tuner.s3.addresses import S3Address
from tuner.s3.errors import CalledOff, S3Error
from tuner.s3.patience import Patience
from tuner.s3.refusals import as_s3_errors
from tuner.s3.storage import THREADS, Storage
from tuner.s3.workers import Tally, run_parallel

#: From this size on an object is put together from parts that are sent side by side.
_LARGE_BYTES = 64 << 20
_PART_BYTES = 16 << 20
_THREADS_OF_LARGE = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """One file and where it goes. `open` is called by the thread that uploads it, for each try anew."""

    open: Callable[[], BinaryIO]
    address: S3Address
    size: int


def upload_files(
    files: Mapping[str, Path], uri: str, *, progress: Callable[[int, int], None], called_off: threading.Event
) -> None:
    """Put each file to the key of `uri` and its name in `files`; `progress` is told bytes done and bytes in all.

    A link in the place of a file is refused and not followed. Raises S3Error, OSError, and CalledOff within a second
    after `called_off` is set.
    """
    folder = S3Address.parse(uri)
    uploads = [
        Upload(open=partial(_open_file, path), address=folder.below(name), size=path.lstat().st_size)
        for name, path in files.items()
    ]
    upload_all(Storage.connect(), uploads, progress=progress, called_off=called_off)


def upload_all(
    storage: Storage,
    uploads: Sequence[Upload],
    *,
    progress: Callable[[int, int], None],
    called_off: threading.Event,
) -> None:
    """The same for `uploads`; raises what they raise when they are opened, too."""
    tally = Tally(sum(one.size for one in uploads), progress)
    tasks = [partial(upload, storage, one, tally) for one in uploads]
    run_parallel(tasks, threads=THREADS, called_off=called_off, tick=tally.tell)


def upload(storage: Storage, one: Upload, tally: Tally, called_off: threading.Event) -> None:
    """Put one object. Raises S3Error, CalledOff, and what `open` raises."""
    if _has_no_text(one.address.key):
        raise S3Error(f"{one.address.key!a} is not UTF-8, and a key of S3 has to be: give the file another name")
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - boto3 takes half a second to import

    is_large = one.size >= _LARGE_BYTES
    config = TransferConfig(
        multipart_threshold=_LARGE_BYTES,
        multipart_chunksize=_PART_BYTES,
        max_concurrency=_THREADS_OF_LARGE,
        use_threads=is_large,
    )
    patience = Patience(called_off, storage.pause_seconds)
    with as_s3_errors(one.address, storage.endpoint):
        while True:
            count = _Count(tally, called_off)
            try:
                with one.open() as file:
                    storage.client.upload_fileobj(
                        file, one.address.bucket, one.address.key, Callback=count, Config=config
                    )
            except Exception as error:
                count.take_back()
                if called_off.is_set():
                    raise CalledOff from error
                patience.wait_after(error)
            else:
                return


def _has_no_text(key: str) -> bool:
    """Whether a key comes from a file's name that is not UTF-8, which Python keeps as surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in key)


class _Count:
    """Counts what has been sent, and stops the sending when it is called off."""

    def __init__(self, tally: Tally, called_off: threading.Event) -> None:
        self._tally = tally
        self._called_off = called_off
        self._lock = threading.Lock()
        self._sent = 0

    def __call__(self, count: int) -> None:
        if self._called_off.is_set():
            raise CalledOff
        with self._lock:
            self._sent += count
        self._tally.add(count)

    def take_back(self) -> None:
        self._tally.add(-self._sent)


def _open_file(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise S3Error(f"{path} is no file, so it cannot be uploaded")
    return os.fdopen(descriptor, "rb")
