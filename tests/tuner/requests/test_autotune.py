"""Autotune: what is chosen, and that it stands in the request."""

import copy
from typing import Any

import pytest
from domain_strategies import json_documents
from hypothesis import example, given
from hypothesis import strategies as st
from requests_for_tests import DEFAULTS, categorical, tuning_request

from contracts.ranges import parameter_ranges_from_request
from tuner.requests import CREATE_TUNING_JOB
from tuner.requests.automatic_ranges import automatic_range
from tuner.requests.autotune import automatic_choices
from tuner.requests.completion import complete
from tuner.requests.front_door import validate


def automatic(ranges: Any = None, *, limits: Any = None, **hints: str) -> Any:
    """A request that leaves everything to Autotune, `hints` and `ranges` apart."""
    request = tuning_request()
    request["Autotune"] = {"Mode": "Enabled"}
    config = request["HyperParameterTuningJobConfig"]
    config["ParameterRanges"] = dict(ranges or {})
    if hints:
        config["ParameterRanges"]["AutoParameters"] = [
            {"Name": name, "ValueHint": text} for name, text in hints.items()
        ]
    del config["Strategy"], config["ResourceLimits"]
    if limits:
        config["ResourceLimits"] = limits
    return request


def completed(request: Any) -> Any:
    """The completed request, which is valid."""
    done = complete(CREATE_TUNING_JOB, request, DEFAULTS)
    assert [] == [str(violation) for violation in validate(CREATE_TUNING_JOB, done)]
    return done


@pytest.mark.parametrize(
    ("name", "hint", "expected"),
    [
        ("learning_rate", "0.01", ("0.001", "0.1", "Logarithmic")),
        ("lr", "0.5", ("0.05", "1", "Logarithmic")),
        ("weight_decay", "1e-4", ("1e-05", "0.001", "Logarithmic")),
        ("lambda", "1", ("0.1", "10", "Logarithmic")),
        ("sigma", "0.003", ("0.0003", "0.03", "Logarithmic")),
        ("margin", "1.5", ("0.15", "15", "Logarithmic")),
        ("batch-size", "64", ("16", "256", "Logarithmic")),
        ("num_layers", "2", ("1", "8", "Logarithmic")),
        ("dropoutRate", "0.5", ("0.125", "0.875", "Linear")),
        ("subsample", "1", ("0.25", "1", "Linear")),
        ("mixing", "0.2", ("0.05", "0.8", "Linear")),
        ("momentum", "0.9", ("0.5", "0.99", "ReverseLogarithmic")),
        ("beta2", "0.999", ("0.99", "0.9999", "ReverseLogarithmic")),
    ],
)
def test_a_number_gets_a_range_around_it(name: str, hint: str, expected: tuple[str, str, str]) -> None:
    """By its size and by the words of its name."""
    found = automatic_range(name, hint)

    assert found is not None
    assert expected == tuple(found.entry[member] for member in ("MinValue", "MaxValue", "ScalingType"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("optimizer", "adam"),
        ("augment", "True"),
        ("dropout", "0"),
        ("offset", "-1"),
        ("momentum", "2"),
        ("epochs", "10"),
        ("numEpochs", "10"),
        ("random_seed", "7"),
        ("num-workers", "4"),
        ("num_classes", "10"),
        ("sagemaker_container_log_level", "20"),
        ("size", "1_000"),
        ("size", "nan"),
        ("size", "1e300"),
        ("size", ""),
    ],
)
def test_what_is_not_eligible_keeps_its_value(name: str, hint: str) -> None:
    """Texts, numbers without a scale, and what says how long or on what a job runs."""
    assert automatic_range(name, hint) is None


@given(st.sampled_from(["lr", "momentum", "dropout", "size", "x"]), st.floats(1e-300, 1e13) | st.integers(0, 10**13))
@example("momentum", 1 - 2**-53)
@example("x", 0.9)
@example("size", 1)
def test_an_automatic_range_is_a_valid_range_that_contains_the_example(name: str, value: float) -> None:
    """Whatever the number: or it stays as it is."""
    found = automatic_range(name, repr(value))
    if found is None:
        return
    (parameter,) = parameter_ranges_from_request({found.list_member: [found.entry]})

    assert float(found.entry["MinValue"]) <= value <= float(found.entry["MaxValue"])
    assert parameter.name == name


def test_all_that_is_left_out_is_chosen_and_said() -> None:
    """The completed request has ordinary members, and its examples are gone."""
    request = automatic(learning_rate="0.1", optimizer="adam")
    config = completed(request)["HyperParameterTuningJobConfig"]

    assert ["learning_rate"] == [entry["Name"] for entry in config["ParameterRanges"]["ContinuousParameterRanges"]]
    assert "AutoParameters" not in config["ParameterRanges"]
    assert ("Bayesian", "Auto") == (config["Strategy"], config["TrainingJobEarlyStoppingType"])
    assert {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 1} == config["ResourceLimits"]
    assert {"CompleteOnConvergence": "Enabled"} == config["TuningJobCompletionCriteria"]["ConvergenceDetected"]
    assert (
        "range: learning_rate from 0.01 to 1, Logarithmic",
        "optimizer stays adam",
        "Strategy Bayesian",
        "MaxParallelTrainingJobs 1",
        "MaxNumberOfTrainingJobs 20",
        "TrainingJobEarlyStoppingType Auto",
        "CompleteOnConvergence Enabled",
    ) == automatic_choices(request)


def test_what_is_not_eligible_becomes_a_static_hyperparameter() -> None:
    """The container still gets it."""
    done = completed(automatic(lr="0.1", optimizer="adam", epochs="3"))

    assert {"optimizer": "adam", "epochs": "3"} == done["TrainingJobDefinition"]["StaticHyperParameters"]


def test_few_combinations_of_texts_are_all_tried() -> None:
    """Grid says itself how many there are, and has no use for convergence."""
    config = completed(automatic(categorical(a=["1", "2"], b=["x", "y", "z"])))["HyperParameterTuningJobConfig"]

    assert "Grid" == config["Strategy"]
    assert {"MaxParallelTrainingJobs": 1} == config["ResourceLimits"]
    assert "TuningJobCompletionCriteria" not in config


def test_more_trials_than_a_model_takes_are_drawn_at_random() -> None:
    """Bayesian search has at most 750."""
    config = completed(automatic(lr="0.1", limits={"MaxNumberOfTrainingJobs": 800, "MaxParallelTrainingJobs": 4}))

    assert "Random" == config["HyperParameterTuningJobConfig"]["Strategy"]


def test_what_the_request_gives_is_kept() -> None:
    """Autotune fills gaps only."""
    request = automatic(lr="0.1")
    given_here = {
        "Strategy": "Random",
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
        "TrainingJobEarlyStoppingType": "Off",
        "TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}},
    }
    request["HyperParameterTuningJobConfig"].update(given_here)
    config = completed(request)["HyperParameterTuningJobConfig"]

    assert given_here == {name: config[name] for name in given_here}


def test_no_more_are_tuned_than_may_be() -> None:
    """The others keep their values."""
    done = completed(automatic(**{f"size{number}": "8" for number in range(40)}))

    assert 30 == len(done["HyperParameterTuningJobConfig"]["ParameterRanges"]["IntegerParameterRanges"])
    assert 10 == len(done["TrainingJobDefinition"]["StaticHyperParameters"])


def test_nothing_is_chosen_without_autotune_and_examples_are_then_refused() -> None:
    """AutoParameters alone would be searched nowhere."""
    request = tuning_request()
    request["HyperParameterTuningJobConfig"]["ParameterRanges"]["AutoParameters"] = [{"Name": "x", "ValueHint": "1"}]
    done = complete(CREATE_TUNING_JOB, request, DEFAULTS)
    (violation,) = validate(CREATE_TUNING_JOB, done)

    assert "AutoParameters are for jobs with Autotune: {Mode: Enabled}" == violation.message
    assert () == automatic_choices(request)


def test_completing_twice_changes_nothing_more() -> None:
    """A stored request that is read again is the same job."""
    done = completed(automatic(lr="0.1", optimizer="adam"))

    assert done == completed(copy.deepcopy(done))


def test_each_definition_has_ranges_of_its_own() -> None:
    """Early stopping is then off, which is for one definition."""
    request = automatic(limits={"MaxParallelTrainingJobs": 2})
    definition = request.pop("TrainingJobDefinition")
    config = request["HyperParameterTuningJobConfig"]
    objective = config.pop("HyperParameterTuningJobObjective")
    del config["ParameterRanges"]
    request["TrainingJobDefinitions"] = [
        {
            **definition,
            "DefinitionName": name,
            "TuningObjective": objective,
            "HyperParameterRanges": {"AutoParameters": [{"Name": "lr", "ValueHint": hint}]},
        }
        for name, hint in (("a", "0.1"), ("b", "0.001"))
    ]
    done = completed(request)
    lowest = [
        one["HyperParameterRanges"]["ContinuousParameterRanges"][0]["MinValue"]
        for one in done["TrainingJobDefinitions"]
    ]

    assert ["0.01", "0.0001"] == lowest
    assert "Off" == done["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"]
    assert 40 == done["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    assert "range of b: lr from 0.0001 to 0.01, Logarithmic" in automatic_choices(request)


@given(json_documents, json_documents)
def test_a_request_of_another_form_is_left_to_validation(config: object, definition: object) -> None:
    """Whatever stands there."""
    request = {"Autotune": {"Mode": "Enabled"}, "HyperParameterTuningJobConfig": config}
    complete(CREATE_TUNING_JOB, {**request, "TrainingJobDefinition": definition}, DEFAULTS)
    complete(CREATE_TUNING_JOB, {**request, "TrainingJobDefinitions": [definition]}, DEFAULTS)
