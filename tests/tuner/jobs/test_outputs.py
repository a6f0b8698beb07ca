"""What a job has made, and what its owner is told about it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from job_requests import training_request

from contracts.jobs import TrainingJobSpec
from tuner.jobs.folder import JobFolder
from tuner.jobs.left_files import NotTakenOver
from tuner.jobs.outputs import pack


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """The folder of a job on one host, with empty output folders."""
    folder = JobFolder(tmp_path / "job")
    layout = folder.host().opt_ml
    layout.model.mkdir(parents=True)
    layout.output_data.mkdir(parents=True)
    return folder


def packed(folder: JobFolder) -> list[str]:
    """The warnings, once it is packed."""
    spec = TrainingJobSpec.from_request(training_request())
    with ThreadPoolExecutor(1) as executor:
        packing = pack(spec, folder, None, executor, threading.Event())
    return packing.result()


def test_links_that_lead_out_of_the_model_are_told(folder: JobFolder) -> None:
    """They will be broken wherever the model is unpacked; those within it are nobody's concern."""
    model = folder.host().opt_ml.model
    (model / "weights").symlink_to("/root/.cache/weights")
    (model / "latest").symlink_to("/opt/ml/model/epoch-3")
    [warning] = packed(folder)

    assert warning.startswith(
        "in /opt/ml/model there are links that lead out of it: weights. They were packed as links"
    )


def test_what_was_left_out_is_told_in_one_line_whatever_its_name(folder: JobFolder) -> None:
    """The store and the screen take text; a name need not be one."""
    os.mkfifo(os.path.join(os.fsencode(folder.host().opt_ml.output_data), b"a\n\xff"))  # noqa: PTH118 - of bytes
    [warning] = packed(folder)

    assert r"they were left out: 'a\n\udcff'" in warning


def test_a_model_that_cannot_be_packed_is_a_failure_with_a_reason(folder: JobFolder) -> None:
    """Of the kind that the runner knows."""
    folder.host().opt_ml.model.joinpath(*["d"] * 200).mkdir(parents=True)

    with pytest.raises(NotTakenOver, match="nested more than 128"):
        packed(folder)
