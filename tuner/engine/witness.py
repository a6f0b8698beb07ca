"""What this machine itself knows of how a container came to its end, beyond what the engine tells."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tuner.engine.kernel_log import failed_gpu, read_kernel_log, was_killed_for_memory


def _uuids() -> Sequence[str]:
    from tuner.engine.nvml import discover_gpus  # noqa: PLC0415 - only where a GPU may be the reason

    return tuple(gpu.uuid for gpu in discover_gpus())


def _came_up() -> float:
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """The kernel's log and NVIDIA's driver on this machine. Of an engine elsewhere they know nothing.

    `machine_came_up` is seconds since the epoch, of which the times of the log are counted.
    """

    kernel_log: Callable[[], Sequence[tuple[float, str]]] = read_kernel_log
    gpus: Callable[[], Sequence[str]] = _uuids
    machine_came_up: Callable[[], float] = _came_up

    def ran_out_of_memory(self, container_id: str) -> bool:
        """Whether the kernel killed a process of a container because the whole machine had no memory left."""
        return was_killed_for_memory(container_id, self.kernel_log())

    def gpu_trouble(self, leased: Sequence[str], since: float) -> str | None:
        """What has happened to one of the `leased` GPUs since a time, in seconds since the epoch; None if nothing has.

        A failure of any GPU counts: the log has its place on the bus, which NVML cannot tell of one that is gone.
        """
        failure = failed_gpu(self.kernel_log(), since - self.machine_came_up())
        if failure is not None:
            return failure
        there = set(self.gpus())
        gone = [gpu for gpu in leased if gpu.startswith(("GPU-", "MIG-")) and gpu not in there]
        # A driver that sees none at all is one that does not know of these: they were named by hand.
        return f"GPU {gone[0]} is gone" if there and gone else None
