"""Validation against the service model, in AWS's words."""

import functools
import gc
import time
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
import regex
from botocore.validate import ParamValidator
from domain_strategies import json_documents
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests_for_tests import training_request, tuning_request

from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB
from tuner.requests.service_model import check_request, load_shapes, service_path

Change = Callable[[dict[str, Any]], object]

#: The constraints of a text inside of a list or map, as the service lists them.
TEXT = (
    "Member must have length less than or equal to {}, Member must have length greater than or equal to 0,"
    " Member must satisfy regular expression pattern: ^.*"
)


@functools.cache
def input_shape(operation: str) -> Any:
    """The shape of an operation's request as botocore has it."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model(operation).input_shape


def violations(change: Change) -> list[Violation]:
    """What the model says of a training job's request after `change`."""
    request = training_request()
    change(request)
    return check_request(CREATE_TRAINING_JOB, request)


def messages(change: Change) -> list[str]:
    """The same, as texts."""
    return [violation.message for violation in violations(change)]


@pytest.mark.parametrize(
    ("operation", "request_"), [(CREATE_TRAINING_JOB, training_request()), (CREATE_TUNING_JOB, tuning_request())]
)
def test_a_valid_request_has_no_violation(operation: str, request_: dict[str, Any]) -> None:
    """file:// addresses and the instance type local among them."""
    assert [] == check_request(operation, request_)


@pytest.mark.parametrize(
    ("change", "value_and_place", "constraint"),
    [
        (
            lambda r: r.update(TrainingJobName="my_job"),
            "Value 'my_job' at 'trainingJobName'",
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        (
            lambda r: r.update(RoleArn="arn:aws:iam::123456789012:role/" + "x" * 2048),
            f"Value 'arn:aws:iam::123456789012:role/{'x' * 169}...' at 'roleArn'",
            "Member must have length less than or equal to 2048",
        ),
        (
            lambda r: r["StoppingCondition"].update(MaxRuntimeInSeconds=0),
            "Value '0' at 'stoppingCondition.maxRuntimeInSeconds'",
            "Member must have value greater than or equal to 1",
        ),
        (
            lambda r: r.update(RetryStrategy={"MaximumRetryAttempts": 31}),
            "Value '31' at 'retryStrategy.maximumRetryAttempts'",
            "Member must have value less than or equal to 30",
        ),
        (
            lambda r: r["AlgorithmSpecification"].update(TrainingInputMode="Tape"),
            "Value 'Tape' at 'algorithmSpecification.trainingInputMode'",
            "Member must satisfy enum value set: [Pipe, File, FastFile]",
        ),
        (lambda r: r.pop("RoleArn"), "Value null at 'roleArn'", "Member must not be null"),
        (
            lambda r: r["InputDataConfig"][0].update(ChannelName="a b"),
            "Value 'a b' at 'inputDataConfig.1.member.channelName'",
            r"Member must satisfy regular expression pattern: ^[A-Za-z0-9\.\-_]+",
        ),
        (
            lambda r: r.update(InputDataConfig=[]),
            "Value '[]' at 'inputDataConfig'",
            "Member must have length greater than or equal to 1",
        ),
        (
            lambda r: r.update(HyperParameters={"lr": "1\n2"}),
            "Value '{lr=1\n2}' at 'hyperParameters'",
            f"Map value must satisfy constraint: [{TEXT.format(2500)}]",
        ),
        (
            lambda r: r["AlgorithmSpecification"].update(ContainerArguments=["x" * 257]),
            f"Value '[{'x' * 199}...' at 'algorithmSpecification.containerArguments'",
            f"Member must satisfy constraint: [{TEXT.format(256)}]",
        ),
    ],
)
def test_a_broken_constraint_is_told_in_the_words_of_the_service(
    change: Change, value_and_place: str, constraint: str
) -> None:
    """As they stand in public reports of real answers."""
    assert [f"{value_and_place} failed to satisfy constraint: {constraint}"] == messages(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(TrainingJobname="x"),
        lambda r: r["ResourceConfig"].update(InstanceCount="1"),
        lambda r: r.update(HyperParameters={"epochs": 3}),
        lambda r: r.update(HyperParameters=["epochs"]),
    ],
)
def test_a_wrong_member_or_type_is_told_in_the_words_of_botocore(change: Change) -> None:
    """Users of boto3 know them; botocore itself is the judge."""
    request = training_request()
    change(request)
    report = ParamValidator().validate(request, input_shape(CREATE_TRAINING_JOB))

    assert report.generate_report().splitlines() == messages(change)


def test_what_just_fits_a_constraint_is_taken() -> None:
    """Bounds and lengths are inclusive."""

    def fill(request: dict[str, Any]) -> None:
        request["TrainingJobName"] = "x" * 63
        request["RetryStrategy"] = {"MaximumRetryAttempts": 30}
        request["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
        request["HyperParameters"] = {f"h{n}": "x" * 2500 for n in range(100)}

    assert [] == messages(fill)


def test_a_name_that_breaks_pattern_and_length_breaks_both_in_that_order() -> None:
    """As the service lists them."""
    found = messages(lambda request: request.update(TrainingJobName="_" * 64))

    assert ["pattern: ^", "length less than or equal to 63"] == [
        "pattern: ^" if "pattern" in message else message[-31:] for message in found
    ]


def test_all_violations_are_found_at_once_each_with_its_path() -> None:
    """Nobody has to mend a file once an error."""

    def break_much(request: dict[str, Any]) -> None:
        request["TrainingJobName"] = "-"
        request["AlgorithmSpecification"]["MetricDefinitions"][0] = {"Name": "", "Rgx": "x"}
        request["Tags"] = [{"Key": "a", "Value": "{}"}]
        request["Environment"] = {"ok": "1", "1x": "2"}

    assert {
        ("TrainingJobName",),
        ("AlgorithmSpecification", "MetricDefinitions", 0, "Name"),
        ("AlgorithmSpecification", "MetricDefinitions", 0, "Regex"),
        ("AlgorithmSpecification", "MetricDefinitions", 0, "Rgx"),
        ("Tags", 0, "Value"),
        ("Environment", "1x"),
    } == {violation.path for violation in violations(break_much)}


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda r: r.update(HyperParameter={}), "did you mean HyperParameters?"),
        (lambda r: r.update(tags=[]), "did you mean Tags?"),
        (lambda r: r["AlgorithmSpecification"].update(TrainingInputMode="file"), "did you mean File?"),
        (lambda r: r.update(HyperParameters={"epochs": 3}), 'quote it: "3"'),
        (lambda r: r.update(EnableNetworkIsolation="yes"), "write true or false, without quotes"),
        (lambda r: r["ResourceConfig"].update(InstanceCount="1"), "write the number without quotes, in plain digits"),
        (lambda r: r.update(InputDataConfig={}), "this is a list: begin each item with a dash"),
        (
            lambda r: r.update(HyperParameters={"a": None}),
            "the member has no value: give it one, or leave the line out",
        ),
        (
            lambda r: r["OutputDataConfig"].update(S3OutputPath="/x"),
            "a folder of this machine is written file://FOLDER",
        ),
        (lambda r: r.update(Zebra={}), None),
    ],
)
def test_a_hint_says_what_was_probably_meant(change: Change, hint: str | None) -> None:
    """Ours, beside AWS's text."""
    assert [hint] == [violation.hint for violation in violations(change)]


def test_a_hint_quotes_the_letters_of_the_file() -> None:
    """16 was written 0x10, and False was written no."""
    request = {**training_request(), "HyperParameters": {"a": 16, "b": False}}
    texts: dict[RequestPath, str] = {("HyperParameters", "a"): "0x10", ("HyperParameters", "b"): "no"}

    found = check_request(CREATE_TRAINING_JOB, request, texts)

    assert ['quote it: "0x10"', 'quote it: "no"'] == [violation.hint for violation in found]


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("off", False), ("010", 8), ("1_0", 10), ("1:30", 90)])
def test_what_readers_of_yaml_differ_over_is_refused(text: str, value: object) -> None:
    """The AWS CLI would send something else than boto3, or nothing."""
    member = "EnableNetworkIsolation" if isinstance(value, bool) else "MaxRuntimeInSeconds"
    request = {**training_request(), "EnableNetworkIsolation": value, "StoppingCondition": {"MaxRuntimeInSeconds": 9}}
    path: RequestPath = (member,)
    if member == "MaxRuntimeInSeconds":
        path = ("StoppingCondition", member)
        request.update(EnableNetworkIsolation=True, StoppingCondition={member: value})

    (violation,) = check_request(CREATE_TRAINING_JOB, request, {path: text})

    assert violation.message.startswith(f"Invalid type for parameter {'.'.join(map(str, path))}, value: {text}, type: ")


@pytest.mark.parametrize("uri", ["file:///data", "file://../data", "s3://bucket/x", "https://s3.amazonaws.com/b"])
def test_a_place_in_s3_may_be_a_folder_of_this_machine(uri: str) -> None:
    """Wherever the model has an address in S3."""

    def put(request: dict[str, Any]) -> None:
        request["OutputDataConfig"]["S3OutputPath"] = uri
        request["CheckpointConfig"] = {"S3Uri": uri}
        request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = uri

    assert [] == messages(put)


@pytest.mark.parametrize("uri", ["file://", "ftp://x", "/data", "", "File:///x"])
def test_what_is_no_address_is_refused(uri: str) -> None:
    """With the service's own pattern."""
    assert "(https|s3)://" in messages(lambda request: request["OutputDataConfig"].update(S3OutputPath=uri))[0]


@pytest.mark.parametrize(
    ("instance_type", "refused"),
    [("local", 0), ("local_gpu", 0), ("ml.g99.mega", 0), ("ml.m5.large", 0), ("m5.large", 1), ("cpu", 1)],
)
def test_an_instance_type_is_local_or_any_of_the_cloud(instance_type: str, refused: int) -> None:
    """The list of the model grows monthly."""
    assert refused == len(messages(lambda request: request["ResourceConfig"].update(InstanceType=instance_type)))


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]])
def test_only_a_whole_number_is_a_whole_number(value: object) -> None:
    """Python takes True for 1; botocore lets it pass, the service does not."""
    (violation,) = violations(lambda request: request["ResourceConfig"].update(InstanceCount=value))

    assert ViolationKind.PARAMETER is violation.kind


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, 10**40])
def test_a_number_that_the_service_cannot_hold_is_refused(value: int) -> None:
    """It reads 32 bits; so nothing behind has to think of more."""
    (message,) = messages(lambda request: request["StoppingCondition"].update(MaxRuntimeInSeconds=value))

    assert f"Invalid value for parameter StoppingCondition.MaxRuntimeInSeconds, value: {value}," in message


def test_the_greatest_number_that_the_service_can_hold_is_taken() -> None:
    """Two thousand million seconds are 68 years."""
    assert [] == messages(lambda request: request["StoppingCondition"].update(MaxRuntimeInSeconds=2**31 - 1))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(load_shapes()["CreateTrainingJobRequest"]["members"])), json_documents))
def test_whatever_botocore_refuses_is_refused(request_: dict[str, Any]) -> None:
    """Its own validator is the judge, on requests with anything anywhere; and nothing but violations comes out."""
    report = ParamValidator().validate(request_, input_shape(CREATE_TRAINING_JOB))

    assert not report.has_errors() or check_request(CREATE_TRAINING_JOB, request_)


@pytest.mark.parametrize("operation", [CREATE_TRAINING_JOB, CREATE_TUNING_JOB])
def test_every_pattern_that_a_request_may_meet_compiles(operation: str) -> None:
    """They are written for Java."""
    shapes, todo, seen = load_shapes(), [f"{operation}Request"], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = shapes[name]
        regex.compile(shape.get("pattern", ""))
        todo += [member["shape"] for member in shape.get("members", {}).values()]
        todo += [shape[part]["shape"] for part in ("member", "key", "value") if part in shape]

    assert 50 < len(seen)


def test_a_big_request_is_validated_in_milliseconds() -> None:
    """40 metrics, 30 ranges, 100 hyperparameters; the bound is ten times what a slow machine needs."""
    request = tuning_request()
    definition = request["TrainingJobDefinition"]
    definition["AlgorithmSpecification"]["MetricDefinitions"] *= 40
    definition["StaticHyperParameters"] = {f"h{n}": "x" * 100 for n in range(69)}
    request["HyperParameterTuningJobConfig"]["ParameterRanges"]["ContinuousParameterRanges"] *= 30
    check_request(CREATE_TUNING_JOB, request)

    gc.collect()  # what other tests have left is not its work; nor is what their threads do
    started = time.thread_time()
    found = check_request(CREATE_TUNING_JOB, request)

    assert [] == found
    assert time.thread_time() - started < 0.1


def test_a_path_is_written_as_the_service_writes_it() -> None:
    """Lower camel case, positions from 1."""
    assert "inputDataConfig.1.member.dataSource.s3DataSource" == service_path(
        ("InputDataConfig", 0, "DataSource", "S3DataSource")
    )
