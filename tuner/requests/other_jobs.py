"""Completing transform and processing jobs, and what SageMaker would still want of them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from tuner.errors import RequestPath
from tuner.requests.node import Node

_TAKES_S3 = "the cloud reads data from s3://"
_GIVES_S3 = "the cloud writes results to s3://"
_INSTANCE = "the cloud needs an instance type, such as ml.m5.xlarge"


def complete_transform_job(job: dict[str, Any], output_uri: str, instance_type: str) -> None:
    """Fill in what a transform job leaves out; results go to ``<output_uri>/<job>/output``."""
    source = _dict_below(job, "TransformInput", "DataSource", "S3DataSource")
    if source is not None:
        source.setdefault("S3DataType", "S3Prefix")
    if isinstance(name := job.get("TransformJobName"), str) and name:
        fill(job, "TransformOutput", {"S3OutputPath": f"{output_uri}/{quote(name)}/output"})
    fill(job, "TransformResources", {"InstanceType": instance_type, "InstanceCount": 1})


def complete_processing_job(
    job: dict[str, Any], output_uri: str, instance_type: str, volume_size_in_gb: int, max_runtime_seconds: int
) -> None:
    """Fill in what a processing job leaves out; an output goes to ``<output_uri>/<job>/output/<name>``."""
    fill(job, "StoppingCondition", {"MaxRuntimeInSeconds": max_runtime_seconds})
    fill(job, "ProcessingResources", {"ClusterConfig": {}})
    if isinstance(resources := job["ProcessingResources"], dict):
        cluster = (
            {}
            if Node(resources).member("ClusterConfig").member("InstancePreferences").value
            else {
                "InstanceType": instance_type,
                "InstanceCount": 1,
            }
        )
        fill(resources, "ClusterConfig", {**cluster, "VolumeSizeInGB": volume_size_in_gb})
    for entry in _dicts(job.get("ProcessingInputs")):
        if "S3Input" in entry:
            fill(
                entry,
                "S3Input",
                {"S3DataType": "S3Prefix", "S3InputMode": "File", "S3DataDistributionType": "FullyReplicated"},
            )
    job_name = job.get("ProcessingJobName")
    config = job.get("ProcessingOutputConfig")
    for entry in _dicts(config.get("Outputs") if isinstance(config, dict) else None):
        if "S3Output" not in entry:
            continue
        fill(entry, "S3Output", {"S3UploadMode": "EndOfJob"})
        if isinstance(job_name, str) and job_name and isinstance(name := entry.get("OutputName"), str) and name:
            fill(entry, "S3Output", {"S3Uri": f"{output_uri}/{quote(job_name)}/output/{quote(name, safe='')}"})


def missing_of_transform_job(job: Node) -> Iterator[tuple[RequestPath, str]]:
    """What SageMaker would still want of a transform job."""
    yield from _local(job.member("TransformInput", "DataSource", "S3DataSource"), "S3Uri", _TAKES_S3)
    yield from _local(job.member("TransformOutput"), "S3OutputPath", _GIVES_S3)
    resources = job.member("TransformResources")
    if (resources.text("InstanceType") or "local").startswith("local"):
        yield resources.at("InstanceType"), _INSTANCE


def missing_of_processing_job(job: Node, local_role_arn: str) -> Iterator[tuple[RequestPath, str]]:
    """What SageMaker would still want of a processing job."""
    if job.text("RoleArn") in {None, local_role_arn}:
        yield job.at("RoleArn"), "the cloud works in the name of an IAM role of your account"
    image = job.member("AppSpecification").text("ImageUri")
    if image is not None and ".dkr.ecr." not in image:
        yield job.at("AppSpecification", "ImageUri"), "the cloud takes images from Amazon ECR"
    cluster = job.member("ProcessingResources", "ClusterConfig")
    if (cluster.text("InstanceType") or "local").startswith("local"):
        yield cluster.at("InstanceType"), _INSTANCE
    for entry in job.member("ProcessingInputs").items():
        yield from _local(entry.member("S3Input"), "S3Uri", _TAKES_S3)
    for entry in job.member("ProcessingOutputConfig", "Outputs").items():
        yield from _local(entry.member("S3Output"), "S3Uri", _GIVES_S3)


def fill(parent: dict[str, Any], name: str, members: Mapping[str, Any]) -> None:
    """Give the structure `name` of `parent` those of `members` that it does not have."""
    child = parent.setdefault(name, {})
    if isinstance(child, dict):
        for member, value in members.items():
            child.setdefault(member, value)


def _local(place: Node, name: str, why: str) -> Iterator[tuple[RequestPath, str]]:
    if (place.text(name) or "").startswith("file://"):
        yield place.at(name), why


def _dict_below(value: Any, *names: str) -> dict[str, Any] | None:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
