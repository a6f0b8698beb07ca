"""CreateProcessingJob requests: completed, validated by the service model, and by what fits together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from requests_for_tests import processing_request

from contracts.channels import Compression, InputMode, SourceType
from contracts.processing import ProcessingJobSpec, UploadMode
from contracts.resources import Host
from tuner.errors import NotSupported
from tuner.requests import (
    CREATE_PROCESSING_JOB,
    Defaults,
    check_channels,
    load_job,
    missing_for_cloud,
    raise_violations,
    validate,
)

Change = Callable[[dict[str, Any]], object]

SHORT = """\
ProcessingJobName: prepare
AppSpecification: {ImageUri: "python:3.11", ContainerEntrypoint: [python3, -c, "print(1)"]}
ProcessingInputs:
  - InputName: raw
    S3Input: {S3Uri: file://rows, LocalPath: /opt/ml/processing/input/raw}
ProcessingOutputConfig:
  Outputs:
    - {OutputName: clean data, S3Output: {LocalPath: /opt/ml/processing/output/clean}}
"""


def wrong(change: Change) -> list[tuple[str, str]]:
    """What is wrong with a request after `change`: members and texts."""
    request = processing_request()
    change(request)
    return [(one.member, one.message) for one in validate(CREATE_PROCESSING_JOB, request)]


def source(request: dict[str, Any]) -> dict[str, Any]:
    """The one input's S3Input."""
    found: dict[str, Any] = request["ProcessingInputs"][0]["S3Input"]
    return found


def place(request: dict[str, Any]) -> dict[str, Any]:
    """The one output's S3Output."""
    found: dict[str, Any] = request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    return found


def test_a_valid_request_is_what_botocore_takes() -> None:
    """As boto3 sends it, and as the command line of AWS reads it from JSON."""
    request = json.loads(json.dumps(processing_request()))
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model("CreateProcessingJob").input_shape

    assert "" == ParamValidator().validate(request, shape).generate_report()
    assert [] == validate(CREATE_PROCESSING_JOB, request)


def test_a_first_job_file_is_eight_lines(tmp_path: Path) -> None:
    """What only the cloud needs is filled in; outputs are in the home."""
    path = tmp_path / "job.yaml"
    path.write_text(SHORT)

    job = load_job(path, Defaults(output_uri="file:///home/jobs", home_uri="file:///home"))
    spec = ProcessingJobSpec.from_request(job.request)

    assert [] == job.validate()
    assert ("python:3.11", ("python3", "-c", "print(1)"), None) == (spec.image, spec.entry_point, spec.arguments)
    (given,), (taken,) = spec.inputs, spec.outputs
    assert (f"file://{tmp_path}/rows", "/opt/ml/processing/input/raw") == (given.uri, given.local_path)
    assert (SourceType.PREFIX, InputMode.FILE, "FullyReplicated", Compression.NONE) == (
        given.s3_data_type,
        given.input_mode,
        given.distribution,
        given.compression,
    )
    assert ("file:///home/processing/prepare/output/clean%20data", UploadMode.END_OF_JOB) == (
        taken.uri,
        taken.upload_mode,
    )
    assert ((Host(),), 86_400, False) == (spec.hosts, spec.max_runtime_seconds, spec.network_isolation)


@pytest.mark.parametrize(
    ("change", "member", "words"),
    [
        (lambda r: r["AppSpecification"].update(ImageUri=""), "AppSpecification.ImageUri", "ImageUri is empty"),
        (
            lambda r: r["ProcessingInputs"].append(r["ProcessingInputs"][0]),
            "ProcessingInputs[1].InputName",
            "there is another InputName 'raw'",
        ),
        (
            lambda r: r["ProcessingInputs"].append(r["ProcessingInputs"][0]),
            "ProcessingInputs[1].S3Input.LocalPath",
            "the input 'raw' and the input 'raw' share the folder",
        ),
        (
            lambda r: place(r).update(LocalPath="/opt/ml/processing/input/raw/deeper"),
            "ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
            "the output 'clean' and the input 'raw' share the folder",
        ),
        (
            lambda r: source(r).update(LocalPath="/opt/ml/input/raw"),
            "ProcessingInputs[0].S3Input.LocalPath",
            "must be a folder below /opt/ml/processing/, not /opt/ml/input/raw",
        ),
        (
            lambda r: source(r).update(LocalPath="/opt/ml/processing/../x"),
            "ProcessingInputs[0].S3Input.LocalPath",
            "must be a folder below",
        ),
        (
            lambda r: source(r).update(LocalPath="/opt/ml/processing/"),
            "ProcessingInputs[0].S3Input.LocalPath",
            "must be a folder below",
        ),
        (
            lambda r: source(r).pop("LocalPath"),
            "ProcessingInputs[0].S3Input.LocalPath",
            "LocalPath is required unless AppManaged is true",
        ),
        (
            lambda r: r["ProcessingInputs"][0].pop("S3Input"),
            "ProcessingInputs[0]",
            "either S3Input or DatasetDefinition",
        ),
        (
            lambda r: r["ProcessingOutputConfig"]["Outputs"][0].pop("S3Output"),
            "ProcessingOutputConfig.Outputs[0]",
            "either S3Output or FeatureStoreOutput",
        ),
        (
            lambda r: source(r).update(S3CompressionType="Gzip"),
            "ProcessingInputs[0].S3Input.S3CompressionType",
            "Gzip is for inputs in Pipe mode only",
        ),
        (
            lambda r: source(r).update(S3InputMode="FastFile"),
            "ProcessingInputs[0].S3Input.S3InputMode",
            "Member must satisfy enum value set: [Pipe, File]",
        ),
        (
            lambda r: r.update(StoppingCondition={"MaxRuntimeInSeconds": 777_601}),
            "StoppingCondition.MaxRuntimeInSeconds",
            "less than or equal to 777600",
        ),
        (
            lambda r: r["AppSpecification"].update(ContainerArguments=["a\0"]),
            "AppSpecification.ContainerArguments[0]",
            "a program cannot be given a NUL character",
        ),
        (
            lambda r: r["AppSpecification"].update(ContainerEntrypoint=[]),
            "AppSpecification.ContainerEntrypoint",
            "length greater than or equal to 1",
        ),
        (lambda r: r.update(Environment={"A": "x" * 257}), "Environment.A", "length less than or equal to 256"),
    ],
)
def test_what_the_service_refuses_is_refused(change: Change, member: str, words: str) -> None:
    """At its member."""
    found = wrong(change)

    assert (member, True) in [(where, words in text) for where, text in found]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: source(r).update(S3Uri="s3://bucket/raw"),
        lambda r: place(r).update(S3UploadMode="Continuous"),
        lambda r: r["ProcessingResources"]["ClusterConfig"].update(InstanceCount=2),
        lambda r: r.update(NetworkConfig={"EnableNetworkIsolation": True}),
        lambda r: (r.pop("ProcessingInputs"), r.pop("ProcessingOutputConfig")),
    ],
)
def test_what_the_service_takes_is_taken(change: Change) -> None:
    """Nobody is refused for the sake of it."""
    assert [] == wrong(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["ProcessingInputs"][0].update(AppManaged=True), "AppManaged is for the cloud only"),
        (lambda r: source(r).update(S3InputMode="Pipe"), "S3InputMode Pipe is not in this version: use File"),
        (
            lambda r: (
                r["ProcessingInputs"][0].pop("S3Input"),
                r["ProcessingInputs"][0].update(DatasetDefinition={"LocalPath": "/opt/ml/processing/x"}),
            ),
            "DatasetDefinition is for the cloud only",
        ),
        (
            lambda r: (
                r["ProcessingOutputConfig"]["Outputs"][0].pop("S3Output"),
                r["ProcessingOutputConfig"]["Outputs"][0].update(FeatureStoreOutput={"FeatureGroupName": "x"}),
            ),
            "FeatureStoreOutput is for the cloud only",
        ),
    ],
)
def test_what_this_version_cannot_do_is_not_supported(change: Change, words: str) -> None:
    """AWS would take it, so it is no ValidationError."""
    request = processing_request()
    change(request)

    with pytest.raises(NotSupported, match=words):
        raise_violations(validate(CREATE_PROCESSING_JOB, request))


def test_an_input_that_is_not_there_is_found(tmp_path: Path) -> None:
    """Before anything starts, with its name."""
    request = processing_request()
    source(request)["S3Uri"] = f"file://{tmp_path}/none"

    (violation,) = check_channels(CREATE_PROCESSING_JOB, request)

    assert f"input 'raw': {tmp_path}/none is not there" == violation.message


def test_the_cloud_wants_a_registry_an_instance_type_and_places_in_s3() -> None:
    """A role is there already."""
    missing = missing_for_cloud(CREATE_PROCESSING_JOB, processing_request())

    assert ["ImageUri", "InstanceType", "S3Uri", "S3Uri"] == [path[-1] for path, _ in missing]
