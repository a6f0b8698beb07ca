"""CreateTransformJob requests: completed, validated by the service model, and by what fits together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from requests_for_tests import transform_request

from contracts.resources import Host
from contracts.serving import BatchStrategy
from contracts.transform import AssembleWith, Filters, SplitType, TransformJobSpec
from tuner.errors import NotSupported, ViolationKind
from tuner.requests import (
    CREATE_TRANSFORM_JOB,
    Defaults,
    check_channels,
    complete,
    load_job,
    missing_for_cloud,
    raise_violations,
    validate,
)

Change = Callable[[dict[str, Any]], object]

SHORT = """\
TransformJobName: batch
ModelName: model
TransformInput:
  DataSource: {S3DataSource: {S3Uri: file://rows}}
"""


def wrong(change: Change) -> list[tuple[str, str]]:
    """What is wrong with a request after `change`: members and texts."""
    request = transform_request()
    change(request)
    return [(one.member, one.message) for one in validate(CREATE_TRANSFORM_JOB, request)]


def test_a_valid_request_is_what_botocore_takes() -> None:
    """As boto3 sends it, and as the command line of AWS reads it from JSON."""
    request = json.loads(json.dumps(transform_request()))
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    shape = model.operation_model("CreateTransformJob").input_shape

    assert "" == ParamValidator().validate(request, shape).generate_report()
    assert [] == validate(CREATE_TRANSFORM_JOB, request)


def test_a_first_job_file_is_four_lines(tmp_path: Path) -> None:
    """What only the cloud needs is filled in; the output is in the home."""
    path = tmp_path / "job.yaml"
    path.write_text(SHORT)

    job = load_job(path, Defaults(output_uri="file:///home/jobs", home_uri="file:///home"))

    assert [] == job.validate()
    assert "file:///home/transform/batch/output" == job.request["TransformOutput"]["S3OutputPath"]
    assert {"InstanceType": "local", "InstanceCount": 1} == job.request["TransformResources"]
    source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    assert {"S3DataType": "S3Prefix", "S3Uri": f"file://{tmp_path}/rows"} == source


def test_completing_leaves_alone_what_is_of_another_form() -> None:
    """Validation says why; nothing breaks before."""
    requests: list[dict[str, Any]] = [
        {"TransformInput": 3},
        {"TransformInput": {"DataSource": []}},
        {"TransformJobName": 5},
    ]
    for odd in requests:
        assert odd.items() <= complete(CREATE_TRANSFORM_JOB, odd, Defaults(output_uri="file:///o")).items()


@pytest.mark.parametrize(
    ("change", "member", "words"),
    [
        (lambda r: r.update(MaxPayloadInMB=101), "MaxPayloadInMB", "cannot be greater than 100, and is 101"),
        (
            lambda r: r.update(MaxPayloadInMB=26, MaxConcurrentTransforms=4),
            "MaxConcurrentTransforms",
            "cannot be greater than 100, and is 4 * 26 = 104",
        ),
        (
            lambda r: r["DataProcessing"].update(InputFilter="$..x"),
            "DataProcessing.InputFilter",
            "is no path that SageMaker takes",
        ),
        (
            lambda r: r["DataProcessing"].update(OutputFilter="$['id']"),
            "DataProcessing.OutputFilter",
            "names members, and a row of CSV has none",
        ),
        (
            lambda r: r["DataProcessing"].update(OutputFilter="$." + "a" * 62),
            "DataProcessing.OutputFilter",
            "Member must have length less than or equal to 63",
        ),
        (
            lambda r: r["TransformInput"].update(ContentType="image/png"),
            "TransformInput.ContentType",
            "needs ContentType text/csv, application/json or application/jsonlines, and it is image/png",
        ),
        (lambda r: r["TransformInput"].pop("ContentType"), "TransformInput.ContentType", "and none is given"),
        (lambda r: r["TransformOutput"].pop("Accept"), "TransformOutput.Accept", "and none is given"),
        (
            lambda r: r["TransformOutput"].update(Accept="application/json"),
            "TransformOutput.Accept",
            "text/csv, and it is application/json",
        ),
        (lambda r: r["TransformInput"].pop("SplitType"), "TransformInput.SplitType", "needs SplitType Line, not None"),
        (
            lambda r: r["TransformOutput"].pop("AssembleWith"),
            "TransformOutput.AssembleWith",
            "must be the same as SplitType, Line, and is None",
        ),
        (lambda r: r.update(Environment={"A": "\0"}), "Environment.A", "a program cannot be given a NUL character"),
        (lambda r: r.update(BatchStrategy="Multi"), "BatchStrategy", "Member must satisfy enum value set"),
        (lambda r: r["TransformInput"].update(Splittype="Line"), "TransformInput.Splittype", "Unknown parameter"),
        (
            lambda r: r.update(ModelClientConfig={"InvocationsMaxRetries": 4}),
            "ModelClientConfig.InvocationsMaxRetries",
            "less than or equal to 3",
        ),
    ],
)
def test_what_the_service_refuses_is_refused(change: Change, member: str, words: str) -> None:
    """At its member."""
    found = wrong(change)

    assert (member, True) in [(where, words in text) for where, text in found]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(MaxPayloadInMB=0, MaxConcurrentTransforms=50),
        lambda r: r.update(MaxPayloadInMB=25, MaxConcurrentTransforms=4),
        lambda r: r.update(MaxConcurrentTransforms=0),
        lambda r: r["TransformInput"].update(ContentType="Text/CSV; charset=utf-8"),
        lambda r: (r.pop("DataProcessing"), r["TransformInput"].update(SplitType="TFRecord")),
        lambda r: (r.update(DataProcessing={"InputFilter": "$"}), r["TransformOutput"].pop("AssembleWith")),
        lambda r: (
            r.update(DataProcessing={"InputFilter": "$.features", "JoinSource": "Input"}),
            r["TransformInput"].update(ContentType="application/json", SplitType="None"),
            r["TransformOutput"].update(Accept="application/json", AssembleWith="None"),
        ),
        lambda r: r["TransformInput"]["DataSource"]["S3DataSource"].update(S3Uri="s3://bucket/rows/"),
        lambda r: r["TransformResources"].update(InstanceType="ml.p3.2xlarge", InstanceCount=3),
    ],
)
def test_what_the_service_takes_is_taken(change: Change) -> None:
    """Nobody is refused for the sake of it."""
    assert [] == wrong(change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(DataCaptureConfig={"DestinationS3Uri": "s3://b/c"}), "DataCaptureConfig is not in this"),
        (
            lambda r: r["TransformInput"]["DataSource"]["S3DataSource"].update(S3DataType="AugmentedManifestFile"),
            "use S3Prefix or ManifestFile",
        ),
        (lambda r: r["TransformOutput"].update(S3OutputPath="https://b/c"), "use s3:// or file://"),
    ],
)
def test_what_this_version_cannot_do_is_not_supported(change: Change, words: str) -> None:
    """AWS would take it, so it is no ValidationError."""
    request = transform_request()
    change(request)

    with pytest.raises(NotSupported, match=words):
        raise_violations(validate(CREATE_TRANSFORM_JOB, request))


def test_an_input_that_is_not_there_is_found(tmp_path: Path) -> None:
    """Before anything starts."""
    request = transform_request()
    request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = f"file://{tmp_path}/none"

    (violation,) = check_channels(CREATE_TRANSFORM_JOB, request)

    assert (f"the input: {tmp_path}/none is not there", ViolationKind.RULE) == (violation.message, violation.kind)


def test_the_cloud_wants_places_in_s3_and_an_instance_type() -> None:
    """And no role: that is the model's."""
    missing = missing_for_cloud(CREATE_TRANSFORM_JOB, transform_request())

    assert ["S3Uri", "S3OutputPath", "InstanceType"] == [path[-1] for path, _ in missing]


def test_a_spec_says_what_the_request_says() -> None:
    """In Python names."""
    request = {
        **transform_request(),
        "MaxConcurrentTransforms": 2,
        "MaxPayloadInMB": 0,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": 5, "InvocationsMaxRetries": 0},
    }

    spec = TransformJobSpec.from_request(request)

    assert (2, 0, BatchStrategy.SINGLE_RECORD) == (
        spec.max_concurrent_transforms,
        spec.max_payload_mb,
        spec.batch_strategy,
    )
    assert (5, 0, (Host(),)) == (spec.timeout_seconds, spec.max_retries, spec.hosts)
    assert (SplitType.LINE, AssembleWith.LINE) == (spec.split_type, spec.assemble_with)
    assert Filters(input_filter="$[1:]", output_filter="$[0,-1]", joins_input=True) == spec.filters


def test_what_a_request_leaves_open_is_left_to_the_container() -> None:
    """0 transforms at once says the same as nothing; retries and their time have the service's defaults."""
    request = {**transform_request(), "MaxConcurrentTransforms": 0}
    del request["DataProcessing"]

    spec = TransformJobSpec.from_request(request)

    assert (None, None, None) == (spec.max_concurrent_transforms, spec.max_payload_mb, spec.batch_strategy)
    assert (600, 3, False) == (spec.timeout_seconds, spec.max_retries, spec.filters.is_active)
