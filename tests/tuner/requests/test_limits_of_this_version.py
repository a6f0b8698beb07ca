"""What AWS would take and this version does not is said, never silently left out."""

from collections.abc import Callable
from typing import Any

import pytest
from requests_for_tests import training_request, tuning_request

from tuner.errors import ViolationKind
from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB
from tuner.requests.limits_of_this_version import check_supported
from tuner.requests.service_model import load_shapes

Change = Callable[[dict[str, Any]], object]


def of_training(change: Change) -> list[str]:
    """What is not supported in a training job's request after `change`."""
    request = training_request()
    change(request)
    return [str(violation) for violation in check_supported(CREATE_TRAINING_JOB, request)]


def test_everything_in_a_valid_request_is_supported() -> None:
    """Of both operations."""
    assert [] == check_supported(CREATE_TRAINING_JOB, training_request())
    assert [] == check_supported(CREATE_TUNING_JOB, tuning_request())


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (
            lambda r: r["TrainingJobDefinition"]["ResourceConfig"].update(InstancePreferences=[{"InstanceCount": 1}]),
            "InstancePreferences",
            "name one InstanceType",
        ),
    ],
)
def test_a_tuning_job_that_this_version_cannot_do_is_told_so(change: Change, place: str, words: str) -> None:
    """With what to use instead where there is something."""
    request = tuning_request()
    change(request)

    (violation,) = check_supported(CREATE_TUNING_JOB, request)

    assert (place, ViolationKind.NOT_SUPPORTED) == (violation.path[-1], violation.kind)
    assert words in violation.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["InputDataConfig"][0].update(DataSource={"FileSystemDataSource": {"x": 1}}), "file://"),
        (
            lambda r: r["InputDataConfig"][0]["DataSource"]["S3DataSource"].update(S3Uri="https://s3/b/train"),
            "reading from https://s3/b/train",
        ),
        (
            lambda r: r["InputDataConfig"][0]["DataSource"]["S3DataSource"].update(S3DataType="Converse"),
            "use S3Prefix",
        ),
        (
            lambda r: r["InputDataConfig"][0].update(
                CompressionType="Gzip", DataSource={"S3DataSource": {"S3DataType": "AugmentedManifestFile"}}
            ),
            "Gzip with an AugmentedManifestFile",
        ),
        (lambda r: r["OutputDataConfig"].update(S3OutputPath="https://s3/b/out"), "writing to https://s3/b/out"),
        (lambda r: r.update(CheckpointConfig={"S3Uri": "https://s3/b/c"}), "writing to https://s3/b/c"),
        (lambda r: r["AlgorithmSpecification"].update(AlgorithmName="xgboost"), "name a TrainingImage"),
        (lambda r: r.update(TensorBoardOutputConfig={"S3OutputPath": "s3://b"}), "TensorBoardOutputConfig"),
        (lambda r: r.update(RemoteDebugConfig={"EnableRemoteDebug": True}), "docker exec"),
    ],
)
def test_a_training_job_that_this_version_cannot_do_is_told_so(change: Change, words: str) -> None:
    """One violation a member."""
    (text,) = of_training(change)

    assert words in text


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["AlgorithmSpecification"].update(TrainingInputMode="FastFile"),
        lambda r: r["InputDataConfig"][0].update(CompressionType="None", RecordWrapperType="None"),
        lambda r: r["InputDataConfig"][0].update(
            InputMode="Pipe", CompressionType="Gzip", RecordWrapperType="RecordIO", ShuffleConfig={"Seed": 1}
        ),
        lambda r: r["ResourceConfig"].update(InstanceCount=2),
        lambda r: r["ResourceConfig"].update(InstanceGroups=[{"InstanceGroupName": "a"}]),
        lambda r: r.update(DebugHookConfig={"S3OutputPath": "s3://b"}),
        lambda r: r.update(ProfilerConfig={"DisableProfiler": True}, DebugRuleConfigurations=[]),
        lambda r: r.update(EnableManagedSpotTraining=True, Tags=[{"Key": "a", "Value": "b"}]),
        lambda r: r.update(CheckpointConfig={"S3Uri": "file:///c"}),
        lambda r: r.update(CheckpointConfig={"S3Uri": "s3://bucket/c"}),
        lambda r: r["OutputDataConfig"].update(S3OutputPath="s3://bucket/out", CompressionType="NONE"),
        lambda r: r["InputDataConfig"][0]["DataSource"]["S3DataSource"].update(
            S3Uri="s3://bucket/train", InstanceGroupNames=["a"]
        ),
    ],
)
def test_what_changes_nothing_on_one_machine_is_taken(change: Change) -> None:
    """A file for the cloud is not refused for its tags."""
    assert [] == of_training(change)


@pytest.mark.parametrize("operation", [CREATE_TRAINING_JOB, CREATE_TUNING_JOB])
def test_every_member_of_the_model_is_either_taken_or_refused_by_name(operation: str) -> None:
    """Also one that only a newer botocore knows: nobody has to think of it first."""
    members = load_shapes()[f"{operation}Request"]["members"]

    refused = {violation.path[0] for violation in check_supported(operation, {name: {"x": "y"} for name in members})}

    taken = set(members) - refused
    assert {"Tags"} < taken
    assert not {name for name in taken if name.startswith(("DebugRule", "Mlflow", "Server"))}


def test_a_member_that_nobody_knows_is_left_to_the_service_model() -> None:
    """It is a typing error, and told once."""
    assert [] == of_training(lambda request: request.update(Nonsense={"x": "y"}))
