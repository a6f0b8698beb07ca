"""What AWS would take and this version does not: said clearly before anything starts, never silently left out.

What is taken is listed, so that a member which a newer service model brings is refused until somebody has decided.
Some members are taken and have no effect, because they change nothing about a job on one machine: RoleArn, Tags,
VpcConfig, KMS keys, volumes, encryption between hosts,
checks of its hardware, and the names of experiments.
"""

from collections.abc import Mapping
from typing import Any

from contracts.channels import SourceType
from tuner.errors import Violation, ViolationKind
from tuner.requests.completion import CREATE_PROCESSING_JOB, CREATE_TRANSFORM_JOB, CREATE_TUNING_JOB
from tuner.requests.definition_rules import definition_parts
from tuner.requests.limits_of_other_jobs import of_processing_job, of_transform_job
from tuner.requests.node import Node
from tuner.requests.taken import CLOUD, LATER, Found, Taken, others, taken

_OF_BOTH = """AlgorithmSpecification RoleArn InputDataConfig OutputDataConfig ResourceConfig VpcConfig StoppingCondition
    CheckpointConfig Environment EnableNetworkIsolation EnableInterContainerTrafficEncryption EnableManagedSpotTraining
    RetryStrategy"""

_TRAINING_JOB = taken(
    "",
    "CreateTrainingJobRequest",
    f"{_OF_BOTH} TrainingJobName HyperParameters Tags ExperimentConfig DebugHookConfig ProfilerConfig InfraCheckConfig",
)
_TUNING_JOB = (
    taken(
        "",
        "CreateHyperParameterTuningJobRequest",
        """HyperParameterTuningJobName HyperParameterTuningJobConfig TrainingJobDefinition TrainingJobDefinitions
        WarmStartConfig Autotune Tags""",
    ),
    taken(
        "HyperParameterTuningJobConfig",
        "HyperParameterTuningJobConfig",
        """Strategy StrategyConfig HyperParameterTuningJobObjective ResourceLimits ParameterRanges RandomSeed
        TrainingJobEarlyStoppingType TuningJobCompletionCriteria""",
    ),
    taken(
        "WarmStartConfig",
        "HyperParameterTuningJobWarmStartConfig",
        "ParentHyperParameterTuningJobs WarmStartType",
    ),
    taken(
        "HyperParameterTuningJobConfig ResourceLimits",
        "ResourceLimits",
        "MaxNumberOfTrainingJobs MaxParallelTrainingJobs MaxRuntimeInSeconds",
    ),
)
_RANGES = taken(
    "",
    "ParameterRanges",
    "ContinuousParameterRanges IntegerParameterRanges CategoricalParameterRanges AutoParameters",
)
_DEFINITION = (
    taken(
        "",
        "HyperParameterTrainingJobDefinition",
        f"""{_OF_BOTH} DefinitionName TuningObjective HyperParameterRanges StaticHyperParameters
        HyperParameterTuningResourceConfig""",
    ),
    taken(
        "HyperParameterTuningResourceConfig",
        "HyperParameterTuningResourceConfig",
        "InstanceType InstanceCount VolumeSizeInGB VolumeKmsKeyId AllocationStrategy InstanceConfigs",
    ),
)
_JOB = (
    taken(
        "AlgorithmSpecification",
        "AlgorithmSpecification",
        """TrainingImage TrainingInputMode MetricDefinitions EnableSageMakerMetricsTimeSeries ContainerEntrypoint
        ContainerArguments""",
    ),
    taken(
        "ResourceConfig",
        "ResourceConfig",
        """InstanceType InstanceCount InstanceGroups VolumeSizeInGB VolumeKmsKeyId KeepAlivePeriodInSeconds
        TrainingPlanArn SelectedInstanceType SelectedInstanceCount""",
    ),
    taken("StoppingCondition", "StoppingCondition", "MaxRuntimeInSeconds MaxWaitTimeInSeconds"),
    taken("OutputDataConfig", "OutputDataConfig", "S3OutputPath KmsKeyId CompressionType"),
    taken("CheckpointConfig", "CheckpointConfig", "S3Uri LocalPath"),
)
_CHANNEL = (
    taken(
        "", "Channel", "ChannelName DataSource ContentType InputMode CompressionType RecordWrapperType ShuffleConfig"
    ),
    taken("DataSource", "DataSource", "S3DataSource"),
    taken(
        "DataSource S3DataSource",
        "S3DataSource",
        "S3DataType S3Uri S3DataDistributionType AttributeNames InstanceGroupNames",
    ),
)

#: What to do instead, by member; the others are just not in this version.
_WHY: Mapping[str, str] = {
    "AlgorithmName": f"{CLOUD}: name a TrainingImage",
    "TrainingImageConfig": f"{CLOUD}: log in to the registry with docker login",
    "InstancePreferences": f"{LATER}: name one InstanceType",
    "InstancePlacementConfig": CLOUD,
    "RemoteDebugConfig": f"{CLOUD}: use docker exec",
    "SessionChainingConfig": CLOUD,
    "ServerlessJobConfig": CLOUD,
    "ModelPackageConfig": CLOUD,
    "FileSystemDataSource": f"{LATER}: mount the file system here, and name its folder with file://",
    "DatasetSource": CLOUD,
    "ModelAccessConfig": CLOUD,
    "HubAccessConfig": CLOUD,
}


def check_supported(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """All that `request` asks for and this version cannot do."""
    root = Node(request)
    if operation == CREATE_TRANSFORM_JOB:
        found = list(of_transform_job(root))
    elif operation == CREATE_PROCESSING_JOB:
        found = list(of_processing_job(root))
    elif operation == CREATE_TUNING_JOB:
        found = [*_others(root, *_TUNING_JOB)]
        for part in definition_parts(root):
            found += [
                *_others(part.ranges, _RANGES),
                *_others(part.definition, *_DEFINITION),
                *_of_job(part.definition),
            ]
    else:
        found = [*_others(root, _TRAINING_JOB), *_of_job(root)]
    return [Violation(path=path, message=text, kind=ViolationKind.NOT_SUPPORTED) for path, text in found]


def _others(node: Node, *structures: Taken) -> Found:
    return others(node, structures, _WHY)


def _of_job(job: Node) -> Found:
    yield from _others(job, *_JOB)
    for place in (job.member("OutputDataConfig"), job.member("CheckpointConfig")):
        for name in ("S3OutputPath", "S3Uri"):
            if _is_web(place.text(name)):
                yield place.at(name), f"writing to {place.text(name)} {LATER}: use s3:// or file://"
    for channel in job.member("InputDataConfig").items():
        yield from _of_channel(channel)


def _of_channel(channel: Node) -> Found:
    yield from _others(channel, *_CHANNEL)
    source = channel.member("DataSource", "S3DataSource")
    if _is_web(source.text("S3Uri")):
        yield source.at("S3Uri"), f"reading from {source.text('S3Uri')} {LATER}: use s3:// or file://"
    if (kind := source.text("S3DataType")) not in {None, *SourceType}:
        yield source.at("S3DataType"), f"S3DataType {kind} {LATER}: use S3Prefix"
    if kind == "AugmentedManifestFile" and channel.text("CompressionType") == "Gzip":
        # Not said anywhere: whether the manifest is packed, or what it refers to.
        yield channel.at("CompressionType"), f"Gzip with an AugmentedManifestFile {LATER}: unpack the objects"


def _is_web(uri: str | None) -> bool:
    """The service takes ``https://`` addresses of S3, each with its own way to name a bucket and a region."""
    return uri is not None and uri.startswith("https://")
