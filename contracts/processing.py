"""Processing jobs: what a CreateProcessingJob request asks for, and the paths of the container that runs it. Pure.

Source: API reference, CreateProcessingJob; SageMaker developer guide, "Build Your Own Processing Container".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.channels import Compression, InputMode, SourceType
from contracts.resources import Host, hosts_from_request

#: Where every input and output of a processing job lies in the container.
PROCESSING_ROOT = "/opt/ml/processing/"
#: The service's default for MaxRuntimeInSeconds: one day.
DEFAULT_MAX_RUNTIME_SECONDS = 86_400


class UploadMode(StrEnum):
    """When the files of an output are taken out of the container: S3UploadMode of the request."""

    END_OF_JOB = "EndOfJob"
    CONTINUOUS = "Continuous"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingInput:
    """One input: where its files come from (`uri`) and where the container finds them (`local_path`).

    `distribution` is ``FullyReplicated`` or ``ShardedByS3Key``.
    """

    name: str
    local_path: str
    uri: str
    s3_data_type: SourceType = SourceType.PREFIX
    input_mode: InputMode = InputMode.FILE
    distribution: str = "FullyReplicated"
    compression: Compression = Compression.NONE

    @classmethod
    def from_request(cls, entry: Mapping[str, Any]) -> "ProcessingInput":
        """The input that one (valid) entry of ProcessingInputs describes."""
        source = entry["S3Input"]
        return cls(
            name=entry["InputName"],
            local_path=source["LocalPath"],
            uri=source["S3Uri"],
            s3_data_type=SourceType(source.get("S3DataType", SourceType.PREFIX)),
            input_mode=InputMode(source.get("S3InputMode", InputMode.FILE)),
            distribution=source.get("S3DataDistributionType", "FullyReplicated"),
            compression=Compression(source.get("S3CompressionType", Compression.NONE)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingOutput:
    """One output: where the container leaves files (`local_path`) and where they go (`uri`)."""

    name: str
    local_path: str
    uri: str
    upload_mode: UploadMode = UploadMode.END_OF_JOB

    @classmethod
    def from_request(cls, entry: Mapping[str, Any]) -> "ProcessingOutput":
        """The output that one (valid) entry of ProcessingOutputConfig.Outputs describes."""
        place = entry["S3Output"]
        return cls(
            name=entry["OutputName"],
            local_path=place["LocalPath"],
            uri=place["S3Uri"],
            upload_mode=UploadMode(place.get("S3UploadMode", UploadMode.END_OF_JOB)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingJobSpec:
    """One processing job: what a (valid, completed) CreateProcessingJob request asks for.

    `entry_point` and `arguments` of None keep the image's own; an entry point alone goes without the image's CMD.
    """

    name: str
    image: str
    entry_point: tuple[str, ...] | None
    arguments: tuple[str, ...] | None
    environment: Mapping[str, str]
    inputs: tuple[ProcessingInput, ...]
    outputs: tuple[ProcessingOutput, ...]
    hosts: tuple[Host, ...]
    max_runtime_seconds: int = DEFAULT_MAX_RUNTIME_SECONDS
    network_isolation: bool = False

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "ProcessingJobSpec":
        """The view of a CreateProcessingJob request that has been validated."""
        application = request["AppSpecification"]
        cluster = request.get("ProcessingResources", {}).get("ClusterConfig", {})
        outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
        return cls(
            name=request["ProcessingJobName"],
            image=application["ImageUri"],
            entry_point=_texts(application.get("ContainerEntrypoint")),
            arguments=_texts(application.get("ContainerArguments")),
            environment=request.get("Environment", {}),
            inputs=tuple(ProcessingInput.from_request(entry) for entry in request.get("ProcessingInputs", ())),
            outputs=tuple(ProcessingOutput.from_request(entry) for entry in outputs),
            hosts=hosts_from_request(cluster),
            max_runtime_seconds=request.get("StoppingCondition", {}).get(
                "MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME_SECONDS
            ),
            network_isolation=request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
        )


def _texts(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
