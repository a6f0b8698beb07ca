"""Completing a request: members that only the cloud needs may be left out, and are filled in here.

What is filled in becomes an ordinary value of the request: it is validated, stored and shown like any other, so nobody
has to know a second set of rules to read a job. `missing_for_cloud` says which values would not do on SageMaker.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from contracts.jobs import DEFAULT_MAX_RUNTIME_SECONDS
from tuner.errors import RequestPath
from tuner.requests.autotune import complete_automatically
from tuner.requests.definition_rules import definition_parts
from tuner.requests.node import Node
from tuner.requests.other_jobs import (
    complete_processing_job,
    complete_transform_job,
    fill,
    missing_of_processing_job,
    missing_of_transform_job,
)
from tuner.requests.service_model import is_uri_shape, load_shapes

#: A role of the right form that no account has: the cloud would refuse it at once instead of using somebody's.
LOCAL_ROLE_ARN = "arn:aws:iam::000000000000:role/algodock"

CREATE_TRAINING_JOB = "CreateTrainingJob"
CREATE_TUNING_JOB = "CreateHyperParameterTuningJob"
CREATE_TRANSFORM_JOB = "CreateTransformJob"
CREATE_PROCESSING_JOB = "CreateProcessingJob"


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What is filled in where a request leaves out a member that only the cloud needs.

    `output_uri` is where finished artifacts go; it differs per machine, so there is no value for it here. Outputs of
    transform and processing jobs go to ``transform/<job>/output`` and ``processing/<job>/output`` below `home_uri`,
    below `output_uri` where that is None.
    """

    output_uri: str
    home_uri: str | None = None
    role_arn: str = LOCAL_ROLE_ARN
    instance_type: str = "local"
    volume_size_in_gb: int = 1
    max_runtime_seconds: int = DEFAULT_MAX_RUNTIME_SECONDS


def complete(operation: str, request: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    """A copy of `request` in which no member that only the cloud needs is missing.

    What is there stays as it is, right or wrong; where something is not of the form that a request has, nothing is
    filled in, and validation says why.
    """
    completed = copy.deepcopy(dict(request))
    below = defaults.home_uri or defaults.output_uri
    if operation == CREATE_TRAINING_JOB:
        _complete_job(completed, defaults)
    elif operation == CREATE_TRANSFORM_JOB:
        complete_transform_job(completed, f"{below}/transform", defaults.instance_type)
    elif operation == CREATE_PROCESSING_JOB:
        completed.setdefault("RoleArn", defaults.role_arn)
        complete_processing_job(
            completed,
            f"{below}/processing",
            defaults.instance_type,
            defaults.volume_size_in_gb,
            defaults.max_runtime_seconds,
        )
    else:
        for definition in _definitions(completed):
            _complete_job(definition, defaults)
        complete_automatically(completed)
    return completed


def _definitions(tuning: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The training job definitions of a tuning job's request, as far as they have the form of one."""
    several = tuning.get("TrainingJobDefinitions")
    found = [tuning.get("TrainingJobDefinition"), *(several if isinstance(several, list) else ())]
    return [definition for definition in found if isinstance(definition, dict)]


def _complete_job(job: dict[str, Any], defaults: Defaults) -> None:
    job.setdefault("RoleArn", defaults.role_arn)
    fill(job, "OutputDataConfig", {"S3OutputPath": defaults.output_uri})
    fill(job, "StoppingCondition", {"MaxRuntimeInSeconds": defaults.max_runtime_seconds})
    if isinstance(algorithm := job.get("AlgorithmSpecification"), dict):
        algorithm.setdefault("TrainingInputMode", "File")
    resources = job.get("ResourceConfig", {})
    if "HyperParameterTuningResourceConfig" in job:
        _complete_flexible_resources(job["HyperParameterTuningResourceConfig"], defaults)
    elif isinstance(resources, dict):
        _complete_resources(job, resources, defaults)
    if isinstance(channels := job.get("InputDataConfig"), list):
        for channel in channels:
            _complete_channel(channel)


def _complete_resources(job: dict[str, Any], resources: dict[str, Any], defaults: Defaults) -> None:
    if resources.keys().isdisjoint({"InstanceGroups", "InstancePreferences"}):
        resources.setdefault("InstanceType", defaults.instance_type)
        resources.setdefault("InstanceCount", 1)
    resources.setdefault("VolumeSizeInGB", defaults.volume_size_in_gb)
    job["ResourceConfig"] = resources


def _complete_flexible_resources(flexible: object, defaults: Defaults) -> None:
    """Complete a HyperParameterTuningResourceConfig: one instance, or each of several alternatives."""
    alternatives = flexible.get("InstanceConfigs", [flexible]) if isinstance(flexible, dict) else []
    for resources in alternatives if isinstance(alternatives, list) else ():
        if isinstance(resources, dict):
            resources.setdefault("InstanceType", defaults.instance_type)
            resources.setdefault("InstanceCount", 1)
            resources.setdefault("VolumeSizeInGB", defaults.volume_size_in_gb)


def _complete_channel(channel: object) -> None:
    source = channel.get("DataSource") if isinstance(channel, dict) else None
    if isinstance(source, dict) and isinstance(source.get("S3DataSource"), dict):
        fill(source, "S3DataSource", {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"})


def resolve_file_uris(operation: str, request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A copy of `request` in which every relative ``file://`` address is taken from `folder`, and is absolute.

    Only members that the service model knows as places in S3 are addresses; a hyperparameter that happens to begin with
    ``file://`` stays as it is. ``~`` at the beginning is the user's own folder.
    """
    resolved: dict[str, Any] = _resolve(dict(request), f"{operation}Request", folder)
    return resolved


def _resolve(value: Any, shape_name: str, folder: Path) -> Any:
    shape = load_shapes()[shape_name]
    match shape["type"], value:
        case "structure", dict():
            members = shape["members"]
            return {
                name: _resolve(item, members[name]["shape"], folder) if name in members else item
                for name, item in value.items()
            }
        case "list", list():
            return [_resolve(item, shape["member"]["shape"], folder) for item in value]
        case "string", str() if is_uri_shape(shape):
            return _absolute(value, folder)
    return copy.deepcopy(value)


def _absolute(uri: str, folder: Path) -> str:
    rest = uri.removeprefix("file://")
    if not uri.startswith("file://") or not rest or rest.startswith("/"):
        return uri
    if rest == "~" or rest.startswith("~/"):
        folder, rest = Path.home(), rest[1:].lstrip("/")
    # The address is percent-encoded, the folder is not: a % in its name has to be told apart.
    encoded = str(folder.absolute()).replace("%", "%25")
    return "file://" + _without_dots(f"{encoded}/{rest}")


def _without_dots(path: str) -> str:
    """`path` without ``.`` and ``..``, which are taken by their names: a link's target does not matter."""
    steps: list[str] = []
    for step in PurePosixPath(path).parts[1:]:
        if step == "..":
            del steps[-1:]
        else:
            steps.append(step)
    return "/" + "/".join(steps)


def missing_for_cloud(operation: str, request: Mapping[str, Any]) -> list[tuple[RequestPath, str]]:
    """What SageMaker would still want of a (completed, valid) request: where, and why.

    It is said when asked, never in the way.
    """
    job = Node(request)
    if operation == CREATE_TRANSFORM_JOB:
        return list(missing_of_transform_job(job))
    if operation == CREATE_PROCESSING_JOB:
        return list(missing_of_processing_job(job, LOCAL_ROLE_ARN))
    if operation == CREATE_TUNING_JOB:
        return [found for part in definition_parts(job) for found in _missing(part.definition)]
    return list(_missing(job))


def _missing(job: Node) -> Iterator[tuple[RequestPath, str]]:
    if job.text("RoleArn") in {None, LOCAL_ROLE_ARN}:
        yield job.at("RoleArn"), "the cloud works in the name of an IAM role of your account"
    image = job.member("AlgorithmSpecification").text("TrainingImage")
    if image is not None and ".dkr.ecr." not in image:
        yield job.at("AlgorithmSpecification", "TrainingImage"), "the cloud takes images from Amazon ECR"
    output = job.member("OutputDataConfig").text("S3OutputPath")
    if output is None or output.startswith("file://"):
        yield job.at("OutputDataConfig", "S3OutputPath"), "the cloud writes results to s3://"
    flexible = job.member("HyperParameterTuningResourceConfig")
    several = flexible.has("InstanceConfigs")
    alternatives = flexible.member("InstanceConfigs").items() if several else [flexible]
    for resources in [job.member("ResourceConfig")] if flexible.value is None else alternatives:
        if (resources.text("InstanceType") or "local").startswith("local"):
            yield resources.at("InstanceType"), "the cloud needs an instance type, such as ml.m5.xlarge"
    if job.member("StoppingCondition").value is None:
        yield job.at("StoppingCondition"), "the cloud wants a time limit"
    checkpoint = job.member("CheckpointConfig").text("S3Uri")
    if checkpoint is not None and checkpoint.startswith("file://"):
        yield job.at("CheckpointConfig", "S3Uri"), "the cloud keeps checkpoints in s3://"
    for channel in job.member("InputDataConfig").items():
        source = channel.member("DataSource", "S3DataSource")
        if (source.text("S3Uri") or "").startswith("file://"):
            yield source.at("S3Uri"), "the cloud reads data from s3://"
