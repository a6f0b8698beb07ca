"""What AWS would take and this version does not: said clearly before anything starts, never silently left out.

What is taken is listed, so that a member which a newer service model brings is refused until somebody has decided.
Some members are taken and have no effect, because they change nothing about a job on one machine: RoleArn, Tags,
VpcConfig, KMS keys, volumes, spot instances, encryption between hosts, retries after internal errors of the service,
checks of its hardware, and the names of experiments.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.channels import SourceType
from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.completion import CREATE_TUNING_JOB
from tuner.requests.node import Node
from tuner.requests.service_model import load_shapes

_LATER = "is not in this version"
_CLOUD = "is for the cloud only"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Taken:
    """The members of a structure that are taken; `shape` is the structure's name in the service model."""

    at: tuple[str, ...]
    shape: str
    members: frozenset[str]


def _taken(at: str, shape: str, members: str) -> _Taken:
    return _Taken(at=tuple(at.split()), shape=shape, members=frozenset(members.split()))


_OF_BOTH = """AlgorithmSpecification RoleArn InputDataConfig OutputDataConfig ResourceConfig VpcConfig StoppingCondition
    CheckpointConfig Environment EnableNetworkIsolation EnableInterContainerTrafficEncryption EnableManagedSpotTraining
    RetryStrategy"""

_TRAINING_JOB = _taken(
    "",
    "CreateTrainingJobRequest",
    f"{_OF_BOTH} TrainingJobName HyperParameters Tags ExperimentConfig ProfilerConfig InfraCheckConfig",
)
_TUNING_JOB = (
    _taken(
        "",
        "CreateHyperParameterTuningJobRequest",
        "HyperParameterTuningJobName HyperParameterTuningJobConfig TrainingJobDefinition Tags",
    ),
    _taken(
        "HyperParameterTuningJobConfig",
        "HyperParameterTuningJobConfig",
        """Strategy StrategyConfig HyperParameterTuningJobObjective ResourceLimits ParameterRanges RandomSeed
        TrainingJobEarlyStoppingType""",
    ),
    _taken(
        "HyperParameterTuningJobConfig ParameterRanges",
        "ParameterRanges",
        "ContinuousParameterRanges IntegerParameterRanges CategoricalParameterRanges",
    ),
    _taken(
        "HyperParameterTuningJobConfig ResourceLimits",
        "ResourceLimits",
        "MaxNumberOfTrainingJobs MaxParallelTrainingJobs MaxRuntimeInSeconds",
    ),
    _taken(
        "TrainingJobDefinition",
        "HyperParameterTrainingJobDefinition",
        f"{_OF_BOTH} DefinitionName StaticHyperParameters",
    ),
)
_JOB = (
    _taken(
        "AlgorithmSpecification",
        "AlgorithmSpecification",
        """TrainingImage TrainingInputMode MetricDefinitions EnableSageMakerMetricsTimeSeries ContainerEntrypoint
        ContainerArguments""",
    ),
    _taken(
        "ResourceConfig",
        "ResourceConfig",
        """InstanceType InstanceCount VolumeSizeInGB VolumeKmsKeyId KeepAlivePeriodInSeconds TrainingPlanArn
        SelectedInstanceType SelectedInstanceCount""",
    ),
    _taken("StoppingCondition", "StoppingCondition", "MaxRuntimeInSeconds MaxWaitTimeInSeconds"),
    _taken("OutputDataConfig", "OutputDataConfig", "S3OutputPath KmsKeyId CompressionType"),
    _taken("CheckpointConfig", "CheckpointConfig", "S3Uri LocalPath"),
)
_CHANNEL = (
    _taken(
        "", "Channel", "ChannelName DataSource ContentType InputMode CompressionType RecordWrapperType ShuffleConfig"
    ),
    _taken("DataSource", "DataSource", "S3DataSource"),
    _taken("DataSource S3DataSource", "S3DataSource", "S3DataType S3Uri S3DataDistributionType AttributeNames"),
)

#: What to do instead, by member; the others are just not in this version.
_WHY: Mapping[str, str] = {
    "TrainingJobDefinitions": f"{_LATER}: use one TrainingJobDefinition",
    "TuningJobCompletionCriteria": f"{_LATER}: ResourceLimits ends a job by number or time",
    "TuningObjective": f"{_LATER}: use HyperParameterTuningJobObjective",
    "HyperParameterRanges": f"{_LATER}: use ParameterRanges of HyperParameterTuningJobConfig",
    "HyperParameterTuningResourceConfig": f"{_LATER}: use ResourceConfig",
    "AutoParameters": f"{_LATER}: give each parameter a range",
    "AlgorithmName": f"{_CLOUD}: name a TrainingImage",
    "TrainingImageConfig": f"{_CLOUD}: log in to the registry with docker login",
    "InstanceGroups": f"{_LATER}: a job runs on one host",
    "InstancePreferences": f"{_LATER}: name one InstanceType",
    "InstancePlacementConfig": _CLOUD,
    "RemoteDebugConfig": f"{_CLOUD}: use docker exec",
    "SessionChainingConfig": _CLOUD,
    "ServerlessJobConfig": _CLOUD,
    "ModelPackageConfig": _CLOUD,
    "FileSystemDataSource": f"{_LATER}: mount the file system here, and name its folder with file://",
    "DatasetSource": _CLOUD,
    "ModelAccessConfig": _CLOUD,
    "HubAccessConfig": _CLOUD,
}

#: Values that ask for nothing.
_NOTHING: tuple[object, ...] = (None, "None", [], {})

_Found = Iterator[tuple[RequestPath, str]]


def check_supported(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """All that `request` asks for and this version cannot do."""
    root = Node(request)
    if operation == CREATE_TUNING_JOB:
        found = [*_others(root, *_TUNING_JOB), *_of_tuning(root), *_of_job(root.member("TrainingJobDefinition"))]
    else:
        found = [*_others(root, _TRAINING_JOB), *_of_job(root)]
    return [Violation(path=path, message=text, kind=ViolationKind.NOT_SUPPORTED) for path, text in found]


def _others(node: Node, *structures: _Taken) -> _Found:
    """The members that the service knows and this version does not take."""
    for structure in structures:
        place = node.member(*structure.at)
        known = load_shapes()[structure.shape]["members"]
        for name in place.names():
            if name in known and name not in structure.members and place.member(name).value not in _NOTHING:
                yield place.at(name), f"{name} {_WHY.get(name, _LATER)}"


def _of_tuning(tuning: Node) -> _Found:
    config = tuning.member("HyperParameterTuningJobConfig")
    if config.text("Strategy") == "Hyperband":
        yield config.at("Strategy"), f"Strategy Hyperband {_LATER}: use Bayesian, Random or Grid"
    if config.text("TrainingJobEarlyStoppingType") == "Auto":
        yield config.at("TrainingJobEarlyStoppingType"), f"early stopping {_LATER}: use Off"


def _of_job(job: Node) -> _Found:
    yield from _others(job, *_JOB)
    resources = job.member("ResourceConfig")
    if (resources.integer("InstanceCount") or 1) > 1:
        yield resources.at("InstanceCount"), f"a job on more than one host {_LATER}: use InstanceCount 1"
    profiler = job.member("ProfilerConfig")
    if profiler.value is not None and profiler.member("DisableProfiler").value is not True:
        yield profiler.path, f"ProfilerConfig {_LATER}"
    for place in (job.member("OutputDataConfig"), job.member("CheckpointConfig")):
        for name in ("S3OutputPath", "S3Uri"):
            if _is_remote(place.text(name)):
                yield place.at(name), f"writing to {place.text(name)} {_LATER}: use file://"
    output = job.member("OutputDataConfig")
    if output.text("CompressionType") == "NONE":
        yield output.at("CompressionType"), f"CompressionType NONE {_LATER}: artifacts are packed as tar.gz"
    for channel in job.member("InputDataConfig").items():
        yield from _of_channel(channel)


def _of_channel(channel: Node) -> _Found:
    yield from _others(channel, *_CHANNEL)
    source = channel.member("DataSource", "S3DataSource")
    if _is_remote(source.text("S3Uri")):
        yield source.at("S3Uri"), f"reading from {source.text('S3Uri')} {_LATER}: copy the data here and use file://"
    if (kind := source.text("S3DataType")) not in {None, *SourceType}:
        yield source.at("S3DataType"), f"S3DataType {kind} {_LATER}: use S3Prefix"
    if kind == "AugmentedManifestFile" and channel.text("CompressionType") == "Gzip":
        # Not said anywhere: whether the manifest is packed, or what it refers to.
        yield channel.at("CompressionType"), f"Gzip with an AugmentedManifestFile {_LATER}: unpack the objects"


def _is_remote(uri: str | None) -> bool:
    return uri is not None and uri.startswith(("s3://", "https://"))
