"""The data of a job is looked for before anything starts."""

import json
from pathlib import Path
from typing import Any

import pytest
from requests_for_tests import channel, training_request, tuning_request

from tuner.errors import ViolationKind
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


def found_in_manifest(path: Path, content: str, **source: Any) -> list[str]:
    """What is said of a channel that reads the manifest `content`, which is written to `path`."""
    path.write_text(content)
    return found_in(path, **{"S3DataType": "ManifestFile", **source})


def found_in(path: Path, mode: str = "File", members: dict[str, Any] | None = None, **source: Any) -> list[str]:
    """What is said of a channel that reads `path`."""
    request = request_with(path)
    request["AlgorithmSpecification"]["TrainingInputMode"] = mode
    request["InputDataConfig"][0].update(members or {})
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"].update(source)
    return [violation.message for violation in check_channels(CREATE_TRAINING_JOB, request)]


def test_a_manifest_whose_files_are_there_is_fine(tmp_path: Path) -> None:
    """Relative to its prefix."""
    (tmp_path / "a").touch()

    assert [] == found_in_manifest(tmp_path / "m", json.dumps([{"prefix": f"file://{tmp_path}/"}, "a"]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"prefix": "file://"}, "gone", "b"]', "names files that are not there: "),
        ('[{"prefix": "file://"}, "../m"]', "no place below its prefix"),
        ('[{"prefix": "file://"}]', "lists no object"),
        ("nonsense", "is no JSON"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_before_anything_starts(tmp_path: Path, content: str, words: str) -> None:
    """With the channel's name and the manifest's path."""
    (message,) = found_in_manifest(tmp_path / "m", content)

    assert message.startswith(f"channel 'c0': the manifest {tmp_path}/m ")
    assert words in message


def test_a_manifest_that_is_not_there_is_told(tmp_path: Path) -> None:
    """So is a folder in its place."""
    assert [f"channel 'c0': the manifest {tmp_path}/gone is not there"] == found_in(
        tmp_path / "gone", S3DataType="ManifestFile"
    )
    assert [f"channel 'c0': the manifest {tmp_path} is no file"] == found_in(tmp_path, S3DataType="ManifestFile")


def test_a_manifest_that_leads_to_s3_is_read_and_nobody_asks_whether_the_objects_are_there(tmp_path: Path) -> None:
    """Validation needs no network; the manifest itself has to be one."""
    (tmp_path / "m").write_text('[{"prefix": "s3://bucket/"}, "a"]')
    request = request_with(tmp_path / "m")
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    assert [] == check_channels(CREATE_TRAINING_JOB, request)
    (tmp_path / "m").write_text('[{"prefix": "s3://bucket/"}, "../a"]')
    (violation,) = check_channels(CREATE_TRAINING_JOB, request)

    assert "which is no place below its prefix" in violation.message


def test_a_manifest_that_leads_elsewhere_is_not_supported(tmp_path: Path) -> None:
    """That is no fault of the request."""
    (tmp_path / "m").write_text('[{"prefix": "https://bucket/"}, "a"]')
    request = request_with(tmp_path / "m")
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    (violation,) = check_channels(CREATE_TRAINING_JOB, request)

    assert ViolationKind.NOT_SUPPORTED is violation.kind
    assert "https://bucket/" in violation.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"a-ref": "file://m"}', "line 2 has no attribute 'b'"),
        ('{"a-ref": "file://gone", "b": 1}', "line 2 refers to what is not there: "),
        ("{", "line 2 is no JSON object"),
    ],
)
def test_what_is_wrong_with_a_line_of_an_augmented_manifest_is_told(tmp_path: Path, line: str, words: str) -> None:
    """With its number."""
    source = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a-ref", "b"]}
    (message,) = found_in_manifest(tmp_path / "m", f'{{"a-ref": "file://m", "b": 1}}\n{line}\n', mode="Pipe", **source)

    assert words in message


def test_an_object_that_is_too_long_for_a_record_is_told(tmp_path: Path) -> None:
    """Where it matters: in other channels it may have any length."""
    (tmp_path / "a").touch()
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1 << 29)

    assert [] == found_in(tmp_path, mode="Pipe")
    (message,) = found_in(tmp_path, mode="Pipe", members={"RecordWrapperType": "RecordIO"})
    assert f"channel 'c0': {tmp_path}/big: a RecordIO record holds less than 512 MiB" in message
