"""The main job: the reference image trains on real CIFAR-10 through the example's own job file, made smaller."""

import csv
import json
import tarfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from command_line import CommandLine, write_job
from job_requests import tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "cifar10" / "tuning-job.yaml"

#: Loads an unpacked model in a fresh container and prints the class that it gives to a black image.
LOAD = """
import numpy as np
from pathlib import Path
from container.cifar10.model import load
print(load(Path("/model")).predict(np.zeros((1, 3, 32, 32), dtype="uint8")).shape)
"""


@pytest.fixture
def cifar10() -> Path:
    """The folder of the real images, which the set-up brings."""
    folder = REPOSITORY / "data" / "cifar10"
    assert (folder / "data_batch_1.bin").stat().st_size == 30_730_000, "run `make setup` first"
    return folder


def smaller(cifar10: Path, results: Path) -> dict[str, Any]:
    """The example's request with three short trials on a thousand images."""
    request: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 3
    definition = request["TrainingJobDefinition"]
    definition["StaticHyperParameters"] |= {"training_images": "1000", "validation_images": "200", "epochs": "2"}
    definition["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"file://{cifar10}"
    definition["OutputDataConfig"]["S3OutputPath"] = f"file://{results}"
    return request


def test_the_reference_image_is_tuned_on_real_images(
    engine: DockerEngine, cifar10: Path, home: Path, tmp_path: Path
) -> None:
    """Table, picture, and a winning model.tar.gz that loads in a fresh container."""
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", smaller(cifar10, tmp_path / "results")))
    best = json.loads(algodock.run("best", "cifar10", "--json").stdout)
    with (home / "tuning" / "cifar10" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    with tarfile.open(tmp_path / "results" / best["training_job"] / "output" / "model.tar.gz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none yet
        archive.extractall(tmp_path / "model")
    client = docker.DockerClient(base_url=engine.host)
    try:
        shape = client.containers.run(
            "algodock/cifar10:cpu",
            entrypoint=["python3", "-c", LOAD],
            volumes={str(tmp_path / "model"): {"bind": "/model", "mode": "ro"}},
            remove=True,
        )
    finally:
        client.close()

    assert run.returncode == 0, run.stdout + run.stderr
    assert 3 == len(rows)
    assert all(float(row["objective"]) >= 0 and float(row["train:images_per_second"]) > 0 for row in rows)
    assert max(float(row["objective"]) for row in rows) == pytest.approx(float(best["value"]))
    assert b"(1, 10)" == shape.strip()
    assert not engine.containers({HOME_LABEL: str(home)})


#: Says which GPUs it was given and when it began and ended, in seconds since the machine started.
SAYS_ITS_GPU = """
gpu=$(tr '\\0' '\\n' </proc/1/environ | sed -n 's/^NVIDIA_VISIBLE_DEVICES=//p')
echo "gpu=$gpu from=$(cut -d' ' -f1 /proc/uptime)"
echo "validation: accuracy=0.5"
sleep 0.7
echo "gpu=$gpu until=$(cut -d' ' -f1 /proc/uptime)"
"""


@pytest.mark.gpu_hook
def test_two_running_trials_never_share_a_gpu(
    gpu_hook_engine: DockerEngine, gpu_hook_algorithm: ShellAlgorithm, home: Path, tmp_path: Path
) -> None:
    """Six trials, four slots, two GPUs. The hook is a stand-in: it shows who is given what, not that a GPU works."""
    request = tuning_request(
        image=gpu_hook_algorithm(SAYS_ITS_GPU),
        jobs=6,
        parallel=4,
        ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
    )
    algodock = CommandLine(home, {"DOCKER_HOST": gpu_hook_engine.host, "ALGODOCK_GPUS": "GPU-a,GPU-b"})
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", request))
    uses: dict[str, list[tuple[float, float]]] = {}
    for log in home.glob("jobs/*/logs/algo-1.log"):
        words = dict(
            word.split("=", 1) for line in log.read_text().splitlines() for word in line.split() if "=" in word
        )
        uses.setdefault(words["gpu"], []).append((float(words["from"]), float(words["until"])))

    assert run.returncode == 0, run.stdout + run.stderr
    assert {"GPU-a", "GPU-b"} == set(uses)
    assert 6 == sum(len(spans) for spans in uses.values())
    for spans in uses.values():
        ordered = sorted(spans)
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(ordered))
