"""The command line in this process: a fake engine, a clock that moves when it is looked at, a home of its own."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Outcome, Run
from serving_programs import Server

from tuner.cli.machine import Parts
from tuner.cli.main import main
from tuner.engine.fake import START_SECONDS, FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.engine.gpus import Gpu
from tuner.store.sqlite_store import Store

IMAGE = "algorithm:1"
METRIC = "validation:accuracy"

TUNING_JOB: dict[str, Any] = {
    "HyperParameterTuningJobName": "digits",
    "HyperParameterTuningJobConfig": {
        "Strategy": "Random",
        "RandomSeed": 7,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "learning_rate", "MinValue": "0.1", "MaxValue": "0.9"}]
        },
    },
    "TrainingJobDefinition": {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "MetricDefinitions": [{"Name": METRIC, "Regex": r"accuracy=([0-9\.]+)"}],
        },
    },
}
TRAINING_JOB: dict[str, Any] = {
    "TrainingJobName": "one",
    "HyperParameters": {"learning_rate": "0.5"},
    "AlgorithmSpecification": TUNING_JOB["TrainingJobDefinition"]["AlgorithmSpecification"],
}


def learn(run: FakeContainer) -> int:
    """Prints two values that follow the learning rate, and leaves a model."""
    rate = float(run.hyperparameters["learning_rate"])
    run.print(f"epoch 1: accuracy={rate / 2}")
    run.print(f"epoch 2: accuracy={rate}")
    run.write_model()
    return 0


@pytest.fixture
def engine() -> FakeEngine:
    """An engine whose one image learns; a container goes on whenever its state is asked for."""
    return FakeEngine({IMAGE: learn}, auto_advance=True)


@pytest.fixture
def parts(engine: FakeEngine, home: Path) -> Parts:
    """The command line's collaborators."""
    seconds = itertools.count(START_SECONDS, 0.25)
    return Parts(
        open_engine=lambda profile: engine,
        find_gpus=lambda: [Gpu(uuid=gpu, index="-", name="Fake", memory_bytes=8_000_000_000) for gpu in engine.gpus],
        read_gpu_memory=lambda gpu: None,
        clock=lambda: next(seconds),
        sleep=lambda seconds: None,
        poll_seconds=0.005,
        environment={"ALGODOCK_HOME": str(home), "HOME": str(home)},
    )


@pytest.fixture
def run(parts: Parts, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `algodock` with the arguments given; `changes` replace collaborators."""

    def run_command(*arguments: object, **changes: Any) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments], replace(parts, **changes))
        captured = capsys.readouterr()
        return Outcome(code=code, out=captured.out, err=captured.err)

    return run_command


@pytest.fixture
def write_job(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a request as a job file, one member a line, and returns its path."""

    def write(request: dict[str, Any]) -> Path:
        path = tmp_path / "job.json"
        path.write_text(json.dumps(request, indent=1), encoding="utf-8")
        return path

    return write


@pytest.fixture
def tuning_file(write_job: Callable[[dict[str, Any]], Path]) -> Path:
    """A job file for three trials, two at a time."""
    return write_job(TUNING_JOB)


@pytest.fixture
def training_file(tmp_path: Path) -> Path:
    """A job file for one training job."""
    path = tmp_path / "training.json"
    path.write_text(json.dumps(TRAINING_JOB), encoding="utf-8")
    return path


@pytest.fixture
def store(home: Path) -> Store:
    """The home's store, for a look inside or to fill it by hand."""
    return Store(home / "algodock.db")


@pytest.fixture
def server(engine: FakeEngine) -> Iterator[Server]:
    """What containers serve; ended with the test."""
    made = Server()
    yield made
    for one in made.servers:
        one.close()
    for container in engine.containers({}):
        engine.remove(container.container_id)
