"""`algodock interrupt`: the loss of spot instances, when it is asked for; and what jobs on several hosts show."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from contracts.jobs import Interruption, SecondaryStatus
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.store.sqlite_store import Store

SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
}


@pytest.fixture
def training_job(training_file: Path, write_job: Callable[[dict[str, Any]], Path]) -> Callable[..., Path]:
    """Writes the file of a training job with further members."""

    def write(**members: Any) -> Path:
        return write_job(json.loads(training_file.read_text()) | members)

    return write


def asks_to_be_interrupted(database: Path) -> Callable[[FakeContainer], Generator[None, None, int]]:
    """A program that runs `algodock interrupt` on itself while it trains for the first time."""
    starts: list[str] = []

    def program(container: FakeContainer) -> Generator[None, None, int]:
        container.on_signal("SIGTERM", lambda: 143)
        starts.append("start")
        container.print(f"start {len(starts)}: accuracy=0.{len(starts)}")
        while len(starts) == 1:
            yield
            with Store(database) as store:  # a program runs in any thread
                store.request_interruption("one", Interruption.WITH_NOTICE)
        return 0

    return program


def test_an_interrupted_job_shows_what_happened(
    run: Run, training_job: Callable[..., Path], engine: FakeEngine, home: Path
) -> None:
    """One log, and all the statuses."""
    engine.images["algorithm:1"] = asks_to_be_interrupted(home / "algodock.db")
    outcome = run("train", training_job(**SPOT))

    assert 0 == outcome.code
    assert ["start 1: accuracy=0.1", "start 2: accuracy=0.2"] == [
        line for line in outcome.out.splitlines() if line.startswith("start")
    ]
    assert "-- Interrupted" in outcome.out
    assert "Interrupted" in run("show", "one").out


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "does not run on spot instances: set EnableManagedSpotTraining"),
        (SPOT, "is Completed: only a job that is Training can be interrupted"),
    ],
    ids=["not on spot instances", "ended"],
)
def test_a_job_that_cannot_be_interrupted_says_why(
    run: Run, training_job: Callable[..., Path], members: dict[str, Any], expected: str
) -> None:
    """Nothing is changed."""
    run("train", training_job(**members))
    outcome = run("interrupt", "one")

    assert 2 == outcome.code
    assert expected in outcome.err


@pytest.mark.parametrize(("options", "expected"), [([], "SIGTERM and up to 120 s"), (["--no-notice"], "SIGKILL")])
def test_a_running_job_is_told_to_lose_its_instances(
    run: Run, training_job: Callable[..., Path], store: Store, options: list[str], expected: str
) -> None:
    """Whoever works the home does it."""
    request = json.loads(training_job(**SPOT).read_text())
    store.create_training_job(request, now=1.0)
    for status in (SecondaryStatus.STARTING, SecondaryStatus.TRAINING):
        store.change_status("one", status, now=1.0)
    outcome = run("interrupt", "one", *options)

    assert 0 == outcome.code
    assert expected in outcome.out
    assert "No process works this home now" in outcome.out
    assert store.training_job("one").interruption is not None


def greets(container: FakeContainer) -> int:
    """Each host prints its name."""
    config = json.loads(container.path("/opt/ml/input/config/resourceconfig.json").read_text())
    container.print(f"accuracy=0.5 on {config['current_host']}")
    return 0


def test_the_lines_of_several_hosts_begin_with_their_names(
    run: Run, training_job: Callable[..., Path], engine: FakeEngine
) -> None:
    """While it runs and afterwards; one host's alone are as they were printed."""
    engine.images["algorithm:1"] = greets
    outcome = run("train", training_job(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2}))

    assert "[algo-1] accuracy=0.5 on algo-1" in outcome.out
    assert "[algo-2] accuracy=0.5 on algo-2\n" in run("logs", "one").out
    assert "accuracy=0.5 on algo-2\n" == run("logs", "one", "--host", "algo-2").out
    assert "it has algo-1, algo-2" in run("logs", "one", "--host", "algo-3").err
