"""Everything that can be wrong: a clear message, the right exit code, nothing left behind."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, write_job
from job_requests import ACCURACY, channel, tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own and no GPUs."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


def tune(algodock: CommandLine, tmp_path: Path, request: dict[str, Any], *options: str) -> tuple[int, str]:
    """The exit code, and all that was said."""
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", request), *options)
    return run.returncode, run.stdout + run.stderr


def ranges(*continuous: dict[str, str]) -> dict[str, Any]:
    """A tuning request's config with other ranges."""
    config = tuning_request()["HyperParameterTuningJobConfig"]
    return {**config, "ParameterRanges": {"ContinuousParameterRanges": list(continuous)}}


def metric(regex: str) -> dict[str, Any]:
    """An AlgorithmSpecification with another regex."""
    return {"TrainingImage": "unused", "MetricDefinitions": [{"Name": ACCURACY["Name"], "Regex": regex}]}


@pytest.mark.parametrize(
    ("request_members", "said"),
    [
        ({"HyperParameterTuningJobName": "under_score"}, ["job.yaml:1", "regular expression pattern"]),
        (
            {
                "HyperParameterTuningJobConfig": ranges(
                    {"Name": "lr", "MinValue": "0.5", "MaxValue": "0.1", "ScalingType": "Linear"}
                )
            },
            ["job.yaml:", "lr"],
        ),
        (
            {"TrainingJobDefinition": {"AlgorithmSpecification": metric("accuracy=([0-9")}},
            ["job.yaml:", "accuracy=([0-9"],
        ),
        ({"TrainingJobDefinition": {"AlgorithmSpecification": metric("accuracy=[0-9]+")}}, ["job.yaml:", "group"]),
        (
            {"TrainingJobDefinition": {"AlgorithmSpecification": {"TrainingImage": "unused"}}},
            ["A metric is required for this hyperparameter tuning job objective"],
        ),
        ({"Tgas": []}, ["job.yaml:", "Tgas", "Tags"]),
    ],
)
def test_a_wrong_job_file_is_refused_with_the_line(
    algodock: CommandLine, tmp_path: Path, request_members: dict[str, Any], said: Sequence[str]
) -> None:
    """Before the engine is even asked; nothing is recorded."""
    code, text = tune(algodock, tmp_path, {**tuning_request(), **request_members})

    assert code == 2, text
    assert [] == [part for part in said if part not in text], text
    assert not (algodock.home / "jobs").exists()


def test_all_errors_are_said_at_once(algodock: CommandLine, tmp_path: Path) -> None:
    """One round of mending, not five."""
    request = tuning_request("bad_name", strategy="Foo")
    request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"].append({"Name": "x", "Regex": "("})
    code, text = tune(algodock, tmp_path, request)

    assert code == 2
    assert [] == [part for part in ("bad_name", "'Foo'", "'x' does not compile") if part not in text], text


@pytest.mark.parametrize("content", ["", "a: [1", "- just\n- a list\n", "a: 1\na: 2\n", "\xff\xfe"])
def test_a_file_that_is_no_request_is_refused(algodock: CommandLine, tmp_path: Path, content: str) -> None:
    """With its name."""
    path = tmp_path / "job.yaml"
    path.write_bytes(content.encode("latin-1"))
    run = algodock.run("tune", str(path))

    assert run.returncode == 2, run.stderr
    assert "job.yaml" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("is_there", [False, True])
def test_a_channel_that_is_missing_or_empty_is_said_before_anything_starts(
    algodock: CommandLine, shell_image: str, tmp_path: Path, is_there: bool
) -> None:
    """With the channel's name and the folder."""
    folder = tmp_path / "nothing here"
    if is_there:
        folder.mkdir()
    code, text = tune(algodock, tmp_path, tuning_request(image=shell_image, InputDataConfig=[channel("train", folder)]))

    assert code == 2, text
    assert "train" in text
    assert "nothing here" in text
    assert not list(algodock.home.glob("jobs/*"))


def test_an_image_that_does_not_exist(algodock: CommandLine, engine: DockerEngine, tmp_path: Path) -> None:
    """Said before anything is recorded; exit code 3."""
    code, text = tune(algodock, tmp_path, tuning_request(image="algodock-test/nobody:has-it"))

    assert code == 3, text
    assert "algodock-test/nobody:has-it" in text
    assert "There is no" in algodock.run("show", "tune").stderr


def test_an_image_without_train(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """The engine's reason reaches the user; nothing is left behind."""
    image = shell_algorithm("exit 0", "ENV PATH=/nowhere")
    code, text = tune(algodock, tmp_path, tuning_request(image=image, jobs=2))

    assert code == 1, text
    assert "train" in text
    assert "not found" in text
    assert not engine.containers({HOME_LABEL: str(algodock.home)})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo 'no memory for this' > /opt/ml/output/failure; exit 1",
            "AlgorithmError: no memory for this, exit code: 1",
        ),
        ("exit 0", "was never found"),
        ("echo 'validation: accuracy=nan'", "was never found"),
    ],
)
def test_trials_that_cannot_be_judged(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path, script: str, said: str
) -> None:
    """A failure, no metric, NaN: the tuning job fails, and `show` of a trial says why."""
    code, text = tune(algodock, tmp_path, tuning_request(image=shell_algorithm(script), jobs=2))
    trials = sorted(path.name for path in (algodock.home / "jobs").iterdir())
    shown = algodock.run("show", trials[0], "--json").stdout

    assert code == 1, text
    assert "No training job succeeded after 2 attempts" in text
    assert said in shown


def test_a_trial_that_never_ends_is_stopped(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """MaxRuntimeInSeconds; its last value counts."""
    script = "trap 'exit 0' TERM; echo 'validation: accuracy=0.5'; while true; do sleep 0.1; done"
    request = tuning_request(image=shell_algorithm(script), jobs=2, StoppingCondition={"MaxRuntimeInSeconds": 2})
    code, text = tune(algodock, tmp_path, request)

    assert code == 0, text
    assert "MaxRuntimeExceeded" in text


def test_two_runs_with_one_name(algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path) -> None:
    """The second is refused in AWS's words, told how to go on, and --again does it."""
    request = tuning_request(image=shell_algorithm("echo 'validation: accuracy=0.5'"), jobs=1)
    tune(algodock, tmp_path, request)
    code, text = tune(algodock, tmp_path, request)
    again, said = tune(algodock, tmp_path, request, "--again")

    assert code == 2, text
    assert "A hyperparameter tuning job with the name, tune, already exists. Choose a different name." in text
    assert "--again" in text
    assert again == 0, said
    assert "tune-2" in said


def test_a_gpu_asked_for_where_there_is_none(
    algodock: CommandLine, engine: DockerEngine, shell_image: str, tmp_path: Path
) -> None:
    """Before any trial starts, and nothing is left behind."""
    request = tuning_request(
        image=shell_image, ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1}
    )
    code, text = tune(algodock, tmp_path, request)
    named, refusal = tune(algodock, tmp_path, request, "--gpus", "GPU-0123")

    assert (3, 3) == (code, named), text + refusal
    assert "ml.g5.xlarge" in text
    assert "GPU" in refusal
    assert "There is no" in algodock.run("show", "tune").stderr
    assert not engine.containers({HOME_LABEL: str(algodock.home)})


def test_an_engine_that_is_not_running(home: Path, tmp_path: Path) -> None:
    """The remedy is in the message; nothing is recorded."""
    command = CommandLine(home, {"DOCKER_HOST": f"unix://{tmp_path}/no.sock", "ALGODOCK_GPUS": ""})
    code, text = tune(command, tmp_path, tuning_request())

    assert code == 3, text
    assert "no.sock" in text
    assert "Traceback" not in text
    assert "There is no" in command.run("show", "tune").stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 4 MB."""
    if os.geteuid():
        pytest.skip("only root mounts a file system; on Podman as root this test runs")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path) -> None:
    """A model that does not fit: the trials fail and say so, the job ends, nothing hangs."""
    command = CommandLine(small_disk / "home", {"ALGODOCK_GPUS": ""})
    script = "echo 'validation: accuracy=0.5'; head -c 3500000 /dev/urandom > /opt/ml/model/weights"
    code, text = tune(command, tmp_path, tuning_request(image=shell_algorithm(script), jobs=2, parallel=1))

    assert code in {1, 3}, text
    assert "space" in text
    assert "Traceback" not in text
    assert not [c for c in engine.containers({HOME_LABEL: str(command.home)}) if code == 1]


@pytest.mark.parametrize("arguments", [("show", "nobody"), ("logs", "nobody"), ("best", "nobody"), ("stop", "nobody")])
def test_a_job_that_nobody_knows(algodock: CommandLine, arguments: tuple[str, ...]) -> None:
    """Exit code 2 and the name."""
    run = algodock.run(*arguments)

    assert run.returncode == 2, run.stderr
    assert "nobody" in run.stderr
