"""What endings and refusals mean, case by case; the facts are those that a real engine gave (ADR 0033)."""

import errno
from typing import Any

import pytest

from contracts.outcome import LossCause
from tuner.engine.protocol import ContainerState, ContainerStatus
from tuner.errors import (
    ChannelError,
    EngineFailed,
    EngineRejected,
    GpuUnavailable,
    ImageNotFound,
)
from tuner.jobs.outcomes import (
    Ending,
    loss_of_ending,
    loss_of_missing,
    loss_of_refusal,
    memory_in_words,
    retry_delay_seconds,
)

C = LossCause
#: When the container of all cases started and ended, and when an engine came up that has restarted since.
STARTED, ENDED, RESTARTED = 1000.0, 2000.0, 2010.0


def ended(exit_code: int, *, oom_killed: bool = False, finished_at: float = ENDED) -> ContainerState:
    """A container that has ended."""
    return ContainerState(
        status=ContainerStatus.EXITED,
        exit_code=exit_code,
        oom_killed=oom_killed,
        started_at=STARTED,
        finished_at=finished_at,
    )


@pytest.mark.parametrize(
    ("case", "exit_code", "facts", "cause"),
    [
        ("it ended well", 0, {}, None),
        ("its program failed", 1, {}, None),
        ("its program returned 255, with the engine up since before", 255, {"engine_started": 10.0}, None),
        ("segmentation fault", 139, {}, None),
        ("SIGTERM of its own", 143, {}, None),
        ("docker kill", 137, {"signals": ["SIGKILL"]}, C.CONTAINER_KILLED),
        ("docker stop of a program that obeys", 0, {"signals": ["SIGTERM"]}, C.CONTAINER_KILLED),
        ("docker stop of one that does not", 137, {"signals": ["SIGTERM", "SIGKILL"]}, C.CONTAINER_KILLED),
        ("a signal that only asks", 0, {"signals": ["SIGUSR1"]}, None),
        ("kill -9 on the host, a shim killed, exit 137", 137, {}, C.UNEXPLAINED_KILL),
        ("the same once more", 137, {"unexplained_kills": 1}, None),
        ("the kernel killed it for the machine's memory", 137, {"ran_out_of_memory": True}, None),
        ("its GPU fell off the bus", 1, {"gpu_trouble": "GPU 0 failed (Xid 79)"}, C.GPU_LOST),
        ("a GPU failed that it did well without", 0, {"gpu_trouble": "GPU 0 failed (Xid 79)"}, None),
        ("the engine was stopped and killed it", 137, {"engine_started": RESTARTED}, C.ENGINE_RESTARTED),
        (
            "the engine came back and ended it",
            0,
            {"engine_started": RESTARTED, "signals": ["SIGTERM"]},
            C.ENGINE_RESTARTED,
        ),
        ("the machine lost its power", 255, {"engine_started": ENDED + 0.4}, C.ENGINE_RESTARTED),
        (
            "the engine was stopped, and it obeyed SIGTERM",
            0,
            {"engine_started": RESTARTED, "last_seen": ENDED - 2},
            C.ENGINE_RESTARTED,
        ),
        (
            "it came to its own end while the engine was away for long",
            0,
            {"engine_started": RESTARTED, "last_seen": ENDED - 600},
            None,
        ),
        ("it ended while nobody watched, the engine came back later", 0, {"engine_started": RESTARTED}, None),
        ("it failed while nobody watched, the engine came back later", 7, {"engine_started": RESTARTED}, None),
        ("it outlived the engine's restart", 0, {"engine_started": 1500.0, "last_seen": 1999.0}, None),
        ("it outlived the engine's restart and failed", 1, {"engine_started": 1500.0}, None),
    ],
)
def test_what_an_ending_means(case: str, exit_code: int, facts: dict[str, Any], cause: LossCause | None) -> None:
    """None is the algorithm's own word: an observation for the search."""
    loss = loss_of_ending(Ending(state=ended(exit_code), **facts))

    assert (case, cause) == (case, None if loss is None else loss.cause)


def test_a_container_that_had_just_started_may_have_gone_with_its_engine_unseen() -> None:
    """Its last lines are lost with an engine that was killed; a short run done again does no harm."""
    state = ended(0, finished_at=STARTED + 2)
    loss = loss_of_ending(Ending(state=state, engine_started=STARTED + 9))

    assert loss is not None
    assert C.ENGINE_RESTARTED is loss.cause


def test_a_container_that_is_gone_was_removed_by_somebody() -> None:
    """Nothing is known of it, so nothing can be held against its configuration."""
    assert C.CONTAINER_REMOVED is loss_of_missing().cause


def test_a_kill_for_memory_is_the_configurations_doing() -> None:
    """Whatever else is known: the same would come again."""
    everything = {"signals": ["SIGKILL"], "engine_started": RESTARTED, "last_seen": ENDED}

    assert None is loss_of_ending(Ending(state=ended(137, oom_killed=True), **everything))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (GpuUnavailable("The engine cannot hand out the GPUs"), C.GPU_UNAVAILABLE),
        (ImageNotFound("The engine has no image x."), C.IMAGE_MISSING),
        (EngineFailed("create container x: failed to mount overlay: no space left on device"), C.DISK_FULL),
        (OSError(errno.ENOSPC, "No space left on device"), C.DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), C.DISK_FULL),
        (OSError(errno.EIO, "Input/output error"), C.DISK_FAILED),
        (OSError(errno.EROFS, "Read-only file system"), C.DISK_FAILED),
        (EngineFailed("start: failed to create endpoint on network bridge"), C.ENGINE_FAILED),
        (EngineRejected('The image\'s entry point "train" cannot be run'), None),
        (ChannelError("there is no folder /data"), None),
        (FileNotFoundError(errno.ENOENT, "No such file"), None),
    ],
)
def test_what_a_refusal_means(error: Exception, cause: LossCause | None) -> None:
    """None is the request's own fault: no fresh container would help."""
    loss = loss_of_refusal(error)

    assert cause == (None if loss is None else loss.cause)


def test_a_full_disk_is_found_behind_the_error_that_tells_of_it() -> None:
    """Data that could not be copied is no fault of the data."""
    error = ChannelError("train could not be unpacked")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    loss = loss_of_refusal(error)

    assert loss is not None
    assert C.DISK_FULL is loss.cause


@pytest.mark.parametrize(
    ("limit", "peak", "words"),
    [
        (2 * 2**30, 2 * 2**30, "killed for using more memory than its limit of 2.0 GiB (peak 2.0 GiB)"),
        (64 * 2**20, None, "killed for using more memory than its limit of 64 MiB"),
        (None, 3 * 2**30, "killed because the machine ran out of memory (peak 3.0 GiB)"),
    ],
)
def test_a_kill_for_memory_says_the_limit_and_the_peak(limit: int | None, peak: int | None, words: str) -> None:
    """Without a limit of its own it had the machine's."""
    state = ContainerState(status=ContainerStatus.EXITED, memory_limit_bytes=limit, memory_peak_bytes=peak)

    assert words == memory_in_words(state)


def test_each_loss_is_waited_out_longer() -> None:
    """Up to six minutes."""
    assert [10, 60, 360, 360] == [retry_delay_seconds(losses) for losses in (1, 2, 3, 30)]
