"""One endpoint: its container from creation to removal, as SageMaker treats it.

A step does what there is to do now and waits at most for one ping. Source of the times: SageMaker developer guide,
"Custom Inference Code with Hosting Services"; that pings go on every 5 s is observed, not documented.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from contracts.serving import DEFAULT_PORT, PING_PATH, START_UP_TIMEOUT_SECONDS, STOP_GRACE_SECONDS
from tuner.engine.gpu_neighbours import check_not_taken
from tuner.engine.protocol import Address, ContainerSpec, ContainerState, ContainerStatus, Engine
from tuner.errors import ContainerNotFound, EngineError, EngineRejected, GpuUnavailable, ImageNotFound
from tuner.jobs.activity import Activity
from tuner.jobs.log_follower import HandedOver, LogFollower
from tuner.jobs.log_lines import LineAssembler
from tuner.jobs.outcomes import Ending, Loss, loss_of_ending, loss_of_missing
from tuner.serving.calls import Ping
from tuner.serving.errors import EndpointFailed

#: How often a container is pinged until it is in service, and from then on.
START_UP_PING_SECONDS = 1.0
IN_SERVICE_PING_SECONDS = 5.0
#: How many lines of the log an error repeats.
_LAST_LINES = 10
#: How long the end of its log may take to be read, in seconds.
_LAST_LINES_SECONDS = 10.0


class EventKind(StrEnum):
    """What a listener is told."""

    LOG = "log"
    IN_SERVICE = "in_service"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"
    STOPPING = "stopping"
    KILLED = "killed"


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointEvent:
    """Something happened to an endpoint; `text` is for people, and of LOG the line itself."""

    kind: EventKind
    text: str


#: Told of everything, at once.
Listener = Callable[[EndpointEvent], None]


class Endpoint:
    """The container of one endpoint; use it in a ``with`` block, at whose end the container is gone.

    `ping` asks the container once; `clock` gives seconds. `activity` is set when the log has something new.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        spec: ContainerSpec,
        listener: Listener,
        ping: Callable[[Address], Ping],
        clock: Callable[[], float],
        startup_seconds: float = START_UP_TIMEOUT_SECONDS,
        grace_seconds: float = STOP_GRACE_SECONDS,
    ) -> None:
        self.activity = Activity()
        self.is_in_service = False
        self._engine = engine
        self._spec = spec
        self._listener = listener
        self._ping = ping
        self._clock = clock
        self._startup_seconds = startup_seconds
        self._grace_seconds = grace_seconds
        self._container_id: str | None = None
        self._follower: LogFollower | None = None
        self._assembler = LineAssembler()
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._started = 0.0
        self._next_ping = 0.0
        self._last_ping = Ping(trouble="it was never asked", connected=False)
        self._signalled: float | None = None
        self._is_killed = False

    def __enter__(self) -> Self:
        """Create the container and start it.

        Raises EndpointFailed, ImageNotFound, GpuUnavailable, GpuTaken, EngineRejected.
        """
        self._container_id = self._engine.create(self._spec)
        try:
            check_not_taken(self._engine, (self._spec,))
            self._start(self._container_id)
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the container, killing it if need be."""
        self._remove()

    @property
    def address(self) -> Address:
        """Where the container's port is reached; raises EngineRejected once it has ended."""
        return self._engine.address(self._id, DEFAULT_PORT)

    def step(self) -> bool:
        """Do what there is to do; return False when the container has ended after it was asked to.

        Raises EndpointFailed where it ended by itself, or did not come into service in time; EngineUnreachable.
        """
        assert self._follower is not None
        self._show(self._follower.take())
        state = self._state()
        if state is None:
            if self._signalled is not None:
                return False
            raise self._failure("Its container was removed from outside", loss_of_missing())
        if state.status is ContainerStatus.EXITED:
            self._show(self._follower.read_rest(_LAST_LINES_SECONDS), is_last=True)
            if self._signalled is not None:
                return False
            raise self._failure(self._exit_words(state), self._loss(state))
        if self._follower.has_ended:
            self._follower.follow()
        if self._signalled is not None:
            self._press_stop(self._signalled)
        else:
            self._ping_when_due()
        return True

    def ask_stop(self) -> None:
        """Send SIGTERM, once; SIGKILL follows when the grace is over."""
        if self._signalled is None:
            self._signalled = self._clock()
            self._tell(
                EventKind.STOPPING,
                f"Stopping: the container gets SIGTERM and up to {self._grace_seconds:g} s. Ctrl-C again kills it.",
            )
            self._signal("SIGTERM")

    def kill(self) -> None:
        """Send SIGKILL, once."""
        if not self._is_killed:
            self._is_killed = True
            self._signal("SIGKILL")

    # Inside

    @property
    def _id(self) -> str:
        assert self._container_id is not None, "the endpoint is used in a with block"
        return self._container_id

    def _start(self, container_id: str) -> None:
        try:
            self._engine.start(container_id)
        except (GpuUnavailable, ImageNotFound):
            raise
        except EngineRejected as error:
            raise EndpointFailed(str(error)) from error
        self._started = self._next_ping = self._clock()
        self._follower = LogFollower(self._engine, container_id, self.activity)
        self._follower.follow()

    def _remove(self) -> None:
        if self._follower is not None:
            self._follower.close()
        if self._container_id is not None:
            self._engine.remove(self._container_id)

    def _state(self) -> ContainerState | None:
        try:
            return self._engine.state(self._id)
        except ContainerNotFound:
            return None

    def _signal(self, signal_name: str) -> None:
        with suppress(ContainerNotFound):  # the next look at its state says what that means
            self._engine.signal(self._id, signal_name)

    def _show(self, handed_over: list[HandedOver], *, is_last: bool = False) -> None:
        frames = [frame for one in handed_over for frame in one.block.frames()]
        lines = [line for frame in frames for line in self._assembler.feed(frame)]
        if is_last:
            lines += self._assembler.finish()
        for line in lines:
            self._last_lines.append(line.text)
            self._tell(EventKind.LOG, line.text)

    def _tell(self, kind: EventKind, text: str) -> None:
        self._listener(EndpointEvent(kind=kind, text=text))

    def _press_stop(self, signalled: float) -> None:
        if not self._is_killed and self._clock() - signalled > self._grace_seconds:
            self._tell(
                EventKind.KILLED,
                f"The container did not end within {self._grace_seconds:g} s of SIGTERM and is killed: does its entry"
                " point run as PID 1 and heed the signal?",
            )
            self.kill()

    def _ping_when_due(self) -> None:
        now = self._clock()
        if now < self._next_ping:
            return
        self._next_ping = now + (IN_SERVICE_PING_SECONDS if self.is_in_service else START_UP_PING_SECONDS)
        try:
            address = self.address
        except EngineError:
            return  # it ended in this very moment; the next step sees it
        before, self._last_ping = self._last_ping, self._ping(address)
        if not self.is_in_service:
            self._wait_for_service(address)
        elif self._last_ping.is_healthy != before.is_healthy:
            if self._last_ping.is_healthy:
                self._tell(EventKind.HEALTHY, f"Healthy again: {PING_PATH} answers 200.")
            else:
                self._tell(
                    EventKind.UNHEALTHY,
                    f"Unhealthy: {self._last_ping.trouble}. SageMaker would send it no more requests and replace it.",
                )

    def _wait_for_service(self, address: Address) -> None:
        seconds = self._clock() - self._started
        if self._last_ping.is_healthy:
            self.is_in_service = True
            self._next_ping = self._clock() + IN_SERVICE_PING_SECONDS
            self._tell(EventKind.IN_SERVICE, f"http://{address}")
        elif seconds > self._startup_seconds:
            listens = "" if self._last_ping.connected else f" Does it listen on 0.0.0.0:{DEFAULT_PORT}?"
            raise self._failure(
                f"It did not pass the ping health check within {self._startup_seconds:g} s: {self._last_ping.trouble}."
                + listens
            )

    def _exit_words(self, state: ContainerState) -> str:
        when = "" if self.is_in_service else f" before {PING_PATH} answered 200"
        memory = ", for it used more memory than its limit" if state.oom_killed else ""
        return f"Its container exited with code {state.exit_code}{when}{memory}"

    def _loss(self, state: ContainerState) -> Loss | None:
        """The loss that an end was which nobody asked for.

        The container is looked at several times a second: where an end is only seen when the engine has come up, it
        had been seen to run just before.
        """
        return loss_of_ending(
            Ending(
                state=state,
                signals=self._engine.signals(self._id, state),
                engine_started=self._engine.started_at(),
                last_seen=state.finished_at,
            )
        )

    def _failure(self, text: str, loss: Loss | None = None) -> EndpointFailed:
        return EndpointFailed(text if text.endswith((".", "?")) else f"{text}.", tuple(self._last_lines), loss)


def serve(endpoint: Endpoint, times_asked_to_stop: Callable[[], int], wait: Callable[[], None]) -> None:
    """Step until the container has ended; `wait` is called between steps.

    Asked once it is stopped gracefully, asked again at once. Raises what `Endpoint.step` raises.
    """
    while endpoint.step():
        asked = times_asked_to_stop()
        if asked:
            endpoint.ask_stop()
        if asked > 1:
            endpoint.kill()
        wait()
