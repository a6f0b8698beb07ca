"""From a job file to a valid request, or to all that is wrong with it."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from requests_for_tests import DEFAULTS, training_request

from tuner.errors import JobFileError, NotSupported, ValidationError, Violation, ViolationKind
from tuner.requests import (
    CREATE_PROCESSING_JOB,
    CREATE_TRAINING_JOB,
    CREATE_TRANSFORM_JOB,
    CREATE_TUNING_JOB,
    LoadedJob,
    check_channels,
    load_job,
    locate,
    raise_violations,
    service_message,
    validate,
)

Load = Callable[..., LoadedJob]

SHORT = """\
HyperParameterTuningJobName: first
HyperParameterTuningJobConfig:
  Strategy: Random
  HyperParameterTuningJobObjective: {Type: Maximize, MetricName: accuracy}
  ResourceLimits: {MaxNumberOfTrainingJobs: 4, MaxParallelTrainingJobs: 2}
  ParameterRanges: {ContinuousParameterRanges: [{Name: lr, MinValue: "0.1", MaxValue: "1"}]}
TrainingJobDefinition:
  AlgorithmSpecification:
    TrainingImage: mine:latest
    MetricDefinitions: [{Name: accuracy, Regex: 'accuracy=([0-9.]+)'}]
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a text as job file and load it."""

    def write_and_load(text: str, name: str | None = None) -> LoadedJob:
        path = tmp_path / "job.yaml"
        path.write_text(textwrap.dedent(text))
        return load_job(path, DEFAULTS, name)

    return write_and_load


def test_a_first_job_file_is_ten_lines(load: Load) -> None:
    """All that only the cloud needs is filled in."""
    job = load(SHORT)

    assert (10, [], "first", CREATE_TUNING_JOB) == (len(SHORT.splitlines()), job.validate(), job.name, job.operation)


def test_a_name_from_outside_replaces_the_one_of_the_file(load: Load) -> None:
    """Names are used once, and the file is run many times."""
    assert "second" == load(SHORT, "second").name
    assert "third" == load(SHORT.split("\n", 1)[1], "third").name


def test_a_file_without_a_name_is_refused_by_validation(load: Load) -> None:
    """At the first line."""
    (violation,) = load(SHORT.split("\n", 1)[1]).validate()

    assert (("HyperParameterTuningJobName",), 1) == (violation.path, violation.line)


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(load: Load, tmp_path: Path) -> None:
    """Path, line, member, AWS's text and a hint, one a line; whoever of AWS would say it."""
    text = SHORT.replace("Strategy: Random", "Strategy: random").replace('"0.1"', "0.1").replace("([0-9.]+)", "[0-9.]+")
    job = load(text.replace("mine:latest", "mine:latest\n    Trainingimage: x"))

    with pytest.raises(ValidationError) as caught:
        job.check()

    path, lines = tmp_path / "job.yaml", str(caught.value).splitlines()
    assert [f"{path}:{line}: " for line in (3, 6, 10, 11)] == [line[: line.index(" ") + 1] for line in lines]
    assert lines[0] == (
        f"{path}:3: HyperParameterTuningJobConfig.Strategy: Value 'random' at 'hyperParameterTuningJobConfig.strategy'"
        " failed to satisfy constraint: Member must satisfy enum value set: [Bayesian, Random, Hyperband, Grid]"
        " (did you mean Random?)"
    )
    assert [3, 6, 10, 11] == [violation.line for violation in caught.value.violations]


def test_a_request_that_only_this_version_refuses_is_not_supported(load: Load) -> None:
    """AWS would take it, so it is no ValidationError."""
    with pytest.raises(NotSupported, match=r"job\.yaml:\d+: .*writing to https://s3/b/out is not in this") as caught:
        load(f"{SHORT}  OutputDataConfig: {{S3OutputPath: https://s3/b/out}}\n").check()

    assert [ViolationKind.NOT_SUPPORTED] == [violation.kind for violation in caught.value.violations]


def test_a_valid_request_raises_nothing(load: Load) -> None:
    """Whatever the path."""
    load(SHORT).check()
    raise_violations([], None)


def test_a_relative_channel_is_looked_for_beside_the_job_file(load: Load, tmp_path: Path) -> None:
    """And a missing one is told with the line."""
    job = load("""\
        TrainingJobName: x
        AlgorithmSpecification: {TrainingImage: mine}
        InputDataConfig:
          - ChannelName: training
            DataSource: {S3DataSource: {S3Uri: file://data}}
        """)

    (violation,) = locate(check_channels(job.operation, job.request), job.lines)

    assert (5, f"channel 'training': {tmp_path}/data is not there") == (violation.line, violation.message)


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("TrainingJobName: x", CREATE_TRAINING_JOB),
        ("AlgorithmSpecification: x", CREATE_TRAINING_JOB),
        ("HyperParameterTuningJobName: x", CREATE_TUNING_JOB),
        ("TrainingJobDefinition: x", CREATE_TUNING_JOB),
        ("TransformJobName: x", CREATE_TRANSFORM_JOB),
        ("ProcessingJobName: x", CREATE_PROCESSING_JOB),
    ],
)
def test_a_file_is_known_by_its_members(load: Load, text: str, operation: str) -> None:
    """No word beside the request is needed."""
    assert operation == load(text).operation


def test_a_file_that_is_no_request_is_refused_with_a_guess(load: Load) -> None:
    """A typing error in the one member that tells."""
    with pytest.raises(JobFileError, match=r"is there, so this is no job file: did you mean TrainingJobName\?"):
        load("TrainingJobname: x\nImage: y")


def test_a_violation_of_a_member_that_is_not_there_has_the_line_around_it(load: Load) -> None:
    """The mapping that lacks it."""
    (violation,) = load(SHORT.replace("    TrainingImage: mine:latest\n", "")).validate()

    assert 8 == violation.line


def test_the_answer_of_the_service_counts_its_errors() -> None:
    """The form that AWS gives, once a text."""
    request = {**training_request(), "TrainingJobName": "a_b", "HyperParameters": {"a": "\n", "b": "\n"}}
    pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9]"

    message = service_message(validate(CREATE_TRAINING_JOB, request))

    assert message.startswith(f"2 validation errors detected: Value 'a_b' at 'trainingJobName' {pattern}")
    assert "; Value '{a=\n, b=\n}' at 'hyperParameters' failed" in message


def test_the_answer_of_the_service_comes_from_who_looks_first() -> None:
    """botocore before the model, the model before the rules."""
    kinds = [ViolationKind.RULE, ViolationKind.CONSTRAINT, ViolationKind.PARAMETER]
    violations = [Violation(path=("A",), message=kind.name, kind=kind) for kind in kinds]

    assert "Parameter validation failed:\nPARAMETER" == service_message(violations)
    assert "1 validation error detected: CONSTRAINT" == service_message(violations[:2])
    assert "RULE" == service_message(violations[:1])
