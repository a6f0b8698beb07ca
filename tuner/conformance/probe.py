"""Runs a container of the image once, and observes it."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock

from contracts.resources import Host
from tuner.conformance.case import GoodCase
from tuner.conformance.company import Company, Place
from tuner.conformance.feeding import Feeds
from tuner.conformance.observation import Run
from tuner.conformance.sending import GPUS_VARIABLE, Sending
from tuner.conformance.staging import Staged, stage
from tuner.conformance.traces import files_below, left_by_training, read_lines
from tuner.engine.protocol import (
    HOME_LABEL,
    JOB_LABEL,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    Engine,
)
from tuner.engine.wire import seconds as seconds_of
from tuner.errors import EngineError, EngineRejected, ImageNotFound, TunerError
from tuner.jobs.log_lines import LogLine

#: What the names of all containers and networks of a check begin with.
CHECK_NAME = "algodock-check-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the check waits, in seconds.

    `limit` for the good case; `grace` from SIGTERM to SIGKILL; `spare` what a run that ought to fail may take beyond
    three times a good one; `telling` what a run must take at least to show whether its output is buffered; `between`
    two signals; `poll` between two looks at a container; `late` is what a FIFO of a later epoch is late,
    `unknown` how long the name of a host is not known yet.
    """

    limit: float = 600.0
    grace: float = 120.0
    spare: float = 20.0
    telling: float = 3.0
    between: float = 0.3
    poll: float = 0.1
    late: float = 5.0
    unknown: float = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Glimpse:
    """What is seen of a container while it runs; `seconds` since it started."""

    lines: Sequence[LogLine]
    seconds: float
    has_checkpoint: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Interruption:
    """Signals to PID 1 as soon as `moment` has come."""

    moment: Callable[[Glimpse], bool]
    signals: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Watch:
    """How a container is watched; `staged` is where its files are, None where nobody looks at them."""

    limit: float
    interruption: Interruption | None = None
    staged: Staged | None = None
    place: Place | None = None


class CheckAbandoned(TunerError):
    """The check was given up while a container ran."""


class Probe:
    """Runs containers of one image below `folder`; may be used from several threads at once.

    `cpus` is what each container gets: numeric libraries start a thread for each processor they see, and side by side
    they would wait for one another. Of `gpus` each gets all.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        case: GoodCase,
        home: Path,
        folder: Path,
        patience: Patience,
        cpus: float | None = None,
        gpus: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.patience = patience
        self._engine = engine
        self._case = case
        self._home = home
        self._folder = folder
        self.cpus = cpus
        self.gpus = gpus
        self._clock = clock
        self._sleep = sleep
        self._token = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._names = Lock()
        self._abandoned = Event()

    def abandon(self) -> None:
        """Let every run that is under way remove its container and raise CheckAbandoned."""
        self._abandoned.set()

    def new_name(self) -> str:
        """A name that no other run of this check has."""
        with self._names:
            return f"{CHECK_NAME}{self._token}-{next(self._numbers)}"

    def labels(self, name: str) -> Mapping[str, str]:
        """What a container of this check carries, so that it is found whatever happens."""
        return {HOME_LABEL: str(self._home), JOB_LABEL: name}

    def run(
        self,
        sending: Sending,
        *,
        interruption: Interruption | None = None,
        limit: float | None = None,
        checkpoints: Path | None = None,
        place: Place | None = None,
    ) -> Run:
        """Run the image with `sending` until it ends, or for `limit` seconds; raises EngineError.

        `place` is where it stands among the hosts of one job, if it does not train alone.
        """
        name = self.new_name()
        staged = stage(sending, self._folder / name, checkpoints)
        spec = ContainerSpec(
            name=name,
            image=self._case.image,
            entry_point=self._case.entry_point,
            arguments=self._case.arguments,
            environment={**sending.environment, **self._number_of_gpus(sending)},
            mounts=staged.mounts,
            labels=self.labels(name),
            gpu_ids=self.gpus,
            hostname=None if place is None else place.hostname,
            network=sending.network,
            private_network=None if place is None else place.network,
            aliases=(Host().name if place is None else place.host,),
            cpus=self.cpus,
            shm_bytes=sending.shm_bytes,
        )
        feeds = Feeds(sending, staged.layout)
        feeds.start()
        try:
            watched_for = self.patience.limit if limit is None else limit
            watch = _Watch(staged=staged, interruption=interruption, limit=watched_for, place=place)
            seen = self._observe(spec, watch)
        finally:
            read = feeds.close()
        return replace(seen, epochs_read=read)

    def _number_of_gpus(self, sending: Sending) -> Mapping[str, str]:
        """The variable of some platforms that says it, where `sending` has that."""
        return {GPUS_VARIABLE: str(len(self.gpus))} if GPUS_VARIABLE in sending.environment else {}

    @property
    def names_interfaces(self) -> bool:
        """Whether containers see a network under the `interface_prefix` that it is made with."""
        return self._engine.facts().names_interfaces

    @contextmanager
    def network(self, *, leads_out: bool, interface_prefix: str | None = None) -> Iterator[str]:
        """A private network, by its name; without `leads_out` there is no way out of it."""
        name = self.new_name()
        self._engine.create_network(
            name, {HOME_LABEL: str(self._home)}, internal=not leads_out, interface_prefix=interface_prefix
        )
        try:
            yield name
        finally:
            with suppress(EngineError):  # as with containers
                self._engine.remove_network(name)

    def company(self, hosts: Sequence[str], late: Mapping[str, float]) -> Company:
        """What keeps the containers of `hosts` together; those in `late` start so many seconds after the first."""
        return Company(hosts, late=late, grace=self.patience.grace, clock=self._clock)

    def shell(self, script: str) -> Run:
        """Run `script` with the image's own /bin/sh, nothing mounted; the run has a refusal where there is none."""
        name = self.new_name()
        spec = ContainerSpec(
            name=name,
            image=self._case.image,
            entry_point=("/bin/sh", "-c", script),
            arguments=(),
            environment={},
            labels=self.labels(name),
            network=False,
        )
        return self.observe(spec, interruption=None, limit=self.patience.limit)

    def observe(self, spec: ContainerSpec, *, interruption: Interruption | None, limit: float) -> Run:
        """Run a container of `spec` and watch it, without a look at what it leaves in files."""
        return self._observe(spec, _Watch(interruption=interruption, limit=limit))

    def _observe(self, spec: ContainerSpec, watch: _Watch) -> Run:
        try:
            container_id = self._engine.create(spec)
        except ImageNotFound:
            raise
        except EngineRejected as error:  # no command at all, for one
            return Run(exit_code=None, seconds=0.0, refusal=str(error))
        try:
            return self._follow(container_id, watch)
        finally:
            with suppress(EngineError):  # the engine has gone: what it was asked for has said so
                self._engine.remove(container_id)

    def _follow(self, container_id: str, watch: _Watch) -> Run:
        place = watch.place
        if place is not None and not self._turn_to_start(place):
            return Run(exit_code=None, seconds=0.0, refusal="another host had failed before this one was started")
        try:
            self._engine.start(container_id)
        except EngineRejected as error:
            return Run(exit_code=None, seconds=0.0, refusal=str(error))
        started = self._clock()
        if place is not None:
            place.company.has_started(place.host)
        signalled = self._wait(container_id, watch, started)
        state = self._engine.state(container_id)
        killed = state.status is not ContainerStatus.EXITED
        if killed:
            self._engine.signal(container_id, "SIGKILL")
            state = self._until_exited(container_id)
        return self._seen(container_id, state, watch.staged, killed=killed, signalled_at=signalled)

    def _turn_to_start(self, place: Place) -> bool:
        """Wait until it is the host's turn; return whether it still makes sense to start it."""
        while not place.company.may_start(place.host):
            if self._abandoned.is_set():
                raise CheckAbandoned("the check was given up")
            if place.company.has_failed:
                return False
            self._sleep(self.patience.poll)
        return True

    def _wait(self, container_id: str, watch: _Watch, started: float) -> float | None:
        """Wait until the container has ended or its time is up; return when it was signalled, if it was."""
        signalled: float | None = None
        interruption, place = watch.interruption, watch.place
        while self._engine.state(container_id).status is not ContainerStatus.EXITED:
            if self._abandoned.is_set():
                raise CheckAbandoned("the check was given up")
            passed = self._clock() - started
            allowed = watch.limit if signalled is None else signalled + self.patience.grace
            if passed > allowed or (place is not None and place.company.time_is_up):
                break
            if (
                interruption is not None
                and signalled is None
                and interruption.moment(self._glimpse(container_id, watch.staged, passed))
            ):
                self._interrupt(container_id, interruption.signals)
                signalled = self._clock() - started
            self._sleep(self.patience.poll)
        return signalled

    def _interrupt(self, container_id: str, signals: Sequence[str]) -> None:
        for number, signal_name in enumerate(signals):
            if number:
                self._sleep(self.patience.between)
            self._engine.signal(container_id, signal_name)

    def _glimpse(self, container_id: str, staged: Staged | None, passed: float) -> Glimpse:
        lines, _ = read_lines(self._engine.frames(container_id, follow=False))
        return Glimpse(
            lines=lines, seconds=passed, has_checkpoint=staged is not None and bool(files_below(staged.checkpoints))
        )

    def _until_exited(self, container_id: str) -> ContainerState:
        deadline = self._clock() + self.patience.grace
        while (state := self._engine.state(container_id)).status is not ContainerStatus.EXITED:
            if self._clock() > deadline:
                raise EngineRejected(f"container {container_id}: SIGKILL did not end it; is the engine overloaded?")
            self._sleep(self.patience.poll)
        return state

    def _seen(
        self,
        container_id: str,
        state: ContainerState,
        staged: Staged | None,
        *,
        killed: bool,
        signalled_at: float | None,
    ) -> Run:
        lines, unfinished = read_lines(self._engine.frames(container_id, follow=False))
        began = state.started_at or 0.0
        left = {} if staged is None else left_by_training(staged)
        if staged is not None:
            staged.layout.config.chmod(0o755)  # whatever the run was given; the folder is to be removed
        return Run(
            exit_code=None if killed else state.exit_code,
            seconds=max(0.0, (state.finished_at or began) - began),
            lines=lines,
            line_times=[max(0.0, (seconds_of(line.timestamp) or began) - began) for line in lines],
            unfinished_output=unfinished,
            signalled_at=signalled_at,
            **left,  # type: ignore[arg-type]  # the members of Run that are about files
        )
