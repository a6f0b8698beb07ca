"""What `algodock init` writes, untouched, on the real engine: built, checked, tuned, served.

The images of Python algorithms are built upon the reference image, which has most of what pip would fetch; the others
upon the image that it stands on. Users build them upon what their Dockerfile names.
"""

import json
import os
import signal
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from command_line import CommandLine, finish
from shell_image import RUN_LABEL

from tuner.conformance.checklist import checklist
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

BASE_IMAGES = {
    "scikit-learn": "algodock/cifar10:cpu",
    "python": "algodock/cifar10:cpu",
    "c": "algodock/base:python3.11",
    "shell": "algodock/base:python3.11",
}
KEEPING_CHECKPOINTS = ("python", "shell")
SERVING = ("scikit-learn", "python", "c")


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """A folder that `algodock init` has written, and its image."""

    template: str
    folder: Path
    name: str

    @property
    def training_job(self) -> str:
        """The file of one training job."""
        return str(self.folder / "training-job.yaml")

    @property
    def tuning_job(self) -> str:
        """The file of a search."""
        return str(self.folder / "tuning-job.yaml")


@pytest.fixture(scope="module")
def client(engine: DockerEngine) -> Iterator[docker.DockerClient]:
    """Builds images."""
    client = docker.from_env(timeout=600)
    yield client
    client.close()


@pytest.fixture(scope="module", params=BASE_IMAGES)
def algorithm(
    request: pytest.FixtureRequest, client: docker.DockerClient, run_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Algorithm]:
    """An algorithm for each template, built as it was written; the images are removed afterwards."""
    template, folder = request.param, tmp_path_factory.mktemp("new") / "algorithm"
    name = f"test-{template}-{run_id}"
    written = CommandLine(folder.parent / "home").run("init", str(folder), "--name", name, "--template", template)
    assert 0 == written.returncode, written.stderr
    stages = ("build", None) if template == "c" else (None,)  # each under a name, so that none is left behind
    tags = [name if stage is None else f"{name}-{stage}" for stage in stages]
    try:
        for stage, tag in zip(stages, tags, strict=True):
            arguments = {"BASE_IMAGE": BASE_IMAGES[template]}
            build(client, folder, tag=tag, stage=stage, arguments=arguments, labels={RUN_LABEL: run_id})
        yield Algorithm(template=template, folder=folder, name=name)
    finally:
        for tag in reversed(tags):
            if client.images.list(tag):
                client.images.remove(tag, force=True)


def build(
    client: docker.DockerClient,
    folder: Path,
    *,
    tag: str,
    stage: str | None,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
) -> None:
    """What ``docker build`` does; through a mirror of the package index where this machine has one."""
    mirror = os.environ.get("PIP_INDEX_URL")
    try:
        client.images.build(
            path=str(folder),
            tag=tag,
            target=stage,
            buildargs={**arguments, **({"PIP_INDEX_URL": mirror} if mirror else {})},
            labels=dict(labels),
            rm=True,
            forcerm=True,
        )
    except docker.errors.BuildError as error:
        said = "".join(str(event.get("stream", "")) for event in error.build_log)
        pytest.fail(f"{folder} cannot be built: {error}\n{said[-4000:]}")


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


def test_the_image_keeps_the_contract(algorithm: Algorithm, algodock: CommandLine) -> None:
    """Of training, and where it serves of serving what it trained: nothing fails, nothing is warned of."""
    run = algodock.run("check", "--job", algorithm.training_job, *options(algorithm), "--json")
    assert run.stdout, run.stderr
    results = {one["id"]: one for one in json.loads(run.stdout)["results"]}

    assert {} == {name: one["came"] for name, one in results.items() if one["outcome"] == "fail"}
    assert 0 == run.returncode
    passed = {name for name, one in results.items() if one["outcome"] == "pass"}
    assert {"TRAIN-EXIT-0", "TRAIN-TERM-MODEL", "TRAIN-METRIC-PER-EPOCH", "TRAIN-NET-ISOLATED"} <= passed
    if algorithm.template in KEEPING_CHECKPOINTS:
        assert {"TRAIN-KILL-RESUME", "TRAIN-CKPT-CORRUPT"} <= passed
    if algorithm.template in SERVING:
        served = {"SERVE-INVOKE-200", "SERVE-INVOKE-6MB", "SERVE-PORT-BIND", "SERVE-MODEL-RO", "SERVE-TERM-INFLIGHT"}
        assert served | {"TRAIN-MODEL-SERVEABLE"} <= passed


def options(algorithm: Algorithm) -> list[str]:
    """What the check is told besides the job: what the image is said to keep, and what can be asked of its server."""
    said = ["--claim", "checkpoints"] if algorithm.template in KEEPING_CHECKPOINTS else []
    if algorithm.template not in SERVING:
        return [*said, "--train"]
    said += ["--payload", str(algorithm.folder / "request.csv")]
    said += ["--accept", "application/json", "--accept", "text/csv"]
    if algorithm.template == "scikit-learn":
        # Many models at once are the toolkit's business, and the other algorithm with it shows that in less time: here
        # each model's process has scikit-learn to import.
        said += [word for name in checklist() if "-MME-" not in name for word in ("--only", name)]
    return said


def test_its_search_runs_and_its_winner_is_served(
    algorithm: Algorithm, algodock: CommandLine, engine: DockerEngine
) -> None:
    """The two job files and the request that came with the folder; a training-only image ends with its search."""
    searched = algodock.run("tune", algorithm.tuning_job, "--json")
    assert 0 == searched.returncode, searched.stdout + searched.stderr
    best = algodock.summary(algorithm.name)["best"]

    assert "Completed" == best["status"]
    assert 0 < best["value"] < 20  # a loss, or feet
    if algorithm.template in SERVING:
        assert 3 == len(predictions(algodock, algorithm))
    assert () == tuple(engine.containers({HOME_LABEL: str(algodock.home)}))


def predictions(algodock: CommandLine, algorithm: Algorithm) -> list[Any]:
    """What the served winner answers to the folder's request."""
    with algodock.start("serve", algorithm.name, "--json") as process:
        assert process.stdout is not None
        assert any(json.loads(line)["event"] == "in_service" for line in process.stdout)
        answered = algodock.run("invoke", str(algorithm.folder / "request.csv"))
        process.send_signal(signal.SIGINT)
        ended = finish(process)
    assert (0, 0, "") == (ended.returncode, answered.returncode, answered.stderr)
    found: list[Any] = json.loads(answered.stdout)["predictions"]
    return found


def test_its_own_test_passes_in_its_image(algorithm: Algorithm, client: docker.DockerClient, run_id: str) -> None:
    """With what the image has; only pytest is brought along. The others' tests run while they are built, or without."""
    if not (algorithm.folder / "test_algorithm.py").exists():
        assert (algorithm.folder / ("test.sh" if algorithm.template == "c" else "test_train.sh")).exists()
        return
    code = (
        "import sys; sys.path.append('/tools'); import pytest; "
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '/folder']))"
    )
    output = client.containers.run(
        algorithm.name,
        ["-c", code],
        entrypoint="python3",
        volumes={
            str(algorithm.folder): {"bind": "/folder", "mode": "ro"},
            sysconfig.get_path("purelib"): {"bind": "/tools", "mode": "ro"},
        },
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
        labels={RUN_LABEL: run_id},
        network_mode="none",
        remove=True,
    )

    assert b"3 passed" in output
    assert (3, 11) == sys.version_info[:2]  # the tools are of the image's Python
