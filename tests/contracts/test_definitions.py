"""Training job definitions: one or several, and what a trial takes from its own."""

import copy
from typing import Any

import pytest
from requests_for_tests import tuning_request

from contracts.jobs import TuningJobSpec
from contracts.metrics import ObjectiveType
from contracts.resources import resource_configs_from_definition


def several(*names: str) -> dict[str, Any]:
    """A tuning job with definitions of those names, each with a metric called as it is."""
    request = tuning_request()
    definition = request.pop("TrainingJobDefinition")
    config = request["HyperParameterTuningJobConfig"]
    ranges = config.pop("ParameterRanges")
    del config["HyperParameterTuningJobObjective"]
    request["TrainingJobDefinitions"] = []
    for name in names:
        one = copy.deepcopy(definition)
        one["AlgorithmSpecification"]["TrainingImage"] = f"image-{name}"
        one |= {
            "DefinitionName": name,
            "TuningObjective": {"Type": "Minimize", "MetricName": f"{name}:loss"},
            "HyperParameterRanges": ranges,
            "StaticHyperParameters": {"of": name},
        }
        request["TrainingJobDefinitions"].append(one)
    return request


def test_one_definition_takes_objective_and_ranges_from_the_config() -> None:
    """It is the case of one, and needs no name."""
    spec = TuningJobSpec.from_request(tuning_request())
    (definition,) = spec.definitions

    assert (None, "accuracy", ["lr"]) == (
        definition.name,
        definition.objective.metric_name,
        [parameter.name for parameter in definition.ranges],
    )
    assert definition == spec.definition(None) == spec.definition("whatever")


def test_each_of_several_definitions_has_its_own() -> None:
    """They are found by name; the direction is that of all."""
    spec = TuningJobSpec.from_request(several("a", "b"))

    assert ("b", "image-b", "b:loss", {"of": "b"}) == (
        spec.definition("b").name,
        spec.definition("b").image,
        spec.definition("b").objective.metric_name,
        spec.definition("b").static,
    )
    assert (ObjectiveType.MINIMIZE, ("a:loss", "b:loss")) == (spec.objective_type, spec.metric_names)
    with pytest.raises(KeyError):
        spec.definition("c")


def test_a_trial_is_a_request_of_its_definition() -> None:
    """Nothing of the other definition is in it."""
    spec = TuningJobSpec.from_request(several("a", "b"))
    trial = spec.definition("b").training_job_request("search-001-0e830ada", {"lr": "0.25"}, [])

    assert "image-b" == trial["AlgorithmSpecification"]["TrainingImage"]
    assert {"of": "b", "lr": "0.25", "_tuning_objective_metric": "b:loss"} == trial["HyperParameters"]


def test_the_configurations_of_all_definitions_are_counted_together() -> None:
    """And not at all where one of them cannot be counted."""
    request = several("a", "b")
    counted = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3"]}]}
    request["TrainingJobDefinitions"][0]["HyperParameterRanges"] = counted

    assert TuningJobSpec.from_request(request).number_of_configurations is None

    request["TrainingJobDefinitions"][1]["HyperParameterRanges"] = counted

    assert 6 == TuningJobSpec.from_request(request).number_of_configurations


def test_alternatives_of_instances_are_plain_resource_configs_in_order() -> None:
    """Each with the key of all, as a child's description shows one."""
    alternatives = [
        {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 20},
    ]
    flexible = {"InstanceConfigs": alternatives, "AllocationStrategy": "Prioritized", "VolumeKmsKeyId": "key"}
    found = resource_configs_from_definition({"HyperParameterTuningResourceConfig": flexible})

    assert tuple({**one, "VolumeKmsKeyId": "key"} for one in alternatives) == found


def test_one_flexible_instance_is_a_plain_resource_config() -> None:
    """Its members are the same; without any there is none to name."""
    flexible = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}

    assert (flexible,) == resource_configs_from_definition({"HyperParameterTuningResourceConfig": flexible})
    assert ({"InstanceCount": 2},) == resource_configs_from_definition({"ResourceConfig": {"InstanceCount": 2}})
    assert () == resource_configs_from_definition({})
