"""Completion: what only the cloud needs may be left out."""

import copy
from pathlib import Path
from typing import Any

import pytest
from domain_strategies import json_documents
from hypothesis import given
from hypothesis import strategies as st
from requests_for_tests import DEFAULTS, channel, training_request, tuning_request

from tuner.channels.addresses import local_path
from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB, complete, missing_for_cloud, validate
from tuner.requests.completion import resolve_file_uris


def least_tuning_request() -> dict[str, Any]:
    """The least that a first job file has to say."""
    request = tuning_request()
    image = request["TrainingJobDefinition"]["AlgorithmSpecification"]
    del image["TrainingInputMode"]
    source = {"S3DataSource": {"S3Uri": "file:///d"}}
    request["TrainingJobDefinition"] = {
        "AlgorithmSpecification": image,
        "InputDataConfig": [{"ChannelName": "training", "DataSource": source}],
    }
    return request


def test_the_least_request_is_completed_into_a_valid_one() -> None:
    """With ordinary values that everybody can see."""
    completed = complete(CREATE_TUNING_JOB, least_tuning_request(), DEFAULTS)

    assert [] == validate(CREATE_TUNING_JOB, completed)
    definition = completed["TrainingJobDefinition"]
    assert {"S3OutputPath": "file:///results"} == definition["OutputDataConfig"]
    assert {"InstanceType": "local", "InstanceCount": 1, "VolumeSizeInGB": 1} == definition["ResourceConfig"]
    assert {"MaxRuntimeInSeconds": 86_400} == definition["StoppingCondition"]
    assert "arn:aws:iam::000000000000:role/algodock" == definition["RoleArn"]


def test_what_a_request_says_is_never_changed_by_completion() -> None:
    """A complete request comes back as it is, and the one given is not touched."""
    for operation, request in ((CREATE_TRAINING_JOB, training_request()), (CREATE_TUNING_JOB, tuning_request())):
        before = copy.deepcopy(request)

        assert before == complete(operation, request, DEFAULTS)
        assert before == request


def test_a_member_that_is_there_in_part_is_filled_up() -> None:
    """An instance type alone is enough."""
    request = {**training_request(), "ResourceConfig": {"InstanceType": "ml.p3.2xlarge"}, "StoppingCondition": {}}

    completed = complete(CREATE_TRAINING_JOB, request, DEFAULTS)

    assert {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1} == completed["ResourceConfig"]
    assert {"MaxRuntimeInSeconds": 86_400} == completed["StoppingCondition"]


def test_the_other_way_of_asking_for_instances_is_left_alone() -> None:
    """A definition has one or the other, and groups have types of their own."""
    request = {**training_request(), "HyperParameterTuningResourceConfig": {"InstanceCount": 1}}
    del request["ResourceConfig"]
    groups = {"InstanceGroups": [{"InstanceType": "local"}]}

    assert "ResourceConfig" not in complete(CREATE_TRAINING_JOB, request, DEFAULTS)
    completed = complete(CREATE_TRAINING_JOB, {**training_request(), "ResourceConfig": groups}, DEFAULTS)
    assert {**groups, "VolumeSizeInGB": 1} == completed["ResourceConfig"]


@given(st.dictionaries(st.sampled_from(sorted(training_request())), json_documents))
def test_completing_twice_is_completing_once_whatever_the_request(request_: dict[str, Any]) -> None:
    """Wrong members stay wrong, for validation to tell."""
    once = complete(CREATE_TRAINING_JOB, request_, DEFAULTS)

    assert once == complete(CREATE_TRAINING_JOB, once, DEFAULTS)
    assert {name: once[name] for name in request_ if not isinstance(request_[name], dict | list)} == {
        name: value for name, value in request_.items() if not isinstance(value, dict | list)
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("file://data", "file:///jobs/cifar10/data"),
        ("file://./data/", "file:///jobs/cifar10/data"),
        ("file://../../../../x", "file:///x"),
        ("file://.", "file:///jobs/cifar10"),
        ("file:///abs/../x", "file:///abs/../x"),
        ("file://~/x", f"file://{Path.home()}/x"),
        ("file://", "file://"),
        ("s3://bucket/../x", "s3://bucket/../x"),
    ],
)
def test_a_relative_address_is_taken_from_the_folder_of_the_job_file(uri: str, expected: str) -> None:
    """Wherever the command is started."""
    request: dict[str, Any] = {"InputDataConfig": [channel("a")], "CheckpointConfig": {"S3Uri": uri}}
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = uri

    resolved = resolve_file_uris(CREATE_TRAINING_JOB, request, Path("/jobs/cifar10"))

    assert expected == resolved["CheckpointConfig"]["S3Uri"]
    assert expected == resolved["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]


def test_only_addresses_are_resolved() -> None:
    """A hyperparameter may say file:// for reasons of its own."""
    request = {**training_request(), "HyperParameters": {"where": "file://x"}, "Unknown": "file://x"}

    assert request == resolve_file_uris(CREATE_TRAINING_JOB, request, Path("/jobs"))


def test_a_folder_with_a_percent_sign_in_its_name_is_found_again(tmp_path: Path) -> None:
    """The address is percent-encoded, the folder's name is not."""
    folder = tmp_path / "100%25 mine"
    request = {"CheckpointConfig": {"S3Uri": "file://a%20b"}}

    resolved = resolve_file_uris(CREATE_TRAINING_JOB, request, folder)

    assert folder / "a b" == local_path(resolved["CheckpointConfig"]["S3Uri"])


def test_what_the_cloud_would_still_want_is_said_when_asked() -> None:
    """Each with its place and the reason."""
    completed = complete(CREATE_TUNING_JOB, least_tuning_request(), DEFAULTS)

    missing = {path[-1]: why for path, why in missing_for_cloud(CREATE_TUNING_JOB, completed)}

    assert {"RoleArn", "TrainingImage", "S3OutputPath", "InstanceType", "S3Uri"} == set(missing)
    assert "the cloud takes images from Amazon ECR" == missing["TrainingImage"]


def test_a_request_for_the_cloud_lacks_nothing() -> None:
    """Then there is nothing to say."""
    request = training_request()
    request["AlgorithmSpecification"]["TrainingImage"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    request["ResourceConfig"]["InstanceType"] = "ml.m5.large"
    request["OutputDataConfig"]["S3OutputPath"] = "s3://bucket/out"
    request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket/in"

    assert [] == missing_for_cloud(CREATE_TRAINING_JOB, request)
