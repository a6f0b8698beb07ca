"""A container of the image that serves, as the platform starts it: asked, watched, stopped."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from contracts.paths import OptMlLayout
from contracts.serving import DEFAULT_PORT, START_UP_TIMEOUT_SECONDS, STOP_GRACE_SECONDS
from tuner.conformance.probe import CHECK_NAME, CheckAbandoned
from tuner.conformance.serving.http_calls import PING, Call, Connection, Exchange, Reply
from tuner.engine.protocol import (
    ENDPOINT_LABEL,
    HOME_LABEL,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    Engine,
    Mount,
)
from tuner.errors import ContainerNotFound, EngineError, EngineRejected, ImageNotFound
from tuner.jobs.log_lines import LineAssembler

#: Shared memory of a container, in bytes.
_SHARED_MEMORY = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingPatience:
    """How long the check waits, in seconds: the service's own times.

    `startup` until /ping answers 200; `ping` and `invocation` for an answer; `grace` from SIGTERM to SIGKILL; `spare`
    what a start may take beyond three times a good one; `load` how long requests are sent side by side; `poll` between
    two looks at a container.
    """

    startup: float = START_UP_TIMEOUT_SECONDS
    ping: float = 2.0
    invocation: float = 60.0
    grace: float = STOP_GRACE_SECONDS
    spare: float = 10.0
    load: float = 3.0
    poll: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """All that a container which serves is given.

    `model` is mounted as ``/opt/ml/model``, `mounts` besides. `port` is where it is reached.
    """

    model: Path | None
    environment: Mapping[str, str] = field(default_factory=dict)
    is_read_only: bool = True
    port: int = DEFAULT_PORT
    network: bool = True
    memory_bytes: int | None = None
    mounts: tuple[Mount, ...] = ()

    @property
    def all_mounts(self) -> tuple[Mount, ...]:
        """The model's and the others."""
        if self.model is None:
            return self.mounts
        return (
            Mount(source=self.model, target=str(OptMlLayout().model), read_only=self.is_read_only),
            *self.mounts,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """How a container came up.

    `ready_after` is how many seconds after its start /ping answered 200, None where it never did. `exit_code` is that
    of a container that ended by itself before. `last_ping` is the last one; `has_answered` says whether anything that
    speaks HTTP ever did. `refusal` is the engine's text where the container could not be started.
    """

    ready_after: float | None = None
    exit_code: int | None = None
    refusal: str = ""
    last_ping: Reply | None = None
    has_answered: bool = False
    lines: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        if self.refusal:
            return f"the container could not be started: {self.refusal}"
        if self.ready_after is not None:
            return f"/ping answered 200 after {self.ready_after:.1f} s"
        said = f"; last line: {self.lines[-1][:200]!r}" if self.lines else "; nothing was printed"
        if self.exit_code is not None:
            return f"it ended with exit code {self.exit_code} after {self.seconds:.1f} s{said}"
        if not self.has_answered:
            return f"nothing that speaks HTTP answered within {self.seconds:.0f} s{said}"
        ping = "" if self.last_ping is None else f", the last time {self.last_ping.words}"
        return f"/ping did not answer 200 within {self.seconds:.0f} s{ping}{said}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """How a container ended at SIGTERM. `exit_code` is None where it took SIGKILL; `seconds` since SIGTERM."""

    exit_code: int | None
    seconds: float

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        if self.exit_code is None:
            return f"it did not end within {self.seconds:.0f} s of SIGTERM and was killed"
        return f"it ended {self.seconds:.1f} s after SIGTERM with exit code {self.exit_code}"


class ServingProbe:
    """Runs containers of one image that serve; may be used from several threads at once.

    `cpus` is what each container gets. `clock` gives seconds, `sleep` waits for them.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        image: str,
        home: Path,
        patience: ServingPatience | None = None,
        cpus: float | None = None,
        gpus: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.patience = patience or ServingPatience()
        self._engine = engine
        self._image = image
        self._home = home
        self._cpus = cpus
        self._gpus = gpus
        self._clock = clock
        self._sleep = sleep
        self._token = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._names = Lock()
        self._abandoned = Event()
        self._running: set[str] = set()

    def abandon(self) -> None:
        """Remove all containers; what waits for one raises CheckAbandoned, and what asks one gets no answer."""
        self._abandoned.set()
        for container_id in tuple(self._running):
            with suppress(EngineError):
                self._engine.remove(container_id)

    @contextmanager
    def serve(self, setting: Setting) -> Iterator["Service"]:
        """A container that was started with ``serve``; it is gone at the end of the block.

        Raises EngineError, and CheckAbandoned once the check is given up.
        Where the engine refuses to start it, the service says so and answers nothing.
        """
        with self._names:
            name = f"{CHECK_NAME}{self._token}-serve-{next(self._numbers)}"
        spec = ContainerSpec(
            name=name,
            image=self._image,
            arguments=("serve",),
            environment=setting.environment,
            mounts=setting.all_mounts,
            labels={HOME_LABEL: str(self._home), ENDPOINT_LABEL: name},
            gpu_ids=self._gpus,
            network=setting.network,
            memory_bytes=setting.memory_bytes,
            cpus=self._cpus,
            shm_bytes=_SHARED_MEMORY,
            published_ports={setting.port: 0} if setting.network else {},
        )
        try:
            container_id = self._engine.create(spec)
        except ImageNotFound:
            raise
        except EngineRejected as error:  # no command at all, for one
            yield self._service("", setting.port, str(error))
            return
        self._running.add(container_id)
        try:
            self._go_on()
            refusal = ""
            try:
                self._engine.start(container_id)
            except EngineRejected as error:
                refusal = str(error)
            yield self._service(container_id, setting.port, refusal)
        finally:
            self._running.discard(container_id)
            with suppress(EngineError):  # the engine has gone: what it was asked for has said so
                self._engine.remove(container_id)

    def _service(self, container_id: str, port: int, refusal: str) -> "Service":
        return Service(
            self._engine,
            container_id,
            port=port,
            refusal=refusal,
            patience=self.patience,
            clock=self._clock,
            wait=self.rest,
        )

    def rest(self) -> None:
        """Wait for a moment between two looks at a container; raises CheckAbandoned once the check is given up."""
        self._go_on()
        self._sleep(self.patience.poll)

    def _go_on(self) -> None:
        if self._abandoned.is_set():
            raise CheckAbandoned("the check was given up")


class Service:
    """A container that serves. Made by `ServingProbe.serve`; may be called from several threads at once."""

    def __init__(
        self,
        engine: Engine,
        container_id: str,
        *,
        port: int,
        refusal: str,
        patience: ServingPatience,
        clock: Callable[[], float],
        wait: Callable[[], None],
    ) -> None:
        self.refusal = refusal
        self.patience = patience
        self._engine = engine
        self._id = container_id
        self._port = port
        self._clock = clock
        self._wait = wait
        self._started = clock()

    @property
    def is_running(self) -> bool:
        """Whether the container was started and has not ended."""
        return self._state().status is ContainerStatus.RUNNING

    @property
    def lines(self) -> tuple[str, ...]:
        """What it has printed so far."""
        if not self._id:
            return ()
        assembler = LineAssembler()
        with suppress(ContainerNotFound):
            lines = [line for frame in self._engine.frames(self._id, follow=False) for line in assembler.feed(frame)]
            return tuple(line.text for line in (*lines, *assembler.finish()))
        return ()

    def ask(self, call: Call) -> Exchange:
        """Make `call` on a connection of its own; a container that has ended gives no answer."""
        with self.connect() as connection:
            return Exchange(call=call, reply=connection.send(call))

    def connect(self) -> Connection:
        """A connection for several calls; a container that has ended gives no answer."""
        try:
            return Connection(self._engine.address(self._id, self._port))
        except (EngineRejected, ContainerNotFound):
            return Connection(None)

    def come_up(self, limit: float | None = None, *, between: Callable[[], None] = lambda: None) -> Start:
        """Ping until the answer is 200, for `limit` seconds at most; `between` is called after each ping that is not.

        Without a limit it is waited for a quarter longer than the service would: to tell what is late from what fails.
        """
        seconds = self.patience.startup * 1.25 if limit is None else limit
        has_answered, last = False, None
        ping = Call(method=PING.method, path=PING.path, seconds=self.patience.ping)
        while self.is_running:
            last = self.ask(ping).reply
            has_answered = has_answered or last.status is not None
            passed = self._clock() - self._started
            if last.status == 200:  # noqa: PLR2004 - the only one that counts
                return Start(ready_after=passed, last_ping=last, has_answered=True, lines=self.lines, seconds=passed)
            if passed > seconds:
                break
            between()
            self._wait()
        state = self._state()
        return Start(
            exit_code=state.exit_code,
            refusal=self.refusal,
            last_ping=last,
            has_answered=has_answered,
            lines=self.lines,
            seconds=self._clock() - self._started,
        )

    def stays_up(self, seconds: float) -> Start:
        """Watch a container that cannot be asked, for it has no network; `exit_code` is that of one that ended."""
        while self.is_running and self._clock() - self._started < seconds:
            self._wait()
        state = self._state()
        passed = self._clock() - self._started
        return Start(exit_code=state.exit_code, refusal=self.refusal, lines=self.lines, seconds=passed)

    def signal(self, name: str) -> None:
        """Send a signal to PID 1."""
        with suppress(ContainerNotFound):
            self._engine.signal(self._id, name)

    def until_ended(self, since: float | None = None) -> Stop:
        """Wait for the end after SIGTERM, sent at the clock's `since` (or now); SIGKILL when the grace is over."""
        began = self._clock() if since is None else since
        while (state := self._state()).status is not ContainerStatus.EXITED:
            if self._clock() - began > self.patience.grace:
                self.signal("SIGKILL")
                return Stop(exit_code=None, seconds=self._clock() - began)
            self._wait()
        return Stop(exit_code=state.exit_code, seconds=self._clock() - began)

    def _state(self) -> ContainerState:
        if not self._id or self.refusal:
            return ContainerState(status=ContainerStatus.CREATED)
        try:
            return self._engine.state(self._id)
        except ContainerNotFound:
            return ContainerState(status=ContainerStatus.EXITED)
