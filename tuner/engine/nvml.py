"""Which GPUs this machine has and how full their memory is, asked of NVIDIA's driver through NVML.

Where the engine runs on another machine (DOCKER_HOST), this tells nothing about its GPUs: name them in the profile.
Source: NVML API reference guide, "Device Queries" and "Multi Instance GPU Management".
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pynvml

from tuner.engine.gpus import Gpu, GpuMemory, GpuProcess


def discover_gpus() -> tuple[Gpu, ...]:
    """All that the driver can give to containers, by index; none where there is no driver, or none that works.

    A GPU in MIG mode is its devices: it cannot be given as a whole. One that has fallen off the bus is left out.
    """
    found: list[Gpu] = []
    with suppress(pynvml.NVMLError, OSError), _driver():  # no driver, no library
        for index in range(pynvml.nvmlDeviceGetCount()):
            with suppress(pynvml.NVMLError):
                found += _devices(index)
    return tuple(found)


def read_gpu_memory(uuid: str) -> GpuMemory | None:
    """How full the memory of a GPU or MIG device is; None where the driver does not know it, or there is none."""
    try:
        with _driver():
            device = pynvml.nvmlDeviceGetHandleByUUID(uuid.encode())
            memory = pynvml.nvmlDeviceGetMemoryInfo(device)
            return GpuMemory(
                total_bytes=int(memory.total), free_bytes=int(memory.free), processes=tuple(_processes(device))
            )
    except (pynvml.NVMLError, OSError):
        return None


@contextmanager
def _driver() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _devices(index: int) -> list[Gpu]:
    """What of the GPU number `index` a container can be given."""
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    whole = _gpu(device, str(index))
    if not _is_in_mig_mode(device):
        return [whole]
    parts = []
    for number in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(device)):
        with suppress(pynvml.NVMLError_NotFound):  # that many could be made; this one has not been
            part = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(device, number)
            parts.append(_gpu(part, f"{index}:{number}", whole.uuid))
    return parts


def _is_in_mig_mode(device: Any) -> bool:
    try:
        current, _pending = pynvml.nvmlDeviceGetMigMode(device)
    except pynvml.NVMLError:  # not supported: most GPUs, and drivers before 450
        return False
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def _gpu(device: Any, index: str, part_of: str | None = None) -> Gpu:
    return Gpu(
        uuid=_text(pynvml.nvmlDeviceGetUUID(device)),
        index=index,
        name=_text(pynvml.nvmlDeviceGetName(device)),
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(device).total),
        part_of=part_of,
    )


def _processes(device: Any) -> Iterator[GpuProcess]:
    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(device)
    except pynvml.NVMLError:  # not to be told, as in some virtual machines
        return
    for process in running:
        try:
            name = _text(pynvml.nvmlSystemGetProcessName(process.pid))
        except pynvml.NVMLError:  # it has ended, or is in another namespace
            name = "?"
        used = process.usedGpuMemory
        yield GpuProcess(pid=int(process.pid), name=name, used_bytes=None if used is None else int(used))


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value  # bytes: nvidia-ml-py before 12
