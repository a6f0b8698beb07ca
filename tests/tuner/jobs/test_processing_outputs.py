"""Outputs that are delivered while the container may still write to them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.processing import ProcessingJobSpec
from tuner.jobs import processing_outputs
from tuner.jobs.folder import JobFolder
from tuner.jobs.processing_containers import output_folder
from tuner.jobs.processing_outputs import ContinuousOutputs
from tuner.s3.container_files import files_of


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a running host's output, which is delivered to ``out`` all along."""
    monkeypatch.setattr(processing_outputs, "_LOOK_SECONDS", 0.02)
    place = {"S3Uri": f"file://{tmp_path}/out", "LocalPath": "/opt/ml/processing/x", "S3UploadMode": "Continuous"}
    spec = ProcessingJobSpec.from_request(
        {
            "ProcessingJobName": "job",
            "AppSpecification": {"ImageUri": "image"},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "x", "S3Output": place}]},
        }
    )
    folder = JobFolder(tmp_path / "job")
    source = output_folder(folder.host(), 0)
    source.mkdir(parents=True)
    outputs = ContinuousOutputs(spec, folder)
    outputs.start()
    yield source
    outputs.close()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_what_is_written_and_changed_is_delivered(output: Path, tmp_path: Path) -> None:
    """File by file, with its folders."""
    delivered = tmp_path / "out" / "sub" / "a"
    (output / "sub").mkdir()
    for text in ("one", "two, and longer"):
        (output / "sub" / "a").write_text(text)
        eventually(lambda expected=text: delivered.is_file() and expected == delivered.read_text())  # type: ignore[misc]


def test_a_link_that_a_container_plants_leads_nowhere(output: Path, tmp_path: Path) -> None:
    """Neither in the place of a file nor of a folder: it could name any file of the host."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (output / "file").symlink_to(secret / "key")
    (output / "folder").symlink_to(secret)
    (output / "last").write_text("x")
    eventually((tmp_path / "out" / "last").is_file)

    assert ["last"] == [path.name for path in (tmp_path / "out").iterdir()]


def test_a_file_that_has_become_a_link_meanwhile_is_not_read(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instant between looking and reading is the container's as well."""
    (tmp_path / "key").write_text("secret")

    def exchanged(folder: Path) -> object:
        found = files_of(folder)
        if "file" in found:
            (output / "file").unlink()
            (output / "file").symlink_to(tmp_path / "key")
            (output / "last").write_text("x")
        return found

    monkeypatch.setattr(processing_outputs, "files_of", exchanged)
    (output / "file").write_text("mine")
    eventually((tmp_path / "out" / "last").is_file)

    assert not (tmp_path / "out" / "file").exists()
