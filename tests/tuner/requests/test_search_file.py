"""Search files: found, read, and held against the request that they stand beside."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from domain_strategies import json_documents
from hypothesis import given
from hypothesis import strategies as st

from tuner.errors import JobFileError, NotSupported, ValidationError, ViolationKind
from tuner.requests.search_file import LoadedSearch, load_search, search_file_beside

REQUEST: dict[str, Any] = {
    "HyperParameterTuningJobName": "job",
    "HyperParameterTuningJobConfig": {
        "Strategy": "Random",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "accuracy"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
        "ParameterRanges": {
            "ContinuousParameterRanges": [{"Name": "momentum", "MinValue": "0", "MaxValue": "1"}],
            "IntegerParameterRanges": [{"Name": "layers", "MinValue": "1", "MaxValue": "8"}],
            "CategoricalParameterRanges": [
                {"Name": "optimizer", "Values": ["adam", "sgd"]},
                {"Name": "batch", "Values": ["16", "64"]},
            ],
        },
    },
    "TrainingJobDefinition": {
        "AlgorithmSpecification": {
            "TrainingImage": "mine",
            "MetricDefinitions": [
                {"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"},
                {"Name": "latency", "Regex": "latency=([0-9.]+)"},
                {"Name": "size", "Regex": "size=([0-9.]+)"},
            ],
        },
    },
}
GOOD = """\
FirstConfigurations:
  - {momentum: "0.9", optimizer: sgd, layers: "2"}
Conditions:
  - {Name: momentum, DependsOn: optimizer, Values: [sgd]}
Constraints:
  - batch * layers <= 256
  - optimizer != 'adam' or batch > 16
MetricConstraints:
  - {MetricName: latency, Maximum: 20}
SecondObjective: {Type: Minimize, MetricName: size}
PriorBelief:
  momentum: {Around: "0.9", Spread: 0.1}
  optimizer: {Weights: {adam: 3}}
"""

Load = Callable[[str], LoadedSearch]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a text as search file and load it."""

    def write_and_load(text: str) -> LoadedSearch:
        path = tmp_path / "job.search.yaml"
        path.write_text(textwrap.dedent(text))
        return load_search(path)

    return write_and_load


def with_config(**members: Any) -> dict[str, Any]:
    """The request with other members of its configuration."""
    return {**REQUEST, "HyperParameterTuningJobConfig": {**REQUEST["HyperParameterTuningJobConfig"], **members}}


def test_a_search_file_with_every_member_is_taken(load: Load) -> None:
    """Beside a request whose ranges and metrics it names."""
    search = load(GOOD)
    search.check(REQUEST)

    assert 6 == len(search.extension)


def test_a_search_file_is_found_by_its_name(tmp_path: Path) -> None:
    """Beside the job file, as YAML or JSON; two are one too many."""
    job = tmp_path / "tuning-job.yaml"
    assert search_file_beside(job) is None

    (tmp_path / "tuning-job.search.yaml").touch()
    assert tmp_path / "tuning-job.search.yaml" == search_file_beside(job)
    (tmp_path / "tuning-job.search.json").touch()
    with pytest.raises(JobFileError, match="--search"):
        search_file_beside(job)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("Constraint: []", 1, "did you mean Constraints?"),
        ("Constraints: a < b", 1, "this is a list"),
        ("Constraints: []", 1, "greater than or equal to 1"),
        ("Constraints:\n  - 3", 2, "quote it"),
        ("Constraints:\n  - layers <", 2, "cannot be read"),
        ("Constraints:\n  - layers < width", 2, "'width' is none of the hyperparameters that have a range"),
        ("Constraints:\n  - optimizer < 3", 2, "reckons with optimizer"),
        ("Constraints:\n  - optimizer == 'sdg'", 2, "'sdg' is none of the values of optimizer: adam, sgd"),
        ("Constraints:\n  - batch == '16'", 2, "leave out the quotes"),
        ("Constraints:\n  - 1 < 2", 2, "about no hyperparameter"),
        ("FirstConfigurations:\n  - {layers: 3}", 2, 'quote it: "3"'),
        ("FirstConfigurations:\n  - {layers: '9'}", 2, "9 lies outside the range of layers, 1 to 8"),
        ("FirstConfigurations:\n  - {layers: '2.5'}", 2, "no whole number"),
        ("FirstConfigurations:\n  - {momentum: nan}", 2, "'nan' is no number"),
        ("FirstConfigurations:\n  - {layer: '2'}", 2, "did you mean layers?"),
        ("FirstConfigurations:\n  - {layers: '2'}\n  - {layers: '2'}", 3, "there already"),
        ("FirstConfigurations: [" + ", ".join(f"{{layers: '{n}'}}" for n in range(1, 6)) + "]", 1, "more than Max"),
        ("Conditions:\n  - {Name: layers, DependsOn: optimizer}", 2, "must not be null"),
        ("Conditions:\n  - {Name: layers, DependsOn: optimizer, Values: [sdg]}", 2, "none of the values"),
        ("Conditions:\n  - {Name: layers, DependsOn: momentum, Values: ['1']}", 2, "continuous range"),
        ("Conditions:\n  - {Name: layers, DependsOn: layers, Values: ['1']}", 1, "circle"),
        ("Conditions:\n  - {Name: depth, DependsOn: optimizer, Values: [sgd]}", 2, "'depth' is none"),
        ("MetricConstraints:\n  - {MetricName: latency}", 2, "a Minimum or a Maximum is required"),
        ("MetricConstraints:\n  - {MetricName: latency, Minimum: 3, Maximum: 2}", 2, "greater than Maximum"),
        ("MetricConstraints:\n  - {MetricName: latenzy, Minimum: 3}", 2, "did you mean latency?"),
        ("MetricConstraints:\n  - {MetricName: latency, Minimum: .inf}", 2, "too great"),
        ("SecondObjective: {Type: minimize, MetricName: size}", 1, "did you mean Minimize?"),
        ("SecondObjective: {Type: Minimize, MetricName: accuracy}", 1, "own objective already"),
        ("PriorBelief:\n  layers: {Around: '3'}", 2, "give Around and Spread"),
        ("PriorBelief:\n  layers: {Around: '3', Spread: 0}", 2, "above 0"),
        ("PriorBelief:\n  layers: {Around: '30', Spread: 0.1}", 2, "outside the range"),
        ("PriorBelief:\n  optimizer: {Around: sgd, Spread: 0.1}", 2, "give Weights"),
        ("PriorBelief:\n  optimizer: {Weights: {sgd: -1}}", 2, "must be above 0"),
        ("PriorBelief:\n  optimizer: {Weights: {lion: 1}}", 2, "'lion' is none of the values"),
        ("EarlyStopping: {Type: Median}", 1, "[Forecast]"),
        ("Hyperband: {Suggestions: Grid}", 1, "[Random, Bayesian]"),
        ("Hyperband: {}", 1, "Suggestions"),
        ("EarlyStopping: {Type: Forecast, FalseStopRate: 0.5}", 1, "below 0.5"),
        ("EarlyStopping: {Type: Forecast, MinimumEpochs: 0}", 1, "greater than or equal to 1"),
        ("EarlyStopping: {Type: Forecast, Shadow: 'true'}", 1, "without quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(load: Load, text: str, line: int, problem: str) -> None:
    """One thing at a time; the text says what to do."""
    with pytest.raises(ValidationError) as caught:
        load(text).check(REQUEST)

    assert f"job.search.yaml:{line}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_value_that_nobody_would_get_is_refused(load: Load) -> None:
    """A hyperparameter that depends on another is given together with it."""
    lines = GOOD.replace("optimizer: sgd, ", "")

    with pytest.raises(ValidationError, match="momentum is there only where optimizer is sgd"):
        load(lines).check(REQUEST)


def test_two_conditions_of_one_hyperparameter_are_refused(load: Load) -> None:
    """One lists all values."""
    entry = "  - {Name: momentum, DependsOn: optimizer, Values: [sgd]}\n"

    with pytest.raises(ValidationError, match="another condition"):
        load(f"Conditions:\n{entry}{entry}").check(REQUEST)


@pytest.mark.parametrize(
    "member", ["FirstConfigurations: [{optimizer: sgd}]", "PriorBelief: {batch: {Weights: {'16': 2}}}"]
)
def test_a_grid_takes_no_member_that_would_have_no_effect(load: Load, member: str) -> None:
    """It goes through all combinations in one order."""
    ranges = {"CategoricalParameterRanges": REQUEST["HyperParameterTuningJobConfig"]["ParameterRanges"][
        "CategoricalParameterRanges"
    ]}  # fmt: skip
    grid = with_config(Strategy="Grid", ParameterRanges=ranges, ResourceLimits={"MaxParallelTrainingJobs": 1})

    with pytest.raises(ValidationError, match="for the others"):
        load(member).check(grid)


def test_convergence_and_a_second_objective_do_not_go_together(load: Load) -> None:
    """There is no one best value that could get no better."""
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}

    with pytest.raises(ValidationError, match="CompleteOnConvergence"):
        load(GOOD).check(with_config(TuningJobCompletionCriteria=criteria))


@pytest.mark.parametrize(
    ("config", "more", "problem"),
    [
        ({"Strategy": "Hyperband", "StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 9}}}, "", "Hyperband"),
        ({"TrainingJobEarlyStoppingType": "Auto"}, "", "Auto stops trials already"),
        ({}, "SecondObjective: {Type: Minimize, MetricName: size}", "good in the other"),
    ],
)
def test_only_one_rule_stops_trials(load: Load, config: dict[str, Any], more: str, problem: str) -> None:
    """Unless it only reports what it would have stopped."""
    search = load(f"EarlyStopping: {{Type: Forecast}}\n{more}")
    shadow = load(f"EarlyStopping: {{Type: Forecast, Shadow: true}}\n{more}")

    assert [] == shadow.validate(with_config(**config))
    with pytest.raises(ValidationError, match=problem):
        search.check(with_config(**config))


def test_how_hyperband_chooses_is_said_for_hyperband_alone(load: Load) -> None:
    """Beside another strategy it would have no effect."""
    search = load("Hyperband: {Suggestions: Bayesian}")
    band = {"Strategy": "Hyperband", "StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 9}}}

    assert [] == search.validate(with_config(**band))
    with pytest.raises(ValidationError, match="the request's Strategy is Bayesian"):
        search.check(with_config(Strategy="Bayesian"))


def test_several_definitions_are_refused_as_not_in_this_version(load: Load) -> None:
    """Each would have ranges of its own."""
    members = {
        **REQUEST["TrainingJobDefinition"],
        "TuningObjective": {"Type": "Maximize", "MetricName": "accuracy"},
        "HyperParameterRanges": REQUEST["HyperParameterTuningJobConfig"]["ParameterRanges"],
    }
    definitions = [{**members, "DefinitionName": name} for name in ("one", "two")]
    request = {**with_config(), "TrainingJobDefinitions": definitions}
    del request["TrainingJobDefinition"]

    with pytest.raises(NotSupported, match="several TrainingJobDefinitions"):
        load(GOOD).check(request)


@given(st.dictionaries(st.sampled_from(["Constraints", "Conditions", "PriorBelief", "Other"]), json_documents))
def test_any_document_is_taken_or_refused(document: dict[str, Any]) -> None:
    """Never with anything but the reasons."""
    violations = LoadedSearch(extension=document).validate(REQUEST)

    assert {violation.kind for violation in violations} <= {
        ViolationKind.PARAMETER,
        ViolationKind.CONSTRAINT,
        ViolationKind.RULE,
    }
