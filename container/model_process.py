"""A model in a process of its own, as the server of a multi-model container sees it.

A process, because unloading has to give all memory back, which Python and frameworks do not do within one, and because
a model that needs too much memory, or crashes, then takes nobody along. `container.model_program` is what runs in it.

The two speak over a Unix socket without a name in any folder: for each invocation a connection. No port is opened. What
goes over it are frames of bytes, never pickles: with ``--network host`` any program of the machine could send some.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from container.answering import Answer, AnswerBroken, Invocation, Pieces
from container.memory import read_memory
from container.models import ModelEnded, ModelNotLoadable
from contracts.multi_model import OUT_OF_RESOURCES, ModelEntry

#: How long a process whose connection broke may take to be gone.
_GONE_SECONDS = 5.0

_BACKLOG = 128
_BAD_REQUEST, _SERVER_ERROR = 400, 500
_KILLED = -9


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProgram:
    """How a model's process is started: the algorithm, what callers get who do not say, and its environment."""

    algorithm: str
    default_accept: str
    environment: Mapping[str, str]


class ModelProcess:
    """A model that is loaded; see the module's docstring."""

    def __init__(self, program: ModelProgram, entry: ModelEntry) -> None:
        """Start the process and wait until it has loaded the model; raises ModelNotLoadable."""
        if not Path(entry.url).is_dir():
            raise ModelNotLoadable(_BAD_REQUEST, f"there is no folder {entry.url}")
        _ask_for_memory("there is no memory for another model")
        with closing(socket.socket(socket.AF_UNIX)) as listening:
            listening.bind("")  # the kernel finds a name
            listening.listen(_BACKLOG)
            self._address: bytes = listening.getsockname()
            self._process = _start(program, entry, listening)
        try:
            self._wait_until_loaded()
            _ask_for_memory("with this model there would be no memory left to work with")
        except BaseException:
            self.end()
            raise

    def answer(self, invocation: Invocation) -> Answer:
        """What the model says; raises ModelEnded."""
        try:
            connection = self._connect()
        except OSError as error:
            raise self._ended() from error
        try:
            words = {"content_type": invocation.content_type, "accept": invocation.accept}
            connection.send_bytes(json.dumps(words).encode())
            connection.send_bytes(invocation.body)
            head = json.loads(connection.recv_bytes())
            body = None if head["is_in_pieces"] else connection.recv_bytes()
        except (OSError, EOFError) as error:
            connection.close()
            raise self._ended() from error
        if body is None:
            pieces = Pieces(_received_pieces(connection), connection.close)
            return Answer(status=head["status"], content_type=head["content_type"], body=pieces)
        connection.close()
        return Answer(status=head["status"], content_type=head["content_type"], body=body)

    def end(self) -> None:
        """End the process, which frees all that it holds."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None  # it is a pipe
        self._process.stdin.close()

    def _wait_until_loaded(self) -> None:
        try:
            with closing(self._connect()) as connection:
                outcome = json.loads(connection.recv_bytes())
        except (OSError, EOFError) as error:
            ended = self._ended()
            raise ModelNotLoadable(ended.status, str(ended)) from error
        if outcome["status"] != 200:  # noqa: PLR2004 - HTTP's own
            raise ModelNotLoadable(outcome["status"], outcome["reason"])

    def _connect(self) -> Connection:
        with closing(socket.socket(socket.AF_UNIX)) as connected:
            connected.connect(self._address)
            return Connection(connected.detach())

    def _ended(self) -> ModelEnded:
        """Why the connection broke, as far as the exit code tells."""
        try:
            code = self._process.wait(_GONE_SECONDS)
        except subprocess.TimeoutExpired:
            return ModelEnded(_SERVER_ERROR, "the model's process gave no answer")
        if code == _KILLED:
            return ModelEnded(
                OUT_OF_RESOURCES, "the model's process was killed, as the kernel does when memory runs out"
            )
        return ModelEnded(_SERVER_ERROR, f"the model's process ended with code {code}; the log tells more")


def _start(program: ModelProgram, entry: ModelEntry, listening: socket.socket) -> "subprocess.Popen[bytes]":
    number = listening.fileno()
    arguments = [str(number), program.algorithm, program.default_accept, entry.url]
    return subprocess.Popen(
        [sys.executable, "-m", "container.model_program", *arguments],
        env={**program.environment},
        pass_fds=[number],
        stdin=subprocess.PIPE,  # at whose end it knows that the server is gone
    )


def _received_pieces(connection: Connection) -> Iterator[bytes]:
    try:
        while piece := connection.recv_bytes():
            yield piece
    except (OSError, EOFError):
        raise AnswerBroken from None


def _ask_for_memory(complaint: str) -> None:
    memory = read_memory()
    if memory.is_short:
        raise ModelNotLoadable(OUT_OF_RESOURCES, f"{complaint}: {memory}")
