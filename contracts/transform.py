"""Transform jobs: what a CreateTransformJob request asks for. Pure.

Source: API reference, CreateTransformJob, TransformInput, TransformOutput, DataProcessing, ModelClientConfig.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.channels import Compression, SourceType
from contracts.resources import Host, hosts_from_request
from contracts.serving import BatchStrategy

#: ModelClientConfig where a request leaves it open.
DEFAULT_INVOCATION_TIMEOUT_SECONDS = 600
DEFAULT_INVOCATION_RETRIES = 3

#: What the name of an object ends in that holds the answers for one input object.
OUTPUT_SUFFIX = ".out"


class SplitType(StrEnum):
    """How an input object falls apart into records."""

    NONE = "None"
    LINE = "Line"
    RECORD_IO = "RecordIO"
    TF_RECORD = "TFRecord"


class AssembleWith(StrEnum):
    """What is put behind each answer when they become one output object."""

    NONE = "None"
    LINE = "Line"


#: The request's words for what ``/execution-parameters`` and the environment spell in capitals.
_STRATEGIES: Mapping[str, BatchStrategy] = {
    "SingleRecord": BatchStrategy.SINGLE_RECORD,
    "MultiRecord": BatchStrategy.MULTI_RECORD,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """What of a record goes into the model, and what of record and answer comes out: DataProcessing of the request."""

    input_filter: str = "$"
    output_filter: str = "$"
    joins_input: bool = False

    @property
    def is_active(self) -> bool:
        """Whether anything is asked for, so that records have to be understood and not only counted."""
        return self != Filters()


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformJobSpec:
    """One transform job: what a (valid, completed) CreateTransformJob request asks for.

    `max_concurrent_transforms`, `max_payload_mb` and `batch_strategy` of None are left to the container; of the first,
    0 in the request says the same. `max_payload_mb` is in mebibytes, 0 stands for no limit.
    """

    name: str
    model_name: str
    uri: str
    source_type: SourceType
    content_type: str | None
    compression: Compression
    split_type: SplitType
    output_uri: str
    accept: str | None
    assemble_with: AssembleWith
    max_concurrent_transforms: int | None
    max_payload_mb: int | None
    batch_strategy: BatchStrategy | None
    environment: Mapping[str, str]
    filters: Filters
    timeout_seconds: int
    max_retries: int
    hosts: tuple[Host, ...]

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "TransformJobSpec":
        """The view of a CreateTransformJob request that has been validated."""
        given, taken = request["TransformInput"], request["TransformOutput"]
        source = given["DataSource"]["S3DataSource"]
        client = request.get("ModelClientConfig", {})
        strategy = request.get("BatchStrategy")
        return cls(
            name=request["TransformJobName"],
            model_name=request["ModelName"],
            uri=source["S3Uri"],
            source_type=SourceType(source.get("S3DataType", SourceType.PREFIX)),
            content_type=given.get("ContentType"),
            compression=Compression(given.get("CompressionType", Compression.NONE)),
            split_type=SplitType(given.get("SplitType", SplitType.NONE)),
            output_uri=taken["S3OutputPath"],
            accept=taken.get("Accept"),
            assemble_with=AssembleWith(taken.get("AssembleWith", AssembleWith.NONE)),
            max_concurrent_transforms=request.get("MaxConcurrentTransforms") or None,
            max_payload_mb=request.get("MaxPayloadInMB"),
            batch_strategy=None if strategy is None else _STRATEGIES[strategy],
            environment=request.get("Environment", {}),
            filters=_filters(request.get("DataProcessing", {})),
            timeout_seconds=client.get("InvocationsTimeoutInSeconds", DEFAULT_INVOCATION_TIMEOUT_SECONDS),
            max_retries=client.get("InvocationsMaxRetries", DEFAULT_INVOCATION_RETRIES),
            hosts=hosts_from_request(request.get("TransformResources", {})),
        )


def _filters(entry: Mapping[str, Any]) -> Filters:
    return Filters(
        input_filter=entry.get("InputFilter") or "$",
        output_filter=entry.get("OutputFilter") or "$",
        joins_input=entry.get("JoinSource", "None") == "Input",
    )
