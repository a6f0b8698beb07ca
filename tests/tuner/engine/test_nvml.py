"""What the driver reports of this machine's GPUs."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from tuner.engine.gpus import Gpu, GpuMemory, GpuProcess
from tuner.engine.nvml import discover_gpus, read_gpu_memory


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error: most machines have none."""

    def no_driver() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", no_driver)

    assert () == discover_gpus()


def test_what_is_found_has_an_id_a_container_can_be_given() -> None:
    """On the machine that runs this: no GPU, or some with distinct ids and indices."""
    found = discover_gpus()

    assert len(found) == len({gpu.index for gpu in found})
    assert len(found) == len({gpu.uuid for gpu in found})
    assert all(gpu.uuid.startswith(("GPU-", "MIG-")) and gpu.memory_bytes > 0 for gpu in found)


#: What GPUs and MIG devices are called: text or, as old libraries have it, bytes. GPU 1 is in MIG mode, with a gap.
IDS: dict[object, str | bytes] = {0: "GPU-a", 1: b"GPU-b", (1, 0): "MIG-c", (1, 2): "MIG-d"}


def answer_or(error: type[pynvml.NVMLError], answers: Mapping[Any, Any]) -> Callable[..., Any]:
    """A function of the driver that knows `answers` and raises `error` for everything else."""

    def ask(*question: Any) -> Any:
        known = question[0] if len(question) == 1 else question
        if known not in answers:
            raise error
        return answers[known]

    return ask


@pytest.fixture
def _driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs that work, one of them in MIG mode, and a third that has fallen off the bus."""
    processes = [SimpleNamespace(pid=7, usedGpuMemory=3_000), SimpleNamespace(pid=8, usedGpuMemory=None)]
    for name, answer in {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 3,
        "nvmlDeviceGetHandleByIndex": answer_or(pynvml.NVMLError_GpuIsLost, {0: 0, 1: 1}),
        "nvmlDeviceGetHandleByUUID": answer_or(pynvml.NVMLError_NotFound, {b"MIG-c": (1, 0)}),
        "nvmlDeviceGetMigMode": answer_or(pynvml.NVMLError_NotSupported, {1: (pynvml.NVML_DEVICE_MIG_ENABLE, 0)}),
        "nvmlDeviceGetMaxMigDeviceCount": lambda device: 3,
        "nvmlDeviceGetMigDeviceHandleByIndex": answer_or(pynvml.NVMLError_NotFound, {(1, 0): (1, 0), (1, 2): (1, 2)}),
        "nvmlDeviceGetUUID": lambda device: IDS[device],
        "nvmlDeviceGetName": lambda device: f"GPU number {device}",
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(total=8_000, free=4_000),
        "nvmlDeviceGetComputeRunningProcesses": lambda device: processes,
        "nvmlSystemGetProcessName": answer_or(pynvml.NVMLError_NotFound, {7: b"python"}),
    }.items():
        monkeypatch.setattr(pynvml, name, answer)


@pytest.mark.usefixtures("_driver")
def test_a_gpu_in_mig_mode_is_its_devices_and_one_that_is_lost_is_left_out() -> None:
    """What is found is what a container can be given."""
    assert (
        Gpu(uuid="GPU-a", index="0", name="GPU number 0", memory_bytes=8_000),
        Gpu(uuid="MIG-c", index="1:0", name="GPU number (1, 0)", memory_bytes=8_000, part_of="GPU-b"),
        Gpu(uuid="MIG-d", index="1:2", name="GPU number (1, 2)", memory_bytes=8_000, part_of="GPU-b"),
    ) == discover_gpus()


@pytest.mark.usefixtures("_driver")
def test_the_memory_of_a_gpu_is_told_with_the_processes_that_have_it() -> None:
    """Some of them cannot be named, or how much they have not be told."""
    expected = GpuMemory(
        total_bytes=8_000,
        free_bytes=4_000,
        processes=(
            GpuProcess(pid=7, name="python", used_bytes=3_000),
            GpuProcess(pid=8, name="?", used_bytes=None),
        ),
    )

    assert expected == read_gpu_memory("MIG-c")


@pytest.mark.usefixtures("_driver")
def test_of_a_gpu_that_is_elsewhere_nothing_is_known() -> None:
    """The engine may run on another machine."""
    assert read_gpu_memory("GPU-z") is None
