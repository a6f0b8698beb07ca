"""What an ending means: whether a container ended by itself, or was lost to something that it cannot help. Pure.

The first is the algorithm's word, by exit code and failure file, and tells something of a configuration. The second is
an infrastructure loss: it tells nothing of it, and the job is started again on a fresh container.

Facts found on a real engine (Docker 20.10, ADR 0033), on which the rules rest:

- An engine that is stopped, or that comes back after a crash without live-restore, sends its containers SIGTERM, then
  SIGKILL. A program that obeys SIGTERM ends with exit code 0 then, having trained half of its epochs.
- A container that dies together with its engine is found dead when that comes back: exit code 255, ended just then.
- Exit code 137 without the engine's out-of-memory mark may be `docker kill`, SIGKILL from another process of the host,
  a shim that was killed, the kernel's out-of-memory killer for the whole machine, or a program's own `exit 137`. The
  engine remembers the signals that were sent through it, the kernel's log names whom it killed; nothing tells the rest
  apart.
"""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.outcome import LossCause
from tuner.engine.protocol import ContainerState
from tuner.errors import EngineFailed, GpuUnavailable, ImageNotFound

#: Signals that end a program which does not take care of them.
_ENDING_SIGNALS = frozenset({"SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGTERM"})
#: The exit code of SIGKILL, of SIGTERM, and of an engine that found its container dead.
_KILLED, _TERMINATED, _FOUND_DEAD = 137, 143, 255
#: The engine notes the end of a container that it finds dead a little before it is ready itself, in seconds.
_COMING_UP_SECONDS = 15.0
#: So long after its engine was last heard of a container may still end because of that, in seconds: 15 in which engines
#: let their containers end themselves, the rest for a busy machine.
_GOING_DOWN_SECONDS = 30.0

_NO_ROOM = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_DISK_FAILED = re.compile(r"input/output error|read-only file system", re.IGNORECASE)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FAILED = frozenset({errno.EIO, errno.EROFS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """An infrastructure loss: its kind, and what happened, in words."""

    cause: LossCause
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What is known of the container whose end decides for its job.

    `signals` are those that were sent through the engine by others than us, `engine_started` is when the engine that
    answers now came up, `last_seen` when the container was last known to run; times are seconds since the epoch.
    `ran_out_of_memory` says that by the kernel's log a process of it was killed because the whole machine had no memory
    left, `gpu_trouble` what is wrong with a GPU that it had. `unexplained_kills` is how often the job has ended by a
    SIGKILL from nobody knows whom before.
    """

    state: ContainerState
    signals: Sequence[str] = ()
    engine_started: float | None = None
    last_seen: float | None = None
    ran_out_of_memory: bool = False
    gpu_trouble: str | None = None
    unexplained_kills: int = 0


def loss_of_missing() -> Loss:
    """The loss of a container that the engine has not any more."""
    return Loss(cause=LossCause.CONTAINER_REMOVED, reason="the container was removed from outside")


def loss_of_torn_epoch(how: str) -> Loss:
    """The loss of a container that may have read a torn epoch, whatever it has made of it; `how` it came to that."""
    return Loss(cause=LossCause.EPOCH_TORN, reason=how)


def loss_of_ending(ending: Ending) -> Loss | None:
    """The loss that `ending` was; None where it is the algorithm's own, to be judged by its exit code."""
    state = ending.state
    if state.oom_killed or ending.ran_out_of_memory:
        return None
    if state.exit_code != 0 and ending.gpu_trouble is not None:
        return Loss(cause=LossCause.GPU_LOST, reason=ending.gpu_trouble)
    if _went_with_its_engine(ending, state):
        return Loss(
            cause=LossCause.ENGINE_RESTARTED,
            reason="the container engine or the machine went down while it ran, and came back without it",
        )
    return _kill(ending, state)


def _kill(ending: Ending, state: ContainerState) -> Loss | None:
    """The loss of a container that was killed from outside, while its engine was well."""
    sent = [name for name in ending.signals if name in _ENDING_SIGNALS]
    if sent:
        return Loss(
            cause=LossCause.CONTAINER_KILLED,
            reason=f"somebody ended it with {sent[-1]} (docker kill or docker stop), exit code: {state.exit_code}",
        )
    if state.exit_code == _KILLED and not ending.unexplained_kills:
        return Loss(
            cause=LossCause.UNEXPLAINED_KILL,
            reason="killed (exit code 137), not for memory and not through the engine; if that comes again it is taken"
            " for the algorithm's own doing",
        )
    return None


def _went_with_its_engine(ending: Ending, state: ContainerState) -> bool:
    """Whether the container ended because its engine went down, or when it came up again."""
    up, started, ended = ending.engine_started, state.started_at, state.finished_at
    if up is None or started is None or ended is None or started >= up:
        return False
    if state.exit_code == _FOUND_DEAD and abs(ended - up) <= _COMING_UP_SECONDS:
        return True
    if ended > up:
        return False  # it has outlived the restart
    if state.exit_code in {_KILLED, _TERMINATED, _FOUND_DEAD} or _ENDING_SIGNALS.intersection(ending.signals):
        return True
    last_seen = started if ending.last_seen is None else ending.last_seen  # one that has just started ran then
    return ended - last_seen <= _GOING_DOWN_SECONDS


def loss_of_refusal(error: Exception) -> Loss | None:
    """The loss that kept a job's containers from being made or started; None where it is the request's own fault.

    An entry point that cannot be run and data that are not there are not: no fresh container would help.
    """
    if isinstance(error, GpuUnavailable):
        return Loss(cause=LossCause.GPU_UNAVAILABLE, reason=str(error))
    if isinstance(error, ImageNotFound):
        return Loss(cause=LossCause.IMAGE_MISSING, reason=str(error))
    number = _system_error(error)
    if number in _FULL or _NO_ROOM.search(str(error)):
        return Loss(cause=LossCause.DISK_FULL, reason=f"{error}; make room on the disk")
    if number in _FAILED or _DISK_FAILED.search(str(error)):
        return Loss(cause=LossCause.DISK_FAILED, reason=str(error))
    if isinstance(error, EngineFailed):
        return Loss(cause=LossCause.ENGINE_FAILED, reason=str(error))
    return None


def needs_room(error: Exception) -> bool:
    """Whether something failed for a disk that is full or read-only: done again when that has been mended, it works."""
    return _system_error(error) in _FULL | {errno.EROFS}


def _system_error(error: BaseException | None) -> int | None:
    """The number of the system error that `error` is or came from."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__ or error.__context__
    return None


def memory_in_words(state: ContainerState) -> str:
    """How a container came to be killed for its memory, with its limit and its peak where they are known."""
    if state.memory_limit_bytes is None:
        peak = "" if state.memory_peak_bytes is None else f" (peak {_gib(state.memory_peak_bytes)})"
        return f"killed because the machine ran out of memory{peak}"
    peak = "" if state.memory_peak_bytes is None else f" (peak {_gib(state.memory_peak_bytes)})"
    return f"killed for using more memory than its limit of {_gib(state.memory_limit_bytes)}{peak}"


def memory_advice(state: ContainerState) -> str:
    """What to do about a container that was killed for its memory."""
    if state.memory_limit_bytes is None:
        return "run fewer jobs at once, or give each a limit (memory in algodock.toml), so that one cannot take it all"
    return "let it use less (a smaller batch), or choose a larger InstanceType, or memory in algodock.toml"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def retry_delay_seconds(losses: int) -> float:
    """How long to wait after so many losses of a job before it is started again: 10 s, then six times as long, ...

    At most 6 min: disks that are being cleaned up, drivers that are being updated, engines that come up want a while.
    """
    return float(min(10 * 6 ** (losses - 1), 360))
