"""Which GPUs this machine has, asked of NVIDIA's driver through NVML.

Where the engine runs on another machine (DOCKER_HOST), this tells nothing about its GPUs: name them in the profile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """A GPU. `uuid` stays the same across reboots and is what a container is given; `index` may change."""

    uuid: str
    index: int
    name: str
    memory_bytes: int


def discover_gpus() -> tuple[Gpu, ...]:
    """All GPUs that the driver reports, by index; none where there is no driver, or none that works."""
    try:
        with _driver():
            return tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except (pynvml.NVMLError, OSError):  # no driver, no library, a GPU that has fallen off the bus
        return ()


@contextmanager
def _driver() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        uuid=_text(pynvml.nvmlDeviceGetUUID(device)),
        index=index,
        name=_text(pynvml.nvmlDeviceGetName(device)),
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(device).total),
    )


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value  # bytes: nvidia-ml-py before 12
