"""Runs a container of the image once, and observes it."""

import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from tuner.conformance.case import GoodCase
from tuner.conformance.observation import Link, Run
from tuner.conformance.sending import Sending
from tuner.conformance.staging import Staged, stage
from tuner.engine.protocol import (
    HOME_LABEL,
    JOB_LABEL,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    Engine,
    LogFrame,
)
from tuner.engine.wire import seconds as seconds_of
from tuner.errors import ContainerNotFound, EngineError, EngineRejected, ImageNotFound, TunerError
from tuner.jobs.log_lines import LineAssembler, LogLine

#: How much of a failure file is read, in bytes.
_FAILURE_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the check waits, in seconds.

    `limit` for the good case; `grace` from SIGTERM to SIGKILL; `spare` what a run that ought to fail may take beyond
    three times a good one; `telling` what a run must take at least to show whether its output is buffered; `between`
    two signals; `poll` between two looks at a container.
    """

    limit: float = 600.0
    grace: float = 120.0
    spare: float = 20.0
    telling: float = 3.0
    between: float = 0.3
    poll: float = 0.1


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


class CheckAbandoned(TunerError):
    """The check was given up while a container ran."""


class Probe:
    """Runs containers of one image below `folder`; may be used from several threads at once.

    `cpus` is what each container gets: numeric libraries start a thread for each processor they see, and side by side
    they would wait for one another.
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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.patience = patience
        self._engine = engine
        self._case = case
        self._home = home
        self._folder = folder
        self._cpus = cpus
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
            return f"algodock-check-{self._token}-{next(self._numbers)}"

    def run(
        self,
        sending: Sending,
        *,
        interruption: Interruption | None = None,
        limit: float | None = None,
        checkpoints: Path | None = None,
    ) -> Run:
        """Run the image with `sending` until it ends, or for `limit` seconds; raises EngineError."""
        name = self.new_name()
        staged = stage(sending, self._folder / name, checkpoints)
        spec = ContainerSpec(
            name=name,
            image=self._case.image,
            entry_point=self._case.entry_point,
            arguments=self._case.arguments,
            environment=sending.environment,
            mounts=staged.mounts,
            labels={HOME_LABEL: str(self._home), JOB_LABEL: name},
            network=sending.network,
            cpus=self._cpus,
            shm_bytes=sending.shm_bytes,
        )
        return self._observe(spec, staged, interruption, self.patience.limit if limit is None else limit)

    def shell(self, script: str) -> tuple[int | None, list[str]]:
        """Run `script` with the image's own /bin/sh, nothing mounted: exit code (None without a shell) and lines."""
        name = self.new_name()
        spec = ContainerSpec(
            name=name,
            image=self._case.image,
            entry_point=("/bin/sh", "-c", script),
            arguments=(),
            environment={},
            labels={HOME_LABEL: str(self._home), JOB_LABEL: name},
            network=False,
        )
        run = self._observe(spec, None, None, self.patience.limit)
        return (None if run.refusal else run.exit_code), run.texts

    def _observe(
        self, spec: ContainerSpec, staged: Staged | None, interruption: Interruption | None, limit: float
    ) -> Run:
        try:
            container_id = self._engine.create(spec)
        except ImageNotFound:
            raise
        except EngineRejected as error:  # no command at all, for one
            return Run(exit_code=None, seconds=0.0, refusal=str(error))
        try:
            return self._follow(container_id, staged, interruption, limit)
        finally:
            with suppress(EngineError):  # the engine has gone: what it was asked for has said so
                self._engine.remove(container_id)

    def _follow(self, container_id: str, staged: Staged | None, interruption: Interruption | None, limit: float) -> Run:
        try:
            self._engine.start(container_id)
        except EngineRejected as error:
            return Run(exit_code=None, seconds=0.0, refusal=str(error))
        started = self._clock()
        signalled = self._wait(container_id, staged, interruption, started, limit)
        state = self._engine.state(container_id)
        killed = state.status is not ContainerStatus.EXITED
        if killed:
            self._engine.signal(container_id, "SIGKILL")
            state = self._until_exited(container_id)
        return self._seen(container_id, state, staged, killed=killed, signalled_at=signalled)

    def _wait(
        self, container_id: str, staged: Staged | None, interruption: Interruption | None, started: float, limit: float
    ) -> float | None:
        """Wait until the container has ended or its time is up; return when it was signalled, if it was."""
        signalled: float | None = None
        while self._engine.state(container_id).status is not ContainerStatus.EXITED:
            if self._abandoned.is_set():
                raise CheckAbandoned("the check was given up")
            passed = self._clock() - started
            allowed = limit if signalled is None else signalled + self.patience.grace
            if passed > allowed:
                break
            if (
                interruption is not None
                and signalled is None
                and interruption.moment(self._glimpse(container_id, staged, passed))
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
        lines, _ = _read_lines(self._engine.frames(container_id, follow=False))
        return Glimpse(
            lines=lines, seconds=passed, has_checkpoint=staged is not None and bool(_files(staged.checkpoints))
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
        lines, unfinished = _read_lines(self._engine.frames(container_id, follow=False))
        began = state.started_at or 0.0
        left = {} if staged is None else _left(staged)
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


def _read_lines(frames: Iterator[LogFrame]) -> tuple[list[LogLine], bool]:
    """The lines in `frames`, and whether the last of a stream lacks its newline."""
    assembler = LineAssembler()
    lines: list[LogLine] = []
    last: dict[str, bytes] = {}
    with suppress(ContainerNotFound):
        for frame in frames:
            lines += assembler.feed(frame)
            last[frame.stream] = frame.payload
    lines += assembler.finish()
    return lines, any(payload and not payload.endswith(b"\n") for payload in last.values())


def _left(staged: Staged) -> Mapping[str, object]:
    failure, is_utf8 = _failure(staged.layout.failure)
    model = staged.layout.model
    return {
        "failure": failure,
        "failure_is_utf8": is_utf8,
        "model_files": _files(model),
        "model_links": [
            Link(path=str(path.relative_to(model)), target=os.readlink(path))  # noqa: PTH115 - as text, as it stands
            for path in sorted(model.rglob("*"))
            if path.is_symlink()
        ],
        "checkpoint_files": _files(staged.checkpoints),
    }


def _files(folder: Path) -> list[str]:
    """The files below `folder` that hold something, newest last; links are not followed."""
    if not folder.is_dir():
        return []
    found: list[tuple[int, str]] = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # renamed by the container in this instant
            status = path.lstat()
            if path.is_file() and not path.is_symlink() and status.st_size:
                found.append((status.st_mtime_ns, str(path.relative_to(folder))))
    return [name for _, name in sorted(found)]


def _failure(path: Path) -> tuple[str | None, bool]:
    """The failure file's text, and whether it is UTF-8; a link is not followed, for an image may plant one."""
    if path.is_symlink() or not path.is_file():
        return None, True
    with path.open("rb") as file:
        content = file.read(_FAILURE_BYTES)
    try:
        return content.decode(), True
    except UnicodeDecodeError as error:
        cut = len(content) == _FAILURE_BYTES and error.start > _FAILURE_BYTES - 4
        return content.decode(errors="replace"), cut
