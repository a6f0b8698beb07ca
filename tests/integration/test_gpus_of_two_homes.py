"""One GPU and several who want it, on an engine that hands out ids without a GPU behind them.

What a container is given is the engine's doing; that nobody else is given it meanwhile is ours.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, finish, write_job
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import GPU_LABEL

pytestmark = pytest.mark.gpu_hook

#: Says which GPUs it was given, and takes so long that another would run into it.
TRAIN = "tr '\\0' '\\n' </proc/1/environ | grep NVIDIA_VISIBLE_DEVICES | sort -u; sleep 1"
GPU = "GPU-0000-of-two-homes"


@pytest.fixture
def job(tmp_path: Path, gpu_hook_algorithm: ShellAlgorithm) -> str:
    """A training job that needs one GPU."""
    request: dict[str, Any] = {
        "TrainingJobName": "one",
        "AlgorithmSpecification": {"TrainingImage": gpu_hook_algorithm(TRAIN)},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge"},
    }
    return write_job(tmp_path / "job.yaml", request)


@pytest.fixture
def command_line(homes: Path, gpu_hook_engine: DockerEngine, tmp_path: Path) -> Callable[[str], CommandLine]:
    """The command line of a home with that name, whose one GPU is everybody's."""
    environment = {"DOCKER_HOST": gpu_hook_engine.host, "ALGODOCK_GPUS": GPU}
    return lambda name: CommandLine(homes / tmp_path.name / name, environment)


def times(home: CommandLine) -> tuple[float, float]:
    """When the job of a home began to train and when it ended."""
    summary = home.summary("one")
    return summary["training_start_time"], summary["training_end_time"]


def test_two_homes_with_one_gpu_take_turns(
    job: str, command_line: Callable[[str], CommandLine], gpu_hook_engine: DockerEngine
) -> None:
    """Each job is given the GPU, and at no moment both."""
    homes = [command_line(name) for name in ("a", "b")]
    with homes[0].start("train", job) as one, homes[1].start("train", job) as other:
        ended = [finish(one), finish(other)]
    first, second = sorted(times(home) for home in homes)

    assert [0, 0] == [one.returncode for one in ended], [one.stdout + one.stderr for one in ended]
    assert all(f"NVIDIA_VISIBLE_DEVICES={GPU}\n" in one.stdout for one in ended)
    assert first[1] <= second[0]
    assert () == gpu_hook_engine.containers({GPU_LABEL: None})
