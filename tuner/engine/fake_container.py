"""A container of the fake engine, as its program sees it and as the engine sees it."""

import json
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from threading import Condition, Lock

from tuner.engine.protocol import Address, ContainerSpec, ContainerState, ContainerStatus, LogFrame, Stream
from tuner.engine.wire import LOOPBACK, NO_DEVICES, VISIBLE_DEVICES

#: What a container runs: a plain function runs at once when the container starts and returns the exit code (None: 0). A
#: generator function stands still at each yield, in which the container is running, and returns the exit code likewise.
Program = Callable[["FakeContainer"], int | Iterator[None] | None]

#: Called when a signal arrives; a returned number ends the container with it, None lets it go on.
SignalAction = Callable[[], int | None]

#: Docker stores a longer line in pieces of this size.
_PIECE_BYTES = 16 * 1024
_KILLED = 137


class FakeContainer:
    """A container and the world in it.

    A program uses `print`, `write`, `hyperparameters`, `environment`, `on_signal`, `write_model`, `fail` and
    `socket_of`. A test looks at `spec`, `signals` and `frames`.
    """

    def __init__(
        self,
        container_id: str,
        spec: ContainerSpec,
        program: Program | None,
        clock: Callable[[], float],
        changed: Condition,
    ) -> None:
        self.container_id = container_id
        self.spec = spec
        self.program = program
        self.created_at = clock()
        #: All output so far, cut as Docker cuts it: a frame a line, long lines in pieces.
        self.frames: list[LogFrame] = []
        #: The names of the signals that arrived while it was running, oldest first.
        self.signals: list[str] = []
        #: How much the program says that it has written beside its mounts.
        self.layer_bytes = 0
        #: The engine's text when the container could not be started.
        self.error = ""
        self._clock = clock
        self._changed = changed
        self._actions: dict[str, SignalAction] = {}
        self._unfinished = {Stream.STDOUT: b"", Stream.STDERR: b""}
        self._steps: Iterator[None] | None = None
        self._stepping = Lock()
        self._started_at: float | None = None
        self._finished_at: float | None = None
        self._exit_code: int | None = None
        self._sockets: dict[int, socket.socket] = {}
        self._oom_killed = False

    # What a program does.

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the program sees, with the one that tells which GPUs it was given."""
        return {**self.spec.environment, VISIBLE_DEVICES: ",".join(self.spec.gpu_ids) or NO_DEVICES}

    @property
    def hyperparameters(self) -> Mapping[str, str]:
        """What ``/opt/ml/input/config/hyperparameters.json`` says."""
        content: dict[str, str] = json.loads(self.path("/opt/ml/input/config/hyperparameters.json").read_text("utf-8"))
        return content

    def print(self, text: str, *, stream: Stream = Stream.STDOUT) -> None:
        """Write a line to one of the outputs."""
        self.write_output(f"{text}\n".encode(), stream=stream)

    def write_output(self, content: bytes, *, stream: Stream = Stream.STDOUT) -> None:
        """Write bytes to one of the outputs; what is not a whole line yet is seen with its end, as with Docker."""
        with self._changed:
            rest = self._unfinished[stream] + content
            while rest:
                end = rest.find(b"\n", 0, _PIECE_BYTES) + 1
                if not end and len(rest) < _PIECE_BYTES:
                    break
                end = end or _PIECE_BYTES
                self._keep(stream, rest[:end])
                rest = rest[end:]
            self._unfinished[stream] = rest
            self._changed.notify_all()

    def path(self, path: str) -> Path:
        """Where `path` of the container lies on this host; raises FileNotFoundError where nothing is mounted there."""
        return self._locate(path)[0]

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file of the container; raises OSError where its mount is read-only."""
        place, read_only = self._locate(path)
        if read_only:
            raise OSError(f"Read-only file system: {path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def write_model(self, content: str | bytes = "weights", *, name: str = "model.bin") -> None:
        """Write a file of the model."""
        self.write(f"/opt/ml/model/{name}", content)

    def fail(self, reason: str, *, exit_code: int = 1) -> int:
        """Write the failure file and return `exit_code`, to be returned in turn."""
        self.write("/opt/ml/output/failure", reason)
        return exit_code

    def on_signal(self, signal_name: str, action: SignalAction) -> None:
        """Let `action` answer a signal. Without one a signal is ignored, as Linux does for PID 1; SIGKILL ends it."""
        self._actions[signal_name] = action

    def socket_of(self, port: int) -> socket.socket:
        """The real socket on this host that stands for a published `port`: bound; it is the program's to listen on it.

        It is closed when the container ends. Raises KeyError where the port is not published.
        """
        return self._sockets[port]

    # What the engine does.

    def publish(self) -> None:
        """Take a port of this host for each published one; until the program listens, connections are refused.

        Raises OSError where a port is taken.
        """
        with self._changed:
            if self._started_at is None:
                for port, host_port in self.spec.published_ports.items():
                    self._sockets[port] = self._bound(host_port)

    def address(self, port: int) -> Address | None:
        """Where a published `port` is reached while the container runs."""
        with self._changed:
            if port not in self._sockets:
                return None
            return Address(host=LOOPBACK, port=self._sockets[port].getsockname()[1])

    def state(self) -> ContainerState:
        """What the engine says of the container."""
        with self._changed:
            if self._exit_code is not None:
                status = ContainerStatus.EXITED
            else:
                status = ContainerStatus.CREATED if self._started_at is None else ContainerStatus.RUNNING
            return ContainerState(
                status=status,
                exit_code=self._exit_code,
                oom_killed=self._oom_killed,
                started_at=self._started_at,
                finished_at=self._finished_at,
                error=self.error,
                memory_limit_bytes=self.spec.memory_bytes,
            )

    def start(self) -> None:
        """Run the program up to its first yield, or to its end; starting it again while it runs does nothing."""
        with self._changed:
            if self._started_at is not None:
                return
            self._started_at = self._clock()
        if self.program is None:
            return
        # Outside the lock: a program may wait for the test, and may print meanwhile.
        try:
            outcome = self.program(self)
        except Exception:  # noqa: BLE001 - the rim of the container: what a program raises is its own failure
            self._crash()
            return
        if isinstance(outcome, Iterator):
            self._steps = outcome
            self.advance()
        else:
            self.end(outcome or 0)

    def advance(self) -> None:
        """Let the program go on to its next yield; without effect where it is not running."""
        if self._steps is None or self.state().status is not ContainerStatus.RUNNING:
            return
        if not self._stepping.acquire(blocking=False):
            return  # another thread is at it
        try:
            next(self._steps)
        except StopIteration as end:
            self.end(end.value or 0)
        except Exception:  # noqa: BLE001 - as in `start`
            self._crash()
        finally:
            self._stepping.release()

    def signal(self, signal_name: str) -> None:
        """Deliver a signal; without effect where it is not running."""
        if self.state().status is not ContainerStatus.RUNNING:
            return
        self.signals.append(signal_name)
        if signal_name in {"SIGKILL", "KILL"}:
            self.end(_KILLED)
            return
        action = self._actions.get(signal_name)
        exit_code = action() if action else None
        if exit_code is not None:
            self.end(exit_code)

    def end(self, exit_code: int, *, oom_killed: bool = False) -> None:
        """End the container with `exit_code`; without effect where it is not running."""
        with self._changed:
            if self.state().status is not ContainerStatus.RUNNING:
                return
            for stream, rest in self._unfinished.items():
                if rest:
                    self._keep(stream, rest)
            self._unfinished = dict.fromkeys(self._unfinished, b"")
            self._exit_code, self._oom_killed = exit_code, oom_killed
            self._finished_at = self._clock()
            self._close_sockets()
            self._changed.notify_all()

    # Inside.

    def _bound(self, host_port: int) -> socket.socket:
        bound = socket.socket()
        try:
            bound.bind((LOOPBACK, host_port))
        except OSError:
            bound.close()
            self._close_sockets()
            raise
        return bound

    def _close_sockets(self) -> None:
        for bound in self._sockets.values():
            bound.close()
        self._sockets.clear()

    def _crash(self) -> None:
        self.write_output(traceback.format_exc().encode(), stream=Stream.STDERR)
        self.end(1)

    def _keep(self, stream: Stream, payload: bytes) -> None:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        # Nine digits as Docker gives; the last three tell the frames of one moment apart.
        timestamp = f"{moment:%Y-%m-%dT%H:%M:%S.%f}{len(self.frames) % 1000:03d}Z"
        self.frames.append(LogFrame(stream=stream, timestamp=timestamp, payload=payload))

    def _locate(self, path: str) -> tuple[Path, bool]:
        """The place of `path` on this host, by the deepest mount above it, and whether that is read-only."""
        wanted = PurePosixPath(path)
        for mount in sorted(self.spec.mounts, key=lambda mount: len(mount.target), reverse=True):
            if wanted.is_relative_to(mount.target):
                return mount.source / wanted.relative_to(mount.target), mount.read_only
        raise FileNotFoundError(f"nothing is mounted at {path} in container {self.spec.name}")
