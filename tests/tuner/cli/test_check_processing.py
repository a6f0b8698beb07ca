"""`algodock check` of a processing job: what it examines, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from tuner.conformance.processing.checks import processing_ids
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer

INPUT, OUTPUT = "/opt/ml/processing/input/raw", "/opt/ml/processing/output/clean"


def process(container: FakeContainer) -> int:
    """Copies its input, and says why it cannot."""
    try:
        container.write(f"{OUTPUT}/all.csv", container.path(f"{INPUT}/part-0.csv").read_text())
    except FileNotFoundError:
        container.write("/opt/ml/output/message", "there is no part-0.csv")
        return 1
    return 0


@pytest.fixture
def request_of_job(tmp_path: Path, engine: FakeEngine) -> dict[str, Any]:
    """A processing job of an image that can do it."""
    engine.images["processing:1"] = process
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "part-0.csv").write_text("1,2\n")
    return {
        "ProcessingJobName": "clean",
        "AppSpecification": {"ImageUri": "processing:1"},
        "ProcessingInputs": [
            {"InputName": "raw", "S3Input": {"S3Uri": f"file://{tmp_path}/raw", "LocalPath": INPUT}},
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "clean", "S3Output": {"S3Uri": f"file://{tmp_path}/out", "LocalPath": OUTPUT}}]
        },
    }


@pytest.fixture
def job_file(tmp_path: Path, request_of_job: dict[str, Any]) -> Path:
    """The file with it."""
    return written(tmp_path, request_of_job)


def written(folder: Path, request: dict[str, Any]) -> Path:
    """A job file."""
    path = folder / "processing-job.json"
    path.write_text(json.dumps(request))
    return path


def test_a_processing_job_has_its_own_rules_checked_and_no_other(run: Run, job_file: Path, tmp_path: Path) -> None:
    """Nothing of its data or of its address for outputs is touched."""
    outcome = run("check", "--job", job_file, "--json")
    results = {one["id"]: one["outcome"] for one in outcome.document["results"]}

    assert 0 == outcome.code, outcome.err
    assert set(processing_ids()) == set(results)
    assert "fail" not in results.values()
    assert "pass" == results["PROC-EXIT"]
    assert not (tmp_path / "out").exists()


def test_an_item_of_training_does_not_apply_to_it(run: Run, job_file: Path) -> None:
    """It says why."""
    outcome = run("check", "--job", job_file, "--only", "TRAIN-EXIT-0", "--json")

    assert "processing job" in outcome.document["results"][0]["came"]


def test_an_option_about_training_is_refused(run: Run, job_file: Path) -> None:
    """It would be without effect."""
    outcome = run("check", "--job", job_file, "--channel", "training=.")

    assert 2 == outcome.code
    assert "--channel" in outcome.err


def test_inputs_that_a_check_cannot_give_are_refused(
    run: Run, request_of_job: dict[str, Any], tmp_path: Path, engine: FakeEngine
) -> None:
    """Before anything is started."""
    request_of_job["ProcessingInputs"][0]["S3Input"] |= {"S3Uri": "s3://elsewhere/raw", "S3DataType": "S3Prefix"}
    outcome = run("check", "--job", written(tmp_path, request_of_job))

    assert 0 != outcome.code
    assert "raw" in outcome.err
    assert [] == engine.removed


def test_the_rules_of_processing_do_not_apply_to_a_training_job(run: Run, training_file: Path) -> None:
    """It says what would make them apply."""
    outcome = run("check", "--job", training_file, "--only", "PROC-EXIT", "--json")

    assert "--job" in outcome.document["results"][0]["came"]
