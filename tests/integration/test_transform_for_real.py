"""`algodock transform` on the real engine: the reference image, and a shell with busybox' network tools."""

import io
import signal
import tarfile
from pathlib import Path
from typing import Any

import cifar10_files
import pytest
from command_line import CommandLine, finish, wait_until, write_job
from greeting_server import GREETS
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

REFERENCE = "algodock/cifar10:cpu"


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


@pytest.fixture
def image(shell_algorithm: ShellAlgorithm) -> str:
    """An image that greets."""
    return shell_algorithm(GREETS, 'ENTRYPOINT ["/usr/local/bin/train"]')


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model archive with one file."""
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("weights")
        member.size = len(b"trained")
        tar.addfile(member, io.BytesIO(b"trained"))
    return str(path)


def request(tmp_path: Path, files: dict[str, str], seconds: str = "0", **members: Any) -> dict[str, Any]:
    """A CreateTransformJob request over these files, row by row; each row takes so long."""
    (tmp_path / "rows").mkdir()
    for name, content in files.items():
        (tmp_path / "rows" / name).write_text(content)
    return {
        "TransformJobName": "batch",
        "ModelName": "model",
        "BatchStrategy": "SingleRecord",
        "Environment": {"EACH": seconds},
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3Uri": f"file://{tmp_path}/rows"}},
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": f"file://{tmp_path}/out", "AssembleWith": "Line"},
        **members,
    }


def delivered(tmp_path: Path) -> dict[str, str]:
    """The output objects."""
    return {path.name: path.read_text() for path in sorted((tmp_path / "out").rglob("*"))}


def containers_of(engine: DockerEngine, home: Path) -> list[str]:
    """The ids of all containers of a home."""
    return [container.container_id for container in engine.containers({HOME_LABEL: str(home)})]


@pytest.mark.every_engine
def test_a_container_transforms_rows_and_a_bad_one_takes_its_object(
    algodock: CommandLine, engine: DockerEngine, image: str, model: str, tmp_path: Path
) -> None:
    """Several at once, on two hosts, in order; logs say what happened, and nothing is left on the engine."""
    resources = {"InstanceType": "local", "InstanceCount": 2}
    files = {"a.csv": "1\n2\n3\n4\n", "b.csv": "5\n", "c.csv": "6\noops\n7\n"}
    job = write_job(
        tmp_path / "job.yaml", request(tmp_path, files, MaxConcurrentTransforms=3, TransformResources=resources)
    )

    done = algodock.run("transform", job, "--model", model, "--image", image)

    assert (1, "") == (done.returncode, done.stderr)
    assert {"a.csv.out": "hello 1\nhello 2\nhello 3\nhello 4\n", "b.csv.out": "hello 5\n"} == delivered(tmp_path)
    assert f"{tmp_path}/rows/c.csv: Bad HTTP status received from algorithm: 400\n" in done.stdout
    log = (algodock.home / "transform" / "batch" / "logs" / "algo-1.log").read_text()
    assert ["model: trained, batch: true", "goodbye"] == log.splitlines()
    assert [] == containers_of(engine, algodock.home)


def test_a_job_that_was_killed_goes_on_and_sends_nothing_twice(
    algodock: CommandLine, engine: DockerEngine, image: str, model: str, tmp_path: Path
) -> None:
    """SIGKILL in the middle; what was delivered keeps even its time."""
    files = {"a.csv": "1\n", "b.csv": "2\n" * 6, "c.csv": "3\n"}
    job = write_job(tmp_path / "job.yaml", request(tmp_path, files, seconds="0.3"))
    command = ["transform", job, "--model", model, "--image", image]
    first = tmp_path / "out" / "a.csv.out"
    progress = algodock.home / "transform" / "batch" / "progress.json"
    with algodock.start(*command) as process:
        wait_until(lambda: first.exists() and '"delivered": 1' in progress.read_text(), "the first object")
        process.kill()
    time, left = first.stat().st_mtime_ns, containers_of(engine, algodock.home)

    done = algodock.run(*command)

    assert 0 == done.returncode, done.stderr
    assert "Going on with batch, which is InProgress." in done.stdout
    assert {"a.csv.out": "hello 1\n", "b.csv.out": "hello 2\n" * 6, "c.csv.out": "hello 3\n"} == delivered(tmp_path)
    assert (1, time) == (len(left), first.stat().st_mtime_ns)
    assert [] == containers_of(engine, algodock.home)


def test_ctrl_c_stops_and_discards(
    algodock: CommandLine, engine: DockerEngine, image: str, model: str, tmp_path: Path
) -> None:
    """Requests under way are cut off with their container."""
    job = write_job(tmp_path / "job.yaml", request(tmp_path, {"a.csv": "1\n", "b.csv": "2\n" * 200}, seconds="0.5"))
    with algodock.start("transform", job, "--model", model, "--image", image) as process:
        wait_until((tmp_path / "out" / "a.csv.out").exists, "the first object")
        process.send_signal(signal.SIGINT)
        done = finish(process)

    assert (4, {}) == (done.returncode, delivered(tmp_path))
    assert "batch is Stopped" in done.stdout
    assert [] == containers_of(engine, algodock.home)


def test_the_reference_image_labels_rows_with_its_predictions(algodock: CommandLine, tmp_path: Path) -> None:
    """From a training job of this home: the label stays here, pixels go in, label and probabilities come out."""
    cifar10_files.write_binary_channel(tmp_path / "images", training=200, validation=100)
    training = {
        "TrainingJobName": "small",
        "AlgorithmSpecification": {"TrainingImage": REFERENCE},
        "HyperParameters": {"network": "resnet8_narrow_v2", "epochs": "1", "batch_size": "20"},
        "InputDataConfig": [
            {
                "ChannelName": "training",
                "DataSource": {"S3DataSource": {"S3Uri": f"file://{tmp_path}/images"}},
            }
        ],
    }
    assert 0 == algodock.run("train", write_job(tmp_path / "train.yaml", training)).returncode
    images, labels = cifar10_files.made_up_images(30, seed=7)
    rows = [",".join(map(str, [label, *image.ravel()])) for image, label in zip(images, labels, strict=True)]
    members = request(tmp_path, {"test.csv": "\n".join(rows) + "\n"}, ModelName="small")
    del members["Environment"], members["BatchStrategy"]
    members["TransformInput"]["ContentType"] = members["TransformOutput"]["Accept"] = "text/csv"
    members["DataProcessing"] = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,3073:]"}

    done = algodock.run("transform", write_job(tmp_path / "transform.yaml", members))

    assert 0 == done.returncode, done.stdout + done.stderr
    output = [line.split(",") for line in delivered(tmp_path)["test.csv.out"].splitlines()]
    assert [str(label) for label in labels] == [row[0] for row in output]
    assert {11} == {len(row) for row in output}
    assert all(abs(1 - sum(map(float, row[1:]))) < 1e-3 for row in output)
