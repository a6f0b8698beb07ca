"""A socket in front of an engine's that lets everything through, but cuts the first followed logs short."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

_FOLLOWING = b"follow=1"
_PIECE_BYTES = 1 << 16


class CuttingSocket:
    """Listens at `path` and passes on to the socket `target`.

    The answers to the first `cuts` requests for a followed log end after `after` bytes, without a word: the
    connection is closed, in the middle of a frame if it comes so.
    """

    def __init__(self, path: Path, target: Path, *, after: int, cuts: int = 1 << 30) -> None:
        self._target = str(target)
        self._after = after
        self._left = threading.Semaphore(cuts)
        self.done = 0  # how many logs have been cut
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        self.host = f"unix://{path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                engine = socket.socket(socket.AF_UNIX)
                engine.connect(self._target)
                pair = _Pair(self, client, engine)
                threading.Thread(target=pair.pass_requests, daemon=True).start()
                threading.Thread(target=pair.pass_answers, daemon=True).start()

    def is_to_be_cut(self) -> bool:
        """Whether there is a cut left; it is used up."""
        return self._left.acquire(blocking=False)

    @property
    def after(self) -> int:
        """So many bytes of an answer get through, its head counted."""
        return self._after


class _Pair:
    def __init__(self, owner: CuttingSocket, client: socket.socket, engine: socket.socket) -> None:
        self._owner, self._client, self._engine = owner, client, engine
        self._allowed: int | None = None

    def pass_requests(self) -> None:
        with suppress(OSError):
            while piece := self._client.recv(_PIECE_BYTES):
                if _FOLLOWING in piece and self._owner.is_to_be_cut():
                    self._allowed = self._owner.after
                self._engine.sendall(piece)
        self._close()

    def pass_answers(self) -> None:
        with suppress(OSError):
            while piece := self._engine.recv(_PIECE_BYTES):
                if self._allowed is not None:
                    piece = piece[: self._allowed]
                    self._allowed -= len(piece)
                self._client.sendall(piece)
                if self._allowed == 0:
                    self._owner.done += 1
                    break
        self._close()

    def _close(self) -> None:
        for one in (self._client, self._engine):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
