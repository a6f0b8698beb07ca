"""What the service asks of channels beyond its model."""

from typing import Any

import pytest
from requests_for_tests import channel, training_request

from tuner.requests import CREATE_TRAINING_JOB, validate
from tuner.requests.limits_of_this_version import check_supported
from tuner.requests.rules import check_rules

Source = dict[str, Any]


def with_channels(*channels: dict[str, Any]) -> dict[str, Any]:
    """A training job with just these channels."""
    return {**training_request(), "InputDataConfig": list(channels)}


def one(mode: str, source: Source | None = None, **members: Any) -> dict[str, Any]:
    """A channel in `mode`."""
    entry = {**channel("train"), "InputMode": mode, **members}
    entry["DataSource"]["S3DataSource"].update(source or {})
    return entry


MANIFEST: Source = {"S3DataType": "ManifestFile"}
AUGMENTED: Source = {"S3DataType": "AugmentedManifestFile", "AttributeNames": ["image-ref", "label"]}


@pytest.mark.parametrize(
    ("entry", "member", "words"),
    [
        (one("FastFile", MANIFEST), "S3DataType", "FastFile mode takes an S3Prefix only"),
        (one("FastFile", AUGMENTED), "S3DataType", "Pipe mode only"),
        (one("File", AUGMENTED), "S3DataType", "Pipe mode only"),
        (one("File", CompressionType="Gzip"), "CompressionType", "Pipe mode only"),
        (one("FastFile", CompressionType="Gzip"), "CompressionType", "Pipe mode only"),
        (one("File", RecordWrapperType="RecordIO"), "RecordWrapperType", "Pipe mode only"),
        (one("Pipe", {"S3DataType": "AugmentedManifestFile"}), "AttributeNames", "needs AttributeNames"),
        (one("Pipe", {**AUGMENTED, "AttributeNames": []}), "AttributeNames", "needs AttributeNames"),
        (one("Pipe", {"AttributeNames": ["a"]}), "AttributeNames", "are those of an AugmentedManifestFile"),
        ({**one("File"), "ChannelName": "."}, "ChannelName", "no name that a folder can have"),
        ({**one("Pipe"), "ChannelName": ".."}, "ChannelName", "no name that a folder can have"),
    ],
)
def test_what_does_not_suit_its_mode_is_refused_where_it_stands(entry: dict[str, Any], member: str, words: str) -> None:
    """One violation, at the member that has to change."""
    (violation,) = check_rules(CREATE_TRAINING_JOB, with_channels(entry))

    assert member == violation.path[-1]
    assert words in violation.message


@pytest.mark.parametrize(
    "entry",
    [
        one("File", MANIFEST),
        one("File", ShuffleConfig={"Seed": 1}),
        one("File", CompressionType="None", RecordWrapperType="None"),
        one("FastFile"),
        one("Pipe", MANIFEST, CompressionType="Gzip", RecordWrapperType="RecordIO", ShuffleConfig={"Seed": -(2**63)}),
        one("Pipe", AUGMENTED, RecordWrapperType="RecordIO", ShuffleConfig={"Seed": 2**63 - 1}),
        {**one("Pipe"), "ChannelName": "a.b-c_1"},
        {**one("File"), "ChannelName": "..."},
    ],
)
def test_what_suits_its_mode_is_taken(entry: dict[str, Any]) -> None:
    """By the service model, the rules and this version."""
    assert [] == validate(CREATE_TRAINING_JOB, with_channels(entry))


def test_a_mode_that_the_job_gives_holds_for_channels_without_one() -> None:
    """A channel's own comes first."""
    request = with_channels({**channel("a"), "CompressionType": "Gzip"}, one("File", CompressionType="Gzip"))
    request["AlgorithmSpecification"]["TrainingInputMode"] = "Pipe"

    assert [1] == [violation.path[1] for violation in check_rules(CREATE_TRAINING_JOB, request)]


def test_more_than_sixteen_attributes_are_refused_by_the_model() -> None:
    """And a shuffle without a seed."""
    source = {**AUGMENTED, "AttributeNames": [f"a{number}" for number in range(17)]}
    texts = [
        str(found) for found in validate(CREATE_TRAINING_JOB, with_channels(one("Pipe", source, ShuffleConfig={})))
    ]

    assert 2 == len(texts), texts
    assert any("AttributeNames" in text and "16" in text for text in texts)
    assert any("Seed" in text for text in texts)


@pytest.mark.parametrize(("name", "count"), [("train_0", 1), ("train_12", 1), ("train_x", 0), ("train_", 0), ("t", 0)])
def test_a_folder_where_a_fifo_has_to_be_is_refused(name: str, count: int) -> None:
    """The FIFOs of a channel are its name and a number."""
    request = with_channels(one("Pipe"), {**one("File"), "ChannelName": name})

    assert count == len(check_rules(CREATE_TRAINING_JOB, request))


def test_two_pipes_never_share_a_fifo() -> None:
    """Even where one is called like a FIFO of the other: its own have a number more."""
    assert [] == check_rules(CREATE_TRAINING_JOB, with_channels(one("Pipe"), {**one("Pipe"), "ChannelName": "train_0"}))


@pytest.mark.parametrize("mode", ["File", "FastFile", "Pipe"])
def test_data_in_s3_is_taken_in_every_mode(mode: str) -> None:
    """Nobody is asked whether it is there: validation needs no network."""
    request = with_channels(one(mode, {"S3Uri": "s3://bucket/x", "S3DataDistributionType": "ShardedByS3Key"}))

    assert [] == validate(CREATE_TRAINING_JOB, request)


def test_data_behind_a_web_address_is_not_in_this_version() -> None:
    """It says what to write instead."""
    address = "https://s3.amazonaws.com/bucket/x"
    (violation,) = check_supported(CREATE_TRAINING_JOB, with_channels(one("File", {"S3Uri": address})))

    assert f"reading from {address} is not in this version: use s3://" in violation.message


@pytest.mark.parametrize(("named", "refused"), [(["a"], []), (["b", "x"], [1]), (["c"], [0])])
def test_a_channel_names_instance_groups_of_the_job(named: list[str], refused: list[int]) -> None:
    """What does not exist is refused where it stands."""
    request = with_channels(one("File", {"InstanceGroupNames": named}))
    request["ResourceConfig"]["InstanceGroups"] = [{"InstanceGroupName": name} for name in "ab"]
    found = [one for one in check_rules(CREATE_TRAINING_JOB, request) if "no instance group" in one.message]

    assert refused == [violation.path[-1] for violation in found]
