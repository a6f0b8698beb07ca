"""The writing end of a FIFO: waiting for a reader and writing to it, so that both can be called off at any time."""

import errno
import fcntl
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tuner.channels.pieces import FilePiece, Piece
from tuner.channels.unpacking import CHUNK_BYTES
from tuner.errors import ChannelError
from tuner.s3.errors import CalledOff

#: How long to wait before looking again whether somebody reads, in seconds. No event tells: a reader that waits in
#: open() is seen only by trying to open the other end.
_LOOK_SECONDS = 0.01
#: How often a writer whose reader is busy looks whether it is called off, in milliseconds.
_CALLED_OFF_MILLISECONDS = 100
#: How much the pipe holds, where the system grants it: fewer, longer turns between both ends.
_PIPE_BYTES = 1 << 20
#: Everybody may read, for images do not all run as root.
_MODE = 0o644


def make_fifo(path: Path) -> None:
    """Make a FIFO at `path`, unless there is one."""
    if not path.is_fifo():
        os.mkfifo(path)
        path.chmod(_MODE)


class FifoWriter:
    """The writing end, open.

    Every call raises CalledOff soon after `called_off` is set, and BrokenPipeError where the reader has closed.
    """

    def __init__(self, descriptor: int, called_off: threading.Event) -> None:
        self._descriptor = descriptor
        self._called_off = called_off
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        with suppress(OSError):  # refused where a user has many pipes: then it stays at 64 KiB
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @classmethod
    def open(
        cls,
        path: Path,
        called_off: threading.Event,
        *,
        enough: threading.Event,
        before: Callable[[], None],
        in_vain: Callable[[], None],
    ) -> Self:
        """Wait until somebody reads from `path`, then open it; raises CalledOff once `enough` is set.

        A reader goes on in the instant in which this end opens. So `before` is called before each try, and `in_vain`
        after one that found no reader.
        """
        while not enough.is_set():
            before()
            try:
                return cls(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), called_off)
            except OSError as error:
                in_vain()
                if error.errno != errno.ENXIO:
                    raise
            enough.wait(_LOOK_SECONDS)
        raise CalledOff

    def __enter__(self) -> Self:
        """Use it in a ``with`` block; the reader sees the end of the epoch when the block is left."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close this end."""
        os.close(self._descriptor)

    def send(self, piece: Piece) -> None:
        """Write `piece`; raises what reading it raises, and ChannelError where it has changed its length."""
        if isinstance(piece, bytes):
            self._write(piece)
            return
        if isinstance(piece, FilePiece) and not piece.is_gzip:
            sent = self._send_file(piece.path)
        else:
            sent = self._send_all(piece.chunks())
        if piece.length is not None and sent != piece.length:
            raise ChannelError(f"{piece.name} was changed while it was read")

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            count = self._once_there_is_room(partial(os.write, self._descriptor, rest))
            rest = rest[count:]

    def _send_all(self, chunks: Iterator[bytes]) -> int:
        sent = 0
        for chunk in chunks:
            self._write(chunk)
            sent += len(chunk)
        return sent

    def _send_file(self, path: Path) -> int:
        """The kernel moves the bytes: nothing passes through this process. Not every file system can."""
        sent = 0
        with path.open("rb", buffering=0) as file:
            send = partial(os.sendfile, self._descriptor, file.fileno(), None, CHUNK_BYTES)
            try:
                while count := self._once_there_is_room(send):
                    sent += count
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.ENOSYS}:
                    raise
                sent += self._send_all(iter(partial(file.read, CHUNK_BYTES), b""))
        return sent

    def _once_there_is_room(self, write: Callable[[], int]) -> int:
        while not self._called_off.is_set():
            try:
                return write()
            except BlockingIOError:
                self._room.poll(_CALLED_OFF_MILLISECONDS)
        raise CalledOff
