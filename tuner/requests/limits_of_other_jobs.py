"""What AWS would take of transform and processing jobs and this version does not.

Some members are taken and have no effect, because they change nothing about a job on one machine: RoleArn, Tags,
VpcConfig, KMS keys, volumes, the machine image of an instance, encryption between hosts, and the names of experiments.
"""

from collections.abc import Mapping

from tuner.requests.node import Node
from tuner.requests.taken import CLOUD, LATER, Found, others, taken

_TRANSFORM_JOB = (
    taken(
        "",
        "CreateTransformJobRequest",
        """TransformJobName ModelName MaxConcurrentTransforms ModelClientConfig MaxPayloadInMB BatchStrategy Environment
        TransformInput TransformOutput TransformResources DataProcessing Tags ExperimentConfig""",
    ),
    taken("TransformInput", "TransformInput", "DataSource ContentType CompressionType SplitType"),
    taken("TransformInput DataSource", "TransformDataSource", "S3DataSource"),
    taken("TransformInput DataSource S3DataSource", "TransformS3DataSource", "S3DataType S3Uri"),
    taken("TransformOutput", "TransformOutput", "S3OutputPath Accept AssembleWith KmsKeyId"),
    taken(
        "TransformResources",
        "TransformResources",
        "InstanceType InstanceCount VolumeKmsKeyId TransformAmiVersion",
    ),
    taken("DataProcessing", "DataProcessing", "InputFilter OutputFilter JoinSource"),
    taken("ModelClientConfig", "ModelClientConfig", "InvocationsTimeoutInSeconds InvocationsMaxRetries"),
)
_PROCESSING_JOB = (
    taken(
        "",
        "CreateProcessingJobRequest",
        """ProcessingJobName AppSpecification Environment ProcessingInputs ProcessingOutputConfig ProcessingResources
        StoppingCondition NetworkConfig RoleArn Tags ExperimentConfig""",
    ),
    taken("AppSpecification", "AppSpecification", "ImageUri ContainerEntrypoint ContainerArguments"),
    taken("ProcessingOutputConfig", "ProcessingOutputConfig", "Outputs KmsKeyId"),
    taken(
        "ProcessingResources ClusterConfig",
        "ProcessingClusterConfig",
        "InstanceCount InstanceType VolumeSizeInGB VolumeKmsKeyId SelectedInstanceType SelectedInstanceCount",
    ),
    taken("StoppingCondition", "ProcessingStoppingCondition", "MaxRuntimeInSeconds"),
    taken("NetworkConfig", "NetworkConfig", "EnableInterContainerTrafficEncryption EnableNetworkIsolation VpcConfig"),
)
_PROCESSING_INPUT = (
    taken("", "ProcessingInput", "InputName AppManaged S3Input"),
    taken(
        "S3Input",
        "ProcessingS3Input",
        "S3Uri LocalPath S3DataType S3InputMode S3DataDistributionType S3CompressionType",
    ),
)
_PROCESSING_OUTPUT = (
    taken("", "ProcessingOutput", "OutputName AppManaged S3Output"),
    taken("S3Output", "ProcessingS3Output", "S3Uri LocalPath S3UploadMode"),
)

#: What to do instead, by member; the others are just not in this version.
_WHY: Mapping[str, str] = {
    "DataCaptureConfig": f"{LATER}: input and output of a transform job are kept anyway",
    "DatasetDefinition": f"{CLOUD}: write what the query gives to a file, and use an S3Input with file://",
    "FeatureStoreOutput": f"{CLOUD}: use an S3Output with file://",
    "InstancePreferences": f"{LATER}: name one InstanceType",
}


def of_transform_job(job: Node) -> Found:
    """What a transform job asks for and this version cannot do."""
    yield from others(job, _TRANSFORM_JOB, _WHY)
    source = job.member("TransformInput", "DataSource", "S3DataSource")
    kind = source.text("S3DataType")
    if kind not in {None, "S3Prefix", "ManifestFile"}:
        yield source.at("S3DataType"), f"S3DataType {kind} {LATER}: use S3Prefix or ManifestFile"
    yield from _https(source, "S3Uri")
    yield from _https(job.member("TransformOutput"), "S3OutputPath")


def of_processing_job(job: Node) -> Found:
    """What a processing job asks for and this version cannot do."""
    yield from others(job, _PROCESSING_JOB, _WHY)
    for entry in job.member("ProcessingInputs").items():
        yield from others(entry, _PROCESSING_INPUT, _WHY)
        yield from _app_managed(entry)
        yield from _https(entry.member("S3Input"), "S3Uri")
        source = entry.member("S3Input")
        if source.text("S3InputMode") == "Pipe":
            # Not said anywhere: what the named pipes of a processing container are called.
            yield source.at("S3InputMode"), f"S3InputMode Pipe {LATER}: use File"
    for entry in job.member("ProcessingOutputConfig", "Outputs").items():
        yield from others(entry, _PROCESSING_OUTPUT, _WHY)
        yield from _app_managed(entry)
        yield from _https(entry.member("S3Output"), "S3Uri")


def _app_managed(entry: Node) -> Found:
    if entry.member("AppManaged").value is True:
        yield entry.at("AppManaged"), f"AppManaged {CLOUD}: leave it out"


def _https(place: Node, name: str) -> Found:
    if (place.text(name) or "").startswith("https://"):
        yield place.at(name), f"{place.text(name)} {LATER}: use s3:// or file://"
