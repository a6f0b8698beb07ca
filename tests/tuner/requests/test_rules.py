"""What the service asks of a request beyond its model."""

from collections.abc import Callable
from typing import Any

import pytest
from domain_strategies import json_documents
from hypothesis import given
from hypothesis import strategies as st
from requests_for_tests import categorical, channel, training_request, tuning_request

from tuner.requests import CREATE_TRAINING_JOB, CREATE_TUNING_JOB
from tuner.requests.limits_of_this_version import check_supported
from tuner.requests.rules import check_rules, regex_problem

Config = dict[str, Any]
Change = Callable[[Config, Config], object]


def broken(change: Change) -> dict[str, str]:
    """What rules say after `change` of the config and the definition of a tuning job, by the last step of the path."""
    request = tuning_request()
    change(request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"])
    return {str(violation.path[-1]): violation.message for violation in check_rules(CREATE_TUNING_JOB, request)}


def limits(jobs: int | None = None, parallel: int = 1) -> Config:
    """ResourceLimits."""
    numbers = {"MaxParallelTrainingJobs": parallel}
    return numbers if jobs is None else {**numbers, "MaxNumberOfTrainingJobs": jobs}


def test_valid_requests_break_no_rule() -> None:
    """Neither of the two operations."""
    assert [] == check_rules(CREATE_TUNING_JOB, tuning_request())
    assert [] == check_rules(CREATE_TRAINING_JOB, training_request())


def test_an_objective_that_no_metric_has_is_refused_in_the_services_words() -> None:
    """The hint says which metrics there are."""
    request = tuning_request()
    request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = "acuracy"

    (violation,) = check_rules(CREATE_TUNING_JOB, request)

    assert violation.message == (
        "A metric is required for this hyperparameter tuning job objective. Provide a metric in the metric definitions."
    )
    assert violation.hint == "MetricName is 'acuracy', and the metrics that are defined: accuracy"


def test_too_few_combinations_are_refused_in_the_services_words() -> None:
    """Floating point and all."""
    found = broken(
        lambda config, _: config.update(ParameterRanges=categorical(a=["1", "2", "3"]), ResourceLimits=limits(10))
    )

    assert found == {
        "ParameterRanges": "You don't have enough combinations of hyperparameter ranges. The total number of"
        " hyperparameter combinations for the provided ranges [3.0] must be equal or greater than the value of"
        " MaxNumberOfJobs, [10]. Provide additional ranges."
    }


def test_as_many_jobs_as_there_are_combinations_are_taken() -> None:
    """Equal is enough."""
    assert {} == broken(
        lambda config, _: config.update(ParameterRanges=categorical(a=["1", "2"]), ResourceLimits=limits(2))
    )


def groups(*names: str, count: int = 1) -> dict[str, Any]:
    """A ResourceConfig with instance groups of those names."""
    return {
        "InstanceGroups": [
            {"InstanceGroupName": name, "InstanceType": "ml.m5.large", "InstanceCount": count} for name in names
        ]
    }


@pytest.mark.parametrize(
    ("change", "member", "words"),
    [
        (lambda c, d: c.pop("HyperParameterTuningJobObjective"), "HyperParameterTuningJobObjective", "is required"),
        (lambda c, d: c.update(ParameterRanges={}), "ParameterRanges", "there is no range"),
        (lambda c, d: c.pop("ParameterRanges"), "ParameterRanges", "there is no range"),
        (
            lambda c, d: c.update(ResourceLimits=limits(751), Strategy="Bayesian"),
            "MaxNumberOfTrainingJobs",
            "at most 750",
        ),
        (lambda c, d: c.update(ResourceLimits=limits(10_001)), "MaxNumberOfTrainingJobs", "at most 10000"),
        (lambda c, d: c.update(ResourceLimits=limits(4, 101)), "MaxParallelTrainingJobs", "at most 100"),
        (lambda c, d: c.update(ResourceLimits=limits()), "MaxNumberOfTrainingJobs", "is required"),
        (lambda c, d: d.update(StaticHyperParameters={"lr": "1"}), "Name", "'lr' is in StaticHyperParameters too"),
        (
            lambda c, d: c["ParameterRanges"].update(categorical(lr=["1"])),
            "Name",
            "there is another range for 'lr'",
        ),
        (
            lambda c, d: d.update(StaticHyperParameters={"_tuning_objective_metric": "x"}),
            "StaticHyperParameters",
            "is set by the tuning job itself",
        ),
        (
            lambda c, d: d.update(StaticHyperParameters={f"h{n}": "" for n in range(99)}),
            "ParameterRanges",
            "99 static and 1 tuned hyperparameters and _tuning_objective_metric are more than 100",
        ),
        (
            lambda c, d: c.update(ParameterRanges=categorical(**{f"h{n}": ["1", "2"] for n in range(31)})),
            "ParameterRanges",
            "at most 30 hyperparameters can be tuned, not 31",
        ),
        (lambda c, d: c.update(StrategyConfig={}), "StrategyConfig", "is for Strategy Hyperband, not Random"),
        (lambda c, d: c.update(Strategy="Hyperband"), "MaxResource", "epochs, numepochs, n-epochs"),
        (lambda c, d: d.pop("AlgorithmSpecification"), "AlgorithmSpecification", "is required"),
        (
            lambda c, d: d["AlgorithmSpecification"].pop("TrainingImage"),
            "AlgorithmSpecification",
            "either TrainingImage",
        ),
        (lambda c, d: d["AlgorithmSpecification"].update(TrainingImage=""), "TrainingImage", "is empty"),
        (lambda c, d: d["InputDataConfig"].append(channel("training")), "ChannelName", "another channel"),
        (lambda c, d: d["InputDataConfig"][0].update(DataSource={}), "DataSource", "exactly one data source"),
        (lambda c, d: d["InputDataConfig"][0].update(CompressionType="Gzip"), "CompressionType", "Pipe mode only"),
        (lambda c, d: d["ResourceConfig"].update(InstanceCount=0), "InstanceCount", "1 or more"),
        (lambda c, d: d["ResourceConfig"].update(InstanceGroups=[]), "ResourceConfig", "not both"),
        (lambda c, d: d.update(HyperParameterTuningResourceConfig={}), "ResourceConfig", "not both"),
        (lambda c, d: d.update(ResourceConfig=groups("a", "a")), "InstanceGroupName", "another instance group named"),
        (lambda c, d: d.update(ResourceConfig=groups("a", count=0)), "InstanceCount", "1 or more"),
        (
            lambda c, d: d.update(EnableManagedSpotTraining=True),
            "MaxWaitTimeInSeconds",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
        ),
        (lambda c, d: d.update(Environment={"A": "x\0"}), "A", "NUL"),
        (lambda c, d: d["AlgorithmSpecification"].update(ContainerArguments=["x\0"]), "0", "NUL"),
    ],
)
def test_a_broken_rule_is_told_where_it_is_broken(change: Change, member: str, words: str) -> None:
    """One violation, at the member that has to change."""
    found = broken(change)

    assert [member] == list(found)
    assert words in found[member]


BAND = {"HyperbandStrategyConfig": {"MinResource": 20_000, "MaxResource": 20_000}}


@pytest.mark.parametrize(
    "change",
    [
        lambda c, d: c.update(ResourceLimits=limits(10_000, 100)),
        lambda c, d: c.update(ResourceLimits=limits(750), Strategy="Bayesian"),
        lambda c, d: c.update(ParameterRanges=categorical(**{f"h{n}": ["1", "2"] for n in range(30)})),
        lambda c, d: d.update(StaticHyperParameters={f"h{n}": "" for n in range(98)}),
        lambda c, d: c.update(Strategy="Hyperband", StrategyConfig=BAND),
        lambda c, d: c.update(
            Strategy="Grid",
            ResourceLimits=limits(750),
            ParameterRanges=categorical(a=[str(n) for n in range(25)], b=[str(n) for n in range(30)]),
        ),
    ],
)
def test_what_just_fits_a_limit_is_taken(change: Change) -> None:
    """Every limit is inclusive."""
    assert {} == broken(change)


@pytest.mark.parametrize(("number", "refused"), [(48, False), (49, True)])
def test_the_environments_of_all_definitions_together_are_limited(number: int, refused: bool) -> None:
    """Each alone would fit."""
    environment = {f"V{n}": "" for n in range(number - 20)}
    definitions = [{"Environment": environment}, {"Environment": {f"W{n}": "" for n in range(20)}}]
    request = {**tuning_request(), "TrainingJobDefinitions": definitions}
    del request["TrainingJobDefinition"]

    messages = [violation.message for violation in check_rules(CREATE_TUNING_JOB, request)]

    assert refused == (f"a tuning job has at most 48 environment variables, not {number}" in messages)


@pytest.mark.parametrize(
    ("kind", "entry", "words"),
    [
        ("Continuous", {"MinValue": "2", "MaxValue": "1"}, "x: MinValue 2.0 is greater than MaxValue 1.0"),
        ("Continuous", {"MinValue": "a", "MaxValue": "1"}, "x: MinValue 'a' is not a number"),
        ("Continuous", {"MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"}, "above 0"),
        ("Continuous", {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "MaxValue < 1"),
        ("Integer", {"MinValue": "0.5", "MaxValue": "1"}, "x: MinValue '0.5' is not an integer"),
        ("Integer", {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "continuous ranges only"),
        ("Categorical", {"Values": ["a", "b", "a"]}, "lists each value once"),
    ],
)
def test_a_range_that_contains_nothing_is_refused_at_its_place(kind: str, entry: Config, words: str) -> None:
    """The bound that is wrong is named."""
    ranges = {f"{kind}ParameterRanges": [{"Name": "x", **entry}]}
    found = broken(lambda config, _: config.update(ParameterRanges=ranges))

    assert words in found["0"]


@pytest.mark.parametrize(
    ("jobs", "values", "member", "words"),
    [
        (5, 2, "MaxNumberOfTrainingJobs", "must be 4 or left out, not 5"),
        (3, 2, "MaxNumberOfTrainingJobs", "must be 4 or left out, not 3"),
        (None, 28, "ParameterRanges", "at most 750 combinations, not 784"),
    ],
)
def test_grid_tries_each_combination_once(jobs: int | None, values: int, member: str, words: str) -> None:
    """The number of jobs follows from the ranges."""
    texts = [str(value) for value in range(values)]
    changes = {"Strategy": "Grid", "ParameterRanges": categorical(a=texts, b=texts), "ResourceLimits": limits(jobs)}

    assert words in broken(lambda config, _: config.update(changes))[member]


@pytest.mark.parametrize("jobs", [4, None])
def test_grid_takes_the_number_of_combinations_or_none(jobs: int | None) -> None:
    """Both are right."""
    changes = {"Strategy": "Grid", "ParameterRanges": categorical(a=["1", "2"], b=["1", "2"])}

    assert {} == broken(lambda config, _: config.update(changes, ResourceLimits=limits(jobs)))


def test_grid_takes_categorical_ranges_only() -> None:
    """The place is the range."""
    assert {"0": "lr: Grid takes categorical ranges only"} == broken(lambda config, _: config.update(Strategy="Grid"))


def test_hyperband_takes_its_resource_from_a_static_hyperparameter() -> None:
    """Or from its config; early stopping must be off, the bounds the right way round."""
    band = {"HyperbandStrategyConfig": {"MinResource": 5, "MaxResource": 2}}

    assert {} == broken(lambda c, d: (c.update(Strategy="Hyperband"), d.update(StaticHyperParameters={"epochs": "9"})))
    assert {"MinResource", "TrainingJobEarlyStoppingType"} == set(
        broken(lambda c, d: c.update(Strategy="Hyperband", StrategyConfig=band, TrainingJobEarlyStoppingType="Auto"))
    )


def test_metric_names_differ() -> None:
    """Two of one name could not be told apart."""
    found = broken(lambda _, definition: definition["AlgorithmSpecification"]["MetricDefinitions"].append(
        {"Name": "accuracy", "Regex": "(x)"}
    ))  # fmt: skip

    assert {"Name": "there is another metric named 'accuracy'"} == found


@pytest.mark.parametrize(
    "pattern", [r"acc=([0-9\.]+)", r"(?i)loss: (\S+)", r"a(b)(c)", r"(?P<v>\d+)", r"[[:digit:]]()"]
)
def test_a_pattern_with_a_group_finds_a_metric(pattern: str) -> None:
    """Python's dialect."""
    assert regex_problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"acc=[0-9]+", "has no group to capture the value"),
        (r"acc=(?:[0-9]+)", "has no group to capture the value"),
        (r"acc=([0-9]+", "does not compile: missing )"),
        (r"acc=[0-9+", "does not compile: unterminated character set"),
        (r"*", "does not compile"),
    ],
)
def test_a_pattern_that_cannot_find_a_number_is_refused_by_name(pattern: str, words: str) -> None:
    """No trial has to run to find that out."""
    found = broken(lambda _, d: d["AlgorithmSpecification"]["MetricDefinitions"][0].update(Regex=pattern))

    assert "the regular expression of metric 'accuracy' " + words in found["Regex"]


@given(st.text(max_size=30) | st.from_regex(r"[a(\[\]){}?*+|\\^$.0-9,<>=!:P-]{0,20}", fullmatch=True))
def test_any_text_is_a_pattern_or_a_clear_problem(pattern: str) -> None:
    """Nothing else comes out of the compiler."""
    problem = regex_problem(pattern)

    assert problem is None or pattern in problem


@given(
    st.sampled_from([CREATE_TRAINING_JOB, CREATE_TUNING_JOB]),
    st.lists(st.sampled_from(["HyperParameterTuningJobConfig", "TrainingJobDefinition", "ParameterRanges",
                              "ContinuousParameterRanges", "AlgorithmSpecification", "MetricDefinitions",
                              "InputDataConfig", "DataSource", "ResourceConfig", 0]), max_size=5),
    json_documents,
)  # fmt: skip
def test_rules_never_stumble_over_a_request_that_is_wrong(operation: str, path: list[Any], document: Any) -> None:
    """Any document at any place: the model complains, rules look past it."""
    request = tuning_request() if operation == CREATE_TUNING_JOB else training_request()
    place: Any = request
    for step in path:
        if isinstance(place, dict) and isinstance(step, str):
            place = place.setdefault(step, {})
        elif isinstance(place, list) and step == 0 and place:
            place = place[0]
    if isinstance(place, dict):
        place.update(dict.fromkeys(list(place)[:2], document))

    assert isinstance(check_rules(operation, request) + check_supported(operation, request), list)
