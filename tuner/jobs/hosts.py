"""The containers of one job, one a host: made and removed together, and followed while they run."""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from contracts.resources import Host
from tuner.engine.gpu_neighbours import check_not_taken
from tuner.engine.protocol import (
    HOST_LABEL,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    Engine,
)
from tuner.errors import ContainerNotFound, NameTaken
from tuner.jobs.background import Background, EngineThreads
from tuner.jobs.log_intake import LogIntake
from tuner.store.sqlite_store import Store

#: How often a running container is asked for its state when its log has nothing new to say, in seconds.
STATE_SECONDS = 2.0
#: How long an engine may take to finish what a killed process asked it for, and how often we look, in seconds.
_LATE_SECONDS = 10.0
_AGAIN_SECONDS = 0.2


def create_containers(
    engine: Engine,
    specs: Sequence[ContainerSpec],
    labels: Mapping[str, str],
    *,
    isolated: bool,
    called_off: threading.Event,
) -> dict[str, str]:
    """Create the containers of a job, not started, and first the network that they name, if they do; return their ids.

    Where a name is taken, a process that was killed has just asked for the same: what has come of that is removed.
    Raises EngineRejected, ImageNotFound, and GpuTaken where another home uses a GPU of theirs. What was created before
    that is found by its labels.
    """
    give_up = time.monotonic() + _LATE_SECONDS
    while True:
        try:
            for network in {spec.private_network for spec in specs if spec.private_network is not None}:
                engine.create_network(network, labels, internal=isolated)
            container_ids = {spec.labels[HOST_LABEL]: engine.create(spec) for spec in specs}
        except NameTaken:
            if time.monotonic() > give_up or called_off.wait(_AGAIN_SECONDS):
                raise
            remove_containers(engine, labels, several=len(specs) > 1)
        else:
            check_not_taken(engine, specs)
            return container_ids


class Starting:
    """Starts the containers of jobs, in the background; by the jobs' names."""

    def __init__(self, engine: Engine, threads: EngineThreads) -> None:
        self._engine = engine
        self._threads = threads
        self._jobs: dict[str, Background[dict[str, str] | None]] = {}

    def begin(self, job: str, container_ids: Mapping[str, str]) -> None:
        """Start containers of a job that have just been created."""
        self._jobs[job] = Background.of_engine(lambda _: _start_created(self._engine, container_ids), self._threads)

    def is_over(self, job: str, labels: Mapping[str, str], hosts: Sequence[Host]) -> bool:
        """Whether all are started that can be; begins with those that the engine knows where `begin` was not called."""
        if job not in self._jobs:
            self._jobs[job] = Background.of_engine(lambda _: _start_found(self._engine, labels, hosts), self._threads)
        return self._jobs[job].is_done

    def take(self, job: str) -> dict[str, str] | None:
        """The ids of the containers by host, once it is over; None where one is missing. Raises EngineRejected."""
        return self._jobs.pop(job).result()


def _start_found(engine: Engine, labels: Mapping[str, str], hosts: Sequence[Host]) -> dict[str, str] | None:
    """Start those containers of a job that have not been, in the order of its `hosts`; return their ids by host.

    None where one is missing. Raises EngineRejected.
    """
    found = {one.labels[HOST_LABEL]: one for one in engine.containers(labels)}
    if any(host.name not in found for host in hosts):
        return None
    try:
        for host in hosts:
            if found[host.name].status is ContainerStatus.CREATED:
                engine.start(found[host.name].container_id)
    except ContainerNotFound:
        return None
    return {name: container.container_id for name, container in found.items()}


def _start_created(engine: Engine, container_ids: Mapping[str, str]) -> dict[str, str] | None:
    """Start containers that have just been created, and return their ids by host; None where one is gone already."""
    try:
        for container_id in container_ids.values():
            engine.start(container_id)
    except ContainerNotFound:
        return None
    return dict(container_ids)


def remove_containers(engine: Engine, labels: Mapping[str, str], *, several: bool) -> None:
    """Remove every container of a job, and the network of `several`; also what was created just before a crash."""
    for container in engine.containers(labels):
        engine.remove(container.container_id)
    if several:
        for network in engine.networks(labels):
            engine.remove_network(network.network_id)


class Feeds(Protocol):
    """What feeds a channel of a running container."""

    @property
    def problem(self) -> str | None:
        """Why the job cannot end well."""
        ...

    @property
    def torn(self) -> str | None:
        """How the container came to read a torn epoch, if it may have."""
        ...

    def finish_epochs(self) -> bool:
        """Begin no further epoch; return whether there is one that has not come to its end."""
        ...

    def close(self) -> None:
        """Stop feeding."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    """What the engine said of a container; of one that has ended, also what it knows of the reason."""

    state: ContainerState
    signals: Sequence[str] = ()
    engine_started: float | None = None


@dataclass(slots=True)
class RunningHost:
    """One container as this process follows it. `exit` is its state once it has ended, `lost` if it was removed.

    `signals` are those that were sent to it through the engine, and `engine_started` is when that had come up.
    `last_seen` is when it was last seen to run, None where it never was; `memory_peak_bytes` what it had used then.
    `look` is at work while the engine is asked about it.
    """

    name: str
    container_id: str
    intake: LogIntake
    feeds: Sequence[Feeds] = ()
    exit: ContainerState | None = None
    lost: bool = False
    checked: float = field(default=float("-inf"))
    last_seen: float | None = None
    memory_peak_bytes: int | None = None
    look: Background[_Look] | None = None
    signals: Sequence[str] = ()
    engine_started: float | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.exit is not None or self.lost


def take_in_logs(store: Store, jobs: Iterable["RunningHosts"]) -> None:
    """Take in what the containers of all `jobs` have printed: in one transaction, whatever their number.

    Each transaction waits for the disk, and what many containers print would wait for all of them. Where this raises,
    what was read is not in the store, and only another process reads it again.
    """
    intakes = [member.intake for hosts in jobs for member in hosts.members if not member.has_ended]
    for intake in intakes:
        intake.read()
    if to_write := [intake for intake in intakes if intake.is_to_write]:
        with store.together():
            for intake in to_write:
                intake.write()


class RunningHosts:
    """The containers of one job as this process follows them.

    `signalled` is when they were last sent SIGTERM, `killed` whether they were sent SIGKILL.
    """

    def __init__(self, engine: Engine, members: Sequence[RunningHost], threads: EngineThreads) -> None:
        self._engine = engine
        self._threads = threads
        self.members = members
        self.signalled: float | None = None
        self.killed = False

    @property
    def have_ended(self) -> bool:
        """Whether none runs any more."""
        return all(member.has_ended for member in self.members)

    @property
    def last_seen(self) -> float | None:
        """When one was last seen to run, None where none was yet: time is up for what runs, not for what has ended.

        A container may have ended in time while no process, or no engine, was there to see it.
        """
        return max((one.last_seen for one in self.members if one.last_seen is not None), default=None)

    @property
    def first_failed(self) -> RunningHost | None:
        """Of those that ended with another exit code than 0, the one that ended first; None where all is well."""
        failed = [(one.exit.finished_at or 0.0, one) for one in self.members if one.exit and one.exit.exit_code != 0]
        return min(failed, key=lambda pair: pair[0])[1] if failed else None

    @property
    def exit_code(self) -> int:
        """The exit code that decides, once all have ended: of the first that failed, -1 where the engine has none."""
        failed = self.first_failed
        if failed is None or failed.exit is None:
            return 0
        return -1 if failed.exit.exit_code is None else failed.exit.exit_code

    @property
    def is_one_lost(self) -> bool:
        """Whether a container was removed by somebody else."""
        return any(member.lost for member in self.members)

    @property
    def lines(self) -> int:
        """How many lines the logs of all have."""
        return sum(member.intake.end.lines for member in self.members)

    @property
    def problem(self) -> str | None:
        """Why a channel cannot be fed, as a failure reason."""
        return next((feeds.problem for member in self.members for feeds in member.feeds if feeds.problem), None)

    @property
    def torn(self) -> str | None:
        """How a container came to read a torn epoch of a channel, if one may have."""
        return next((feeds.torn for member in self.members for feeds in member.feeds if feeds.torn), None)

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        reading = [feeds.finish_epochs() for member in self.members for feeds in member.feeds]  # each has to be told
        return any(reading)

    def terminate(self, now: float, grace_seconds: float) -> bool:
        """SIGTERM once (again in a new process, which cannot know), SIGKILL when the grace is over.

        Returns whether it has just come to SIGKILL.
        """
        if self.signalled is None:
            self._signal("SIGTERM")
            self.signalled = now
        elif not self.killed and now - self.signalled > grace_seconds:
            self.kill()
            return True
        return False

    def kill(self) -> None:
        """SIGKILL, once."""
        if not self.killed:
            self._signal("SIGKILL")
            self.killed = True

    def follow(self, now: float) -> None:
        """See which containers have ended. What they print is for `take_in_logs`, but for the last of it."""
        for member in self.members:
            if not member.has_ended:
                if member.look is None and (member.intake.stream_has_ended or now - member.checked >= STATE_SECONDS):
                    member.checked = now
                    member.look = Background.of_engine(partial(self._look, member), self._threads)
                if member.look is not None and member.look.is_done:
                    look, member.look = member.look, None
                    self._check(member, look, now)

    def close(self) -> None:
        """Stop following; containers go on."""
        for member in self.members:
            member.intake.close()
            for feeds in member.feeds:
                feeds.close()

    def _look(self, member: RunningHost, _called_off: threading.Event) -> _Look:
        """Ask the engine about a container, and see to it that its log comes; in a thread."""
        state = self._engine.state(member.container_id)
        if state.status is ContainerStatus.EXITED:
            member.intake.begin_rest()  # the engine gives it while it answers the rest
            signals, engine_started = self._engine.signals(member.container_id, state), self._engine.started_at()
            member.intake.await_rest()
            return _Look(state=state, signals=signals, engine_started=engine_started)
        if not member.intake.stream_has_ended:
            member.intake.check_silence()
        return _Look(state=state)

    def _check(self, member: RunningHost, look: Background[_Look], now: float) -> None:
        """What a look has found: whether the container has ended."""
        try:
            seen = look.result()
        except ContainerNotFound:
            member.lost = True
            member.intake.give_up()
            return
        state = seen.state
        if state.status is ContainerStatus.EXITED:
            if member.intake.finish():
                member.signals, member.engine_started = seen.signals, seen.engine_started
                member.exit = replace(state, memory_peak_bytes=state.memory_peak_bytes or member.memory_peak_bytes)
            return
        member.intake.saw_running(now)
        member.last_seen, member.memory_peak_bytes = now, state.memory_peak_bytes or member.memory_peak_bytes
        if member.intake.stream_has_ended:
            member.intake.follow_again()

    def _signal(self, signal_name: str) -> None:
        for member in self.members:
            if not member.has_ended:
                with suppress(ContainerNotFound):  # the next look at its state says what that means
                    self._engine.signal(member.container_id, signal_name)
