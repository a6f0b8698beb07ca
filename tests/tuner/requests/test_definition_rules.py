"""What the service asks of several definitions beyond what it asks of one, and of resources with alternatives."""

from collections.abc import Callable
from typing import Any

import pytest
from domain_strategies import json_documents
from hypothesis import given
from requests_for_tests import DEFAULTS, categorical, tuning_request

from tuner.errors import ViolationKind
from tuner.requests import CREATE_TUNING_JOB
from tuner.requests.completion import complete, missing_for_cloud
from tuner.requests.front_door import validate
from tuner.requests.limits_of_this_version import check_supported
from tuner.requests.rules import check_rules

Request = dict[str, Any]


def several(*names: str) -> Request:
    """A valid tuning job with definitions of those names."""
    request = tuning_request()
    definition = request.pop("TrainingJobDefinition")
    config = request["HyperParameterTuningJobConfig"]
    objective, ranges = config.pop("HyperParameterTuningJobObjective"), config.pop("ParameterRanges")
    request["TrainingJobDefinitions"] = [
        {
            **definition,
            "DefinitionName": name,
            "TuningObjective": dict(objective),
            "HyperParameterRanges": dict(ranges),
            "ResourceConfig": dict(definition["ResourceConfig"]),
        }
        for name in names
    ]
    return request


def broken(change: Callable[[Request, list[Request]], object], *names: str) -> dict[str, str]:
    """What is wrong after `change` of a job with two definitions, by the path's last step."""
    request = several(*(names or ("a", "b")))
    change(request, request["TrainingJobDefinitions"])
    return {str(violation.path[-1]): violation.message for violation in check_rules(CREATE_TUNING_JOB, request)}


def test_several_definitions_are_valid() -> None:
    """By the service's model, its rules, and what this version can do."""
    assert [] == validate(CREATE_TUNING_JOB, several("a", "b"))


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (
            lambda r, _: r["HyperParameterTuningJobConfig"].update(
                HyperParameterTuningJobObjective={"Type": "Maximize", "MetricName": "accuracy"}
            ),
            "HyperParameterTuningJobObjective",
            "give TuningObjective there",
        ),
        (
            lambda r, _: r["HyperParameterTuningJobConfig"].update(ParameterRanges=categorical(a=["1"])),
            "ParameterRanges",
            "give HyperParameterRanges there",
        ),
        (lambda _, d: d[1].update(DefinitionName="a"), "DefinitionName", "another definition named 'a'"),
        (lambda _, d: d[1].pop("DefinitionName"), "DefinitionName", "each of TrainingJobDefinitions has"),
        (lambda _, d: d[1].pop("TuningObjective"), "TuningObjective", "a TuningObjective is required"),
        (lambda _, d: d[1]["TuningObjective"].update(MetricName="f1"), "MetricName", "A metric is required"),
        (lambda _, d: d[1]["TuningObjective"].update(Type="Minimize"), "Type", "all of them maximize"),
        (lambda _, d: d[1].pop("HyperParameterRanges"), "HyperParameterRanges", "there is no range"),
        (
            lambda _, d: d[1].update(StaticHyperParameters={"lr": "1"}),
            "Name",
            "either static or tuned",
        ),
        (
            lambda r, _: r["HyperParameterTuningJobConfig"].update(TrainingJobEarlyStoppingType="Auto"),
            "TrainingJobEarlyStoppingType",
            "must be Off with several",
        ),
        (
            lambda r, _: r["HyperParameterTuningJobConfig"]["ResourceLimits"].update(MaxNumberOfTrainingJobs=1),
            "MaxNumberOfTrainingJobs",
            "some would never be tried",
        ),
        (
            lambda _, d: [one.update(Environment={f"X{n}": "1" for n in range(30)}) for one in d],
            "TrainingJobDefinitions",
            "at most 48 environment variables, not 60",
        ),
        (
            lambda _, d: d[1]["AlgorithmSpecification"].update(TrainingImage=""),
            "TrainingImage",
            "TrainingImage is empty",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    change: Callable[[Request, list[Request]], object], place: str, words: str
) -> None:
    """Each with what to do instead where there is something."""
    found = broken(change)

    assert words in found[place]


def test_a_single_definition_has_no_objective_or_range_of_its_own() -> None:
    """They are in the config."""
    request = tuning_request()
    request["TrainingJobDefinition"] |= {
        "TuningObjective": {"Type": "Maximize", "MetricName": "accuracy"},
        "HyperParameterRanges": categorical(a=["1"]),
    }
    found = {str(one.path[-1]): one.message for one in check_rules(CREATE_TUNING_JOB, request)}

    assert {"TuningObjective", "HyperParameterRanges"} == set(found)
    assert "give ParameterRanges there" in found["HyperParameterRanges"]


def test_a_warm_start_is_refused_with_several() -> None:
    """By name."""
    parents = [{"HyperParameterTuningJobName": "before"}]
    warm = {"WarmStartType": "TransferLearning", "ParentHyperParameterTuningJobs": parents}

    assert {"WarmStartConfig"} == set(broken(lambda r, _: r.update(WarmStartConfig=warm)))


def test_combinations_are_those_of_all_definitions() -> None:
    """Two and three are enough for five trials, not for six; Grid tries each of them."""

    def search(request: Request, jobs: int, strategy: str) -> None:
        first, second = request["TrainingJobDefinitions"]
        first["HyperParameterRanges"] = categorical(a=["1", "2"])
        second["HyperParameterRanges"] = categorical(a=["1", "2", "3"])
        config = request["HyperParameterTuningJobConfig"]
        config |= {"Strategy": strategy}
        config["ResourceLimits"]["MaxNumberOfTrainingJobs"] = jobs

    assert {} == broken(lambda r, _: search(r, 5, "Random"))
    assert "provided ranges [5.0]" in broken(lambda r, _: search(r, 6, "Random"))["TrainingJobDefinitions"]
    assert {} == broken(lambda r, _: search(r, 5, "Grid"))
    assert "each of the 5 combinations" in broken(lambda r, _: search(r, 4, "Grid"))["MaxNumberOfTrainingJobs"]


def test_hyperband_needs_its_resource_of_every_definition() -> None:
    """Unless MaxResource says it for all."""

    def search(request: Request, *with_epochs: int) -> None:
        request["HyperParameterTuningJobConfig"]["Strategy"] = "Hyperband"
        for place in with_epochs:
            request["TrainingJobDefinitions"][place]["StaticHyperParameters"] = {"epochs": "9"}

    assert {} == broken(lambda r, _: search(r, 0, 1))
    assert "MaxResource" in broken(lambda r, _: search(r, 0))


def flexible(**members: object) -> Request:
    """A tuning job with a HyperParameterTuningResourceConfig, completed."""
    request = tuning_request()
    del request["TrainingJobDefinition"]["ResourceConfig"]
    request["TrainingJobDefinition"]["HyperParameterTuningResourceConfig"] = members
    return complete(CREATE_TUNING_JOB, request, DEFAULTS)


def test_what_is_left_out_of_flexible_resources_is_completed() -> None:
    """Of one instance and of alternatives; no plain ResourceConfig appears beside them."""
    one, two = flexible(), flexible(InstanceConfigs=[{"InstanceType": "ml.p3.2xlarge"}, {}])

    assert [] == [*validate(CREATE_TUNING_JOB, one), *validate(CREATE_TUNING_JOB, two)]
    assert {"InstanceType": "local", "InstanceCount": 1, "VolumeSizeInGB": 1} == one["TrainingJobDefinition"][
        "HyperParameterTuningResourceConfig"
    ]
    assert "ResourceConfig" not in two["TrainingJobDefinition"]


def test_flexible_resources_are_one_instance_or_alternatives() -> None:
    """And never beside a ResourceConfig."""
    both = flexible(InstanceType="ml.m5.large", InstanceConfigs=[{"InstanceType": "ml.m5.large"}])
    twice = flexible(InstanceType="ml.m5.large")
    twice["TrainingJobDefinition"]["ResourceConfig"] = {
        "InstanceType": "local",
        "InstanceCount": 1,
        "VolumeSizeInGB": 1,
    }

    assert ["take away InstanceType"] == [one.message.split(": ")[-1] for one in check_rules(CREATE_TUNING_JOB, both)]
    assert "not both" in check_rules(CREATE_TUNING_JOB, twice)[0].message


def test_what_the_cloud_still_wants_is_said_of_every_definition_and_alternative() -> None:
    """With its place."""
    request = several("a", "b")
    request["TrainingJobDefinitions"][1] |= {
        "HyperParameterTuningResourceConfig": {"InstanceConfigs": [{"InstanceType": "local"}] * 2}
    }
    del request["TrainingJobDefinitions"][1]["ResourceConfig"]
    places = {path for path, text in missing_for_cloud(CREATE_TUNING_JOB, request) if "instance type" in text}

    assert {
        ("TrainingJobDefinitions", 0, "ResourceConfig", "InstanceType"),
        ("TrainingJobDefinitions", 1, "HyperParameterTuningResourceConfig", "InstanceConfigs", 0, "InstanceType"),
        ("TrainingJobDefinitions", 1, "HyperParameterTuningResourceConfig", "InstanceConfigs", 1, "InstanceType"),
    } == places


def test_what_this_version_cannot_do_is_said_of_each_definition() -> None:
    """Where it stands."""
    request = several("a", "b")
    request["TrainingJobDefinitions"][1]["OutputDataConfig"] = {"S3OutputPath": "https://s3/b/out"}
    (violation,) = check_supported(CREATE_TUNING_JOB, request)

    assert ("TrainingJobDefinitions", 1) == violation.path[:2]
    assert ViolationKind.NOT_SUPPORTED is violation.kind


@given(json_documents, json_documents)
def test_no_document_raises(config: object, definition: object) -> None:
    """Whatever stands in its place is the service model's to refuse."""
    request = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinitions": [definition, definition]}
    check_rules(CREATE_TUNING_JOB, request)
    check_supported(CREATE_TUNING_JOB, request)
    check_rules(CREATE_TUNING_JOB, {"TrainingJobDefinitions": definition})
