"""Search files on the command line: `tune`, `validate`, `show`, `best`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from contracts.jobs import TuningJobSpec
from contracts.search_extension import SearchExtension
from tuner.cli.check_case import middle_trial
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.store.sqlite_store import Store

IMAGE = "algorithm:1"
ACCURACY, LATENCY = "accuracy", "latency"


def learn(run: FakeContainer) -> int:
    """The wider, the more accurate and the slower; prints which hyperparameters it was given."""
    given = run.hyperparameters
    width = float(given["width"])
    run.print(f"given {sorted(name for name in given if not name.startswith('_'))}")
    run.print(f"accuracy={width / 100} latency={2 * width}")
    run.write_model()
    return 0


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with that one image."""
    return FakeEngine({IMAGE: learn}, auto_advance=True)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job file for six trials of a width and an optimizer with momentum."""
    request = {
        "HyperParameterTuningJobName": "net",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "RandomSeed": 3,
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": ACCURACY},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "momentum", "MinValue": "0", "MaxValue": "1"}],
                "IntegerParameterRanges": [{"Name": "width", "MinValue": "1", "MaxValue": "90"}],
                "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["adam", "sgd"]}],
            },
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "MetricDefinitions": [
                    {"Name": ACCURACY, "Regex": r"accuracy=([0-9\.]+)"},
                    {"Name": LATENCY, "Regex": r"latency=([0-9\.]+)"},
                ],
            },
        },
    }
    path = tmp_path / "job.json"
    path.write_text(json.dumps(request))
    return path


Write = Callable[..., Path]


@pytest.fixture
def write(job: Path) -> Write:
    """Writes the search file of the job, or one of another name."""

    def write_search(name: str = "job.search.json", **members: Any) -> Path:
        path = job.with_name(name)
        path.write_text(json.dumps(members))
        return path

    return write_search


def test_a_search_file_beside_the_job_file_leads_the_search(run: Run, job: Path, write: Write, store: Store) -> None:
    """First configurations come first; what depends on another value is not handed over where it is not there."""
    write(
        FirstConfigurations=[{"width": "10", "optimizer": "adam"}, {"width": "20", "optimizer": "sgd"}],
        Conditions=[{"Name": "momentum", "DependsOn": "optimizer", "Values": ["sgd"]}],
        Constraints=["width <= 30"],
    )
    outcome = run("tune", job)

    assert (0, "") == (outcome.code, outcome.err)
    assert "Its search is as" in outcome.out
    trials = store.trials("net")
    assert [{"width": "10", "optimizer": "adam"}, {"width": "20", "optimizer": "sgd", "momentum": "0.5"}] == [
        dict(trial.tuned) for trial in trials[:2]
    ]
    assert "momentum" not in trials[0].spec.hyperparameters
    assert all(int(trial.tuned["width"]) <= 30 for trial in trials)
    assert all(("momentum" in trial.tuned) == (trial.tuned["optimizer"] == "sgd") for trial in trials)


def test_the_same_search_goes_on_and_another_one_is_refused(run: Run, job: Path, write: Write) -> None:
    """Under the same name there is one job, with one request and one search file."""
    write(Constraints=["width <= 30"])
    run("tune", job, sleep=_interrupt)
    again = run("validate", job)
    write(Constraints=["width <= 40"])
    refused = run("tune", job)

    assert "is a valid search file for it" in again.out
    assert 0 != refused.code
    assert "already exists" in refused.err


def _interrupt(seconds: float) -> None:
    raise KeyboardInterrupt


def test_a_search_file_may_be_named(run: Run, job: Path, write: Write, store: Store) -> None:
    """It is then not looked for beside the job file."""
    write(Constraints=["width <"])
    other = write("other.json", Constraints=["width == 7"])
    outcome = run("tune", job, "--search", other, "--name", "named")

    assert 0 == outcome.code
    assert {"7"} == {trial.tuned["width"] for trial in store.trials("named")}


def test_a_search_in_which_there_is_nothing_is_refused_before_anything_starts(
    run: Run, job: Path, write: Write, store: Store
) -> None:
    """By `tune` and by `validate`, with the line."""
    write(Constraints=["width > 20", "width * 2 > 500"])

    for command in ("validate", "tune"):
        outcome = run(command, job)
        assert 0 != outcome.code
        assert "job.search.json:1: Constraints[1]: 'width * 2 > 500' is kept by hardly any" in outcome.err
    assert [] == store.tuning_jobs()


def test_the_best_trial_keeps_the_bounds_of_other_metrics(run: Run, job: Path, write: Write) -> None:
    """The table marks those that do not; the target counts only where they are kept."""
    write(
        FirstConfigurations=[{"width": "80"}, {"width": "30"}, {"width": "20"}],
        MetricConstraints=[{"MetricName": LATENCY, "Maximum": 64}],
        Constraints=["width > 19"],
    )
    run("tune", job)
    best = run("best", "net", "--json").document
    shown = run("show", "net").out

    assert best["value"] <= 0.32
    assert best["keeps_metric_constraints"] is True
    document = run("show", "net", "--json").document
    kept = [trial["keeps_metric_constraints"] for trial in document["trials"]]
    assert sorted(kept, reverse=True) == kept
    assert False in kept
    assert "latency at most 64" in shown
    assert "! breaks a metric's bounds" in shown


def test_why_says_how_likely_a_trial_was_to_keep_the_bounds(run: Run, job: Path, write: Write) -> None:
    """A column of the table, a sentence of one trial, a number for programs."""
    job.write_text(job.read_text().replace('"Random"', '"Bayesian"'))
    write(
        FirstConfigurations=[{"width": "80"}, {"width": "30"}, {"width": "20"}],
        MetricConstraints=[{"MetricName": LATENCY, "Maximum": 64}],
    )
    run("tune", job)
    last = run("show", "net", "--why", "--json").document["trials"][-1]

    assert "keeps" in run("show", "net", "--why").out
    assert "all bounds of other metrics with a chance of" in run("show", last["training_job"], "--why").out
    assert "model" == last["origin"]
    assert 0.0 <= last["chance_of_keeping"] <= 1.0


def test_why_says_that_a_trial_was_looked_for_that_keeps_the_bounds(run: Run, job: Path, write: Write) -> None:
    """While none has: there is no best that a trial could gain on."""
    job.write_text(job.read_text().replace('"Random"', '"Bayesian"'))
    write(MetricConstraints=[{"MetricName": LATENCY, "Maximum": 0.5}])
    run("tune", job)
    last = run("show", "net", "--why", "--json").document["trials"][-1]

    assert last["expectation"]["improvement"] is None
    assert "one was looked for that does" in run("show", last["training_job"], "--why").out


def test_where_no_trial_keeps_the_bounds_the_closest_is_best_and_it_is_said(run: Run, job: Path, write: Write) -> None:
    """With its value."""
    write(MetricConstraints=[{"MetricName": LATENCY, "Maximum": 0.5}])
    run("tune", job)
    outcome = run("best", "net")

    smallest = min(trial["value"] for trial in run("show", "net", "--json").document["trials"])
    assert f"accuracy {smallest:g}" in outcome.out
    assert "It does not keep latency at most 0.5" in outcome.out


def test_two_objectives_have_a_front(run: Run, job: Path, write: Write) -> None:
    """Here nobody beats anybody: all are in it, from the most accurate to the fastest."""
    write(SecondObjective={"Type": "Minimize", "MetricName": LATENCY})
    run("tune", job)
    document = run("show", "net", "--json").document

    assert [trial["training_job"] for trial in document["trials"]] == document["pareto_front"]
    assert all(trial["second_value"] == pytest.approx(trial["value"] * 200) for trial in document["trials"])
    shown = run("show", "net").out
    assert "Pareto front of accuracy and latency" in shown
    assert "minimize latency" in shown


def test_what_a_search_file_says_is_shown(run: Run, job: Path, write: Write) -> None:
    """In words, and as it is for programs."""
    members = {
        "PriorBelief": {"width": {"Around": "20", "Spread": 0.1}, "optimizer": {"Weights": {"sgd": 2}}},
        "Conditions": [{"Name": "momentum", "DependsOn": "optimizer", "Values": ["sgd"]}],
        "Constraints": ["width < 80"],
        "FirstConfigurations": [{"width": "3"}],
    }
    write(**members)
    run("tune", job)
    shown = run("show", "net").out

    for text in (
        "width around 20 (spread 0.1); optimizer sgd 2",
        "momentum is there where optimizer is sgd",
        "width < 80",
        "with 1 configuration that was given",
    ):
        assert text in shown
    assert members == run("show", "net", "--json").document["search"]


def test_a_search_file_is_for_tuning_jobs(run: Run, training_file: Path, write: Write) -> None:
    """Named for another kind of job it is refused."""
    outcome = run("validate", training_file, "--search", write(Constraints=["a < 1"]))

    assert 2 == outcome.code
    assert "--search is for tuning jobs" in outcome.err


def test_a_check_runs_a_trial_that_the_search_file_allows(job: Path) -> None:
    """The first that is given, or else one that keeps the constraints and has what is there."""
    spec = TuningJobSpec.from_request(json.loads(job.read_text()))
    (definition,) = spec.definitions
    bounded = {"Constraints": ["width < 10"]}
    first = {"FirstConfigurations": [{"width": "7", "optimizer": "sgd"}]}

    constrained = middle_trial(definition, SearchExtension.from_extension(bounded)).hyperparameters
    given = middle_trial(definition, SearchExtension.from_extension({**bounded, **first})).hyperparameters
    assert int(constrained["width"]) < 10 < int(middle_trial(definition).hyperparameters["width"])
    assert {"width": "7", "optimizer": "sgd", "momentum": "0.5"} == dict(given)
