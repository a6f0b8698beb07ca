"""What the driver reports of this machine's GPUs."""

from types import SimpleNamespace

import pynvml
import pytest

from tuner.engine.gpus import Gpu, discover_gpus


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error: most machines have none."""

    def no_driver() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", no_driver)

    assert () == discover_gpus()


def test_what_is_found_has_an_id_a_container_can_be_given() -> None:
    """On the machine that runs this: no GPU, or some with distinct ids in the order of their indices."""
    found = discover_gpus()

    assert list(range(len(found))) == [gpu.index for gpu in found]
    assert len(found) == len({gpu.uuid for gpu in found})
    assert all(gpu.uuid.startswith("GPU-") and gpu.memory_bytes > 0 for gpu in found)


def test_each_gpu_of_the_driver_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the library gives text or, as old ones do, bytes."""
    ids = ["GPU-a", b"GPU-b"]
    for name, answer in {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda device: ids[device],
        "nvmlDeviceGetName": lambda device: f"GPU number {device}",
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(total=8_000_000_000),
    }.items():
        monkeypatch.setattr(pynvml, name, answer)

    assert (
        Gpu(uuid="GPU-a", index=0, name="GPU number 0", memory_bytes=8_000_000_000),
        Gpu(uuid="GPU-b", index=1, name="GPU number 1", memory_bytes=8_000_000_000),
    ) == discover_gpus()
