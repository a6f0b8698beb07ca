"""``python -m container serve`` as a process of this machine, for the tests of what the platform sees of it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 120
CSV = {"Content-Type": "text/csv", "Accept": "text/csv"}


class Server:
    """``python -m container serve`` in a process of its own, on a free port."""

    def __init__(self, folder: Path, algorithm: str, variables: Mapping[str, str]) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self.model = folder / "ml" / "model"
        self.model.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        environment = {
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{Path(__file__).parent}",
            "SAGEMAKER_BASE_DIR": str(folder / "ml"),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "ALGODOCK_ALGORITHM": f"fake_serving:{algorithm}",
            **variables,
        }
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "container", "serve"]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    @property
    def log(self) -> str:
        """All that was printed."""
        return self._log.read_text()

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept for as many requests as one likes."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of an answer, on a connection of its own; CSV in, CSV out."""
        with closing(self.connect()) as connection:
            connection.request(method, path, body, CSV)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def predict(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of an invocation."""
        return self.ask("POST", "/invocations", body)

    def ping(self) -> int | None:
        """Status of a ping, None where nobody answers."""
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/ping")[0]
        return None

    def wait_until_ready(self) -> "Server":
        """Ping until all is well; all workers have loaded their model then, or some soon will."""
        wait_for(lambda: self.ping() == 200, self)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)

    def slow_client(self, beginning: bytes) -> socket.socket:
        """A client that sends the beginning of a request and then nothing."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_SECONDS)
        client.sendall(beginning)
        return client


def wait_for(condition: Callable[[], bool], server: Server) -> None:
    """Poll until it holds, with a deadline that a loaded machine does not reach."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, server.log
        assert server.process.poll() is None, server.log
        time.sleep(0.02)


#: Starts a server of an algorithm of `fake_serving`.
Start = Callable[..., Server]
