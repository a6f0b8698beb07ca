"""`algodock process`, and what the other commands know of processing jobs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer

PLACE = "/opt/ml/processing/out"


def counts(run: FakeContainer) -> Iterator[None]:
    """Writes how many files its input has."""
    run.print("counting")
    yield
    files = list(run.path("/opt/ml/processing/in").iterdir())
    run.write(f"{PLACE}/count", str(len(files)))
    run.write("/opt/ml/output/message", f"{len(files)} files")


def fails(run: FakeContainer) -> int:
    """Cannot do it."""
    run.write("/opt/ml/output/message", "no such column")
    return 3


@pytest.fixture
def processing_file(tmp_path: Path, engine: FakeEngine, write_job: Callable[[dict[str, Any]], Path]) -> Path:
    """A job file with as little as possible, and an image that counts."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").touch()
    engine.images["counter:1"] = counts
    return write_job(
        {
            "ProcessingJobName": "count",
            "AppSpecification": {"ImageUri": "counter:1"},
            "ProcessingInputs": [
                {
                    "InputName": "in",
                    "S3Input": {"S3Uri": f"file://{tmp_path}/data", "LocalPath": "/opt/ml/processing/in"},
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "out", "S3Output": {"S3Uri": f"file://{tmp_path}/out", "LocalPath": PLACE}}]
            },
        }
    )


def test_a_job_is_run_with_its_log_and_its_message(run: Run, processing_file: Path, tmp_path: Path) -> None:
    """And its output is where the request says."""
    outcome = run("process", processing_file)

    assert (0, "1") == (outcome.code, (tmp_path / "out" / "count").read_text())
    assert ["Started count.", "counting"] == outcome.out.splitlines()[:2]
    assert "count is Completed" in outcome.out
    assert "1 files" in outcome.out


def test_a_job_that_failed_says_why(run: Run, processing_file: Path, engine: FakeEngine) -> None:
    """In the service's words and the container's own; the exit code tells programs."""
    engine.images["counter:1"] = fails
    outcome = run("process", processing_file)

    assert 1 == outcome.code
    assert "AlgorithmError: , exit code: 3\nno such column" in outcome.out


def test_programs_read_events(run: Run, processing_file: Path) -> None:
    """A line each, the last a summary."""
    lines = [json.loads(line) for line in run("process", processing_file, "--json").out.splitlines()]

    assert {"message", "log", "status", "summary"} == {line["event"] for line in lines}
    assert ("Completed", "1 files", "processing_job") == (
        lines[-1]["status"],
        lines[-1]["exit_message"],
        lines[-1]["kind"],
    )


def test_a_second_run_says_that_the_name_is_taken(run: Run, processing_file: Path) -> None:
    """And --again gives it another."""
    run("process", processing_file)
    refused, again = run("process", processing_file), run("process", processing_file, "--again")

    assert 2 == refused.code
    assert "a processing job with this name already exists" in refused.err
    assert "--again" in refused.err
    assert "Started count-2." in again.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("list",), "processing"),
        (("show", "count"), "a processing job: Completed"),
        (("show", "count", "--json"), '"kind": "processing_job"'),
        (("logs", "count"), "counting"),
    ],
)
def test_the_other_commands_know_the_job(
    run: Run, processing_file: Path, arguments: tuple[str, ...], expected: str
) -> None:
    """By its name, as any other."""
    run("process", processing_file)

    assert expected in run(*arguments).out


def test_a_job_that_has_ended_cannot_be_stopped(run: Run, processing_file: Path) -> None:
    """In the service's words."""
    run("process", processing_file)

    assert "the processing job is in status Completed" in run("stop", "count").err


def test_a_processing_job_makes_no_model(run: Run, processing_file: Path) -> None:
    """So it cannot be served."""
    run("process", processing_file)
    outcome = run("serve", "count")

    assert 2 == outcome.code
    assert "makes no model" in outcome.err


def test_a_job_file_of_another_kind_is_told_its_command(run: Run, training_file: Path) -> None:
    """Nothing is started."""
    outcome = run("process", training_file)

    assert 2 == outcome.code
    assert "algodock train" in outcome.err
