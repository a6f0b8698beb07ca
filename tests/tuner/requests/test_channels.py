"""The data of a job is looked for before anything starts."""

from pathlib import Path
from typing import Any

from requests_for_tests import channel, training_request, tuning_request

from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB, check_channels


def request_with(*paths: Path) -> dict[str, Any]:
    """A training job with a channel for each of the paths."""
    channels = [channel(f"c{number}") for number in range(len(paths))]
    for entry, path in zip(channels, paths, strict=True):
        entry["DataSource"]["S3DataSource"]["S3Uri"] = f"file://{path}"
    return {**training_request(), "InputDataConfig": channels}


def test_folders_and_files_that_are_there_are_fine(tmp_path: Path) -> None:
    """A file deep below is a file, and a channel may be one file."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.bin").touch()

    assert [] == check_channels(CREATE_TRAINING_JOB, request_with(tmp_path / "a", tmp_path / "a" / "b" / "c.bin"))


def test_every_channel_without_data_is_told_with_its_name_and_folder(tmp_path: Path) -> None:
    """All at once: missing, and empty but for folders."""
    (tmp_path / "empty" / "folder").mkdir(parents=True)

    found = check_channels(CREATE_TRAINING_JOB, request_with(tmp_path / "gone", tmp_path / "empty"))

    assert [
        f"channel 'c0': {tmp_path}/gone is not there",
        f"channel 'c1': {tmp_path}/empty has no file in it",
    ] == [violation.message for violation in found]
    assert ("InputDataConfig", 1, "DataSource", "S3DataSource", "S3Uri") == found[1].path


def test_the_channels_of_a_tuning_job_are_those_of_its_definition() -> None:
    """The path leads there."""
    (violation,) = check_channels(CREATE_TUNING_JOB, tuning_request())

    assert ("TrainingJobDefinition", "InputDataConfig", 0) == violation.path[:3]


def test_a_folder_with_a_space_is_found_by_either_spelling(tmp_path: Path) -> None:
    """As it is, and percent-encoded."""
    folder = tmp_path / "my data"
    folder.mkdir()
    (folder / "x").touch()

    assert [] == check_channels(CREATE_TRAINING_JOB, request_with(folder, tmp_path / "my%20data"))


def test_channels_elsewhere_are_not_looked_for() -> None:
    """Nothing is asked of S3."""
    request = request_with(Path("/x"))
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/x"

    assert [] == check_channels(CREATE_TRAINING_JOB, request)
