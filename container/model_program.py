"""What runs in the process of one model of a multi-model container: load it, tell how that went, answer.

    python -m container.model_program SOCKET ALGORITHM DEFAULT_ACCEPT FOLDER

SOCKET is the number of a listening Unix socket. The first connection is told how the loading went; each one after it
brings one invocation. The process lives until its standard input ends, which the server holds.
"""

import json
import os
import signal
import socket
import sys
import threading
import traceback
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

from container.algorithm import load_predictor
from container.answering import Invocation, answer
from container.errors import ContainerError
from container.memory import WHILE_LOADING, WHILE_SERVING, expose_to_memory_killer, is_memory_error
from container.model_thread import ModelThread
from contracts.errors import ContractError
from contracts.multi_model import OUT_OF_RESOURCES

_SERVER_ERROR = 500


class OneModel:
    """One model and the socket on which it is asked."""

    def __init__(self, listening: socket.socket, algorithm: str, default_accept: str, folder: Path) -> None:
        self._listening = listening
        self._folder = folder
        self._default_accept = default_accept
        self._model = ModelThread(lambda: load_predictor(algorithm, folder), self._tell_failure)

    def start(self) -> None:
        """Begin to load the model, and then to answer."""
        expose_to_memory_killer(WHILE_LOADING)
        self._model.start(self._begin_to_answer)

    def _begin_to_answer(self) -> None:
        expose_to_memory_killer(WHILE_SERVING)
        self._tell(200, "")
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def _tell_failure(self, error: BaseException) -> None:
        reason = str(error) if isinstance(error, ContainerError | ContractError) else f"{type(error).__name__}: {error}"
        print(f"the model in {self._folder} cannot be loaded: {reason}", file=sys.stderr)
        if not isinstance(error, ContainerError | ContractError):
            traceback.print_exception(error)
        self._tell(status_of(error), f"the model cannot be loaded: {reason}")
        sys.stderr.flush()
        os._exit(1)

    def _tell(self, status: int, reason: str) -> None:
        connected, _ = self._listening.accept()
        with closing(Connection(connected.detach())) as connection:
            connection.send_bytes(json.dumps({"status": status, "reason": reason}).encode())

    def _accept(self) -> None:
        while True:
            connected, _ = self._listening.accept()
            connection = Connection(connected.detach())
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with closing(connection):
            try:
                words = json.loads(connection.recv_bytes())
                invocation = Invocation(body=connection.recv_bytes(), **words)
                self._send(connection, invocation)
            except (OSError, EOFError):
                return  # the caller has left; or the answer is broken off, which the connection's end tells

    def _send(self, connection: Connection, invocation: Invocation) -> None:
        answered = answer(self._model, invocation, default_accept=self._default_accept, status_of=status_of)
        is_in_pieces = not isinstance(answered.body, bytes)
        head = {"status": answered.status, "content_type": answered.content_type, "is_in_pieces": is_in_pieces}
        connection.send_bytes(json.dumps(head).encode())
        if isinstance(answered.body, bytes):
            connection.send_bytes(answered.body)
            return
        with closing(answered.body) as pieces:
            for piece in pieces:
                connection.send_bytes(piece)
        connection.send_bytes(b"")


def status_of(error: BaseException) -> int:
    """The status for what a model raises: the platform unloads other models where memory is short."""
    return int(OUT_OF_RESOURCES) if is_memory_error(error) else _SERVER_ERROR


def main(number: str, algorithm: str, default_accept: str, folder: str) -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; the server sees to it
    OneModel(socket.socket(fileno=int(number)), algorithm, default_accept, Path(folder)).start()
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
