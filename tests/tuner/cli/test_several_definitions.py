"""Commands over a tuning job with several definitions, and over one that Autotune completes."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run
from several_definitions import definition, several_request, texts

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer

Write = Callable[[dict[str, Any]], Path]


def learn(run: FakeContainer) -> int:
    """Prints a value that follows the number of layers."""
    run.print(f"validation: accuracy={0.1 * len(run.hyperparameters['layers'])}")
    run.write_model()
    return 0


def fit(run: FakeContainer) -> int:
    """Prints a value that follows the depth."""
    run.print(f"validation: accuracy={0.3 * int(run.hyperparameters['depth'])}")
    return 0


JOB = several_request(
    definition("net", image="nets:1", ranges=texts(layers=["a", "ab"])),
    definition("tree", image="trees:1", ranges=texts(depth=["1", "2", "3"]), StaticHyperParameters={"rounds": "9"}),
    jobs=None,
    strategy="Grid",
)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine with both images."""
    return FakeEngine({"nets:1": learn, "trees:1": fit}, auto_advance=True)


@pytest.fixture
def done(run: Run, write_job: Write) -> Path:
    """A job with two definitions, tuned to its end."""
    path = write_job(JOB)
    assert 0 == run("tune", path).code
    return path


def test_the_lines_of_tune_say_which_definition_a_trial_is_of(run: Run, write_job: Write) -> None:
    """At its start, in the table at the end, and of the best."""
    out = run("tune", write_job(JOB)).out

    assert "Started tune: 5 trials." in out
    assert "trial 1 of net started: layers a" in out
    assert "trial 2 of tree started: depth 1" in out
    assert "of tree (tune-00" in out
    assert "validation:accuracy 0.9" in out


def test_show_tells_how_far_each_definition_has_come(run: Run, done: Path) -> None:
    """Its trials, its best value, its image, and what is fixed of it."""
    lines = run("show", "tune").out.splitlines()
    (net,) = [line for line in lines if "nets:1" in line]
    (tree,) = [line for line in lines if "trees:1" in line]

    assert ["net", "2", "validation:accuracy", "0.2", "nets:1"] == net.split()[:5]
    assert ["tree", "3", "validation:accuracy", "0.9", "trees:1", "rounds", "9"] == tree.split()


def test_json_has_the_definition_of_every_trial(run: Run, done: Path) -> None:
    """And the definitions themselves."""
    document = run("show", "tune", "--json").document
    best = run("best", "tune", "--json").document
    trial = run("show", best["training_job"], "--json").document

    assert ["net", "tree"] == [one["name"] for one in document["definitions"]]
    assert {"net": 2, "tree": 3} == {
        name: sum(one["definition"] == name for one in document["trials"]) for name in ("net", "tree")
    }
    assert ("tree", "tree", "trees:1") == (best["definition"], trial["definition"], trial["image"])


def test_metrics_of_different_names_are_shown_with_their_trials(run: Run, write_job: Write, engine: FakeEngine) -> None:
    """The job as a whole has none for machines, and both for people."""
    request = copy.deepcopy(JOB)
    second = request["TrainingJobDefinitions"][1]
    second["TuningObjective"]["MetricName"] = "f1"
    second["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "f1", "Regex": r"accuracy=([0-9.]+)"}]
    out = run("tune", write_job(request)).out
    document = run("show", "tune", "--json").document

    assert "trial 2 Completed: f1 0.3" in out
    assert "maximize validation:accuracy or f1" in run("show", "tune").out
    assert {"type": "Maximize", "metric": None} == document["objective"]
    assert ["validation:accuracy", "f1"] == [one["metric"] for one in document["definitions"]]
    assert "f1 0.9" in run("list").out


def test_list_and_show_of_a_trial_name_its_definition(run: Run, done: Path) -> None:
    """For people too."""
    assert "validation:accuracy 0.9" in run("list").out
    assert "definition tree" in run("show", run("best", "tune", "--json").document["training_job"]).out


def test_the_csv_has_all_hyperparameters_and_the_definition(run: Run, done: Path, home: Path) -> None:
    """A hyperparameter that a trial does not have is empty."""
    header, first, *_ = (home / "tuning" / "tune" / "trials.csv").read_text().splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))

    assert ("a", "", "net") == (row["layers"], row["depth"], row["training_job_definition"])


def test_the_page_has_a_figure_for_each_range_of_each_definition(run: Run, done: Path, home: Path) -> None:
    """With the definition in its title."""
    page = (home / "tuning" / "tune" / "report.html").read_text()

    assert "net: layers" in page
    assert "tree: depth" in page
    assert "figure-hyperparameter-2" in page
    assert "nets:1, trees:1" in page


def test_a_check_of_a_job_with_several_definitions_needs_the_image_of_one(run: Run, write_job: Write) -> None:
    """A check is of one image."""
    outcome = run("check", "--job", write_job(JOB))

    assert 2 == outcome.code
    assert "name the IMAGE of one of them (nets:1, trees:1)" in outcome.err


def automatic() -> dict[str, Any]:
    """A job that leaves its ranges and settings to Autotune."""
    one = copy.deepcopy(JOB["TrainingJobDefinitions"][1])
    objective = one.pop("TuningObjective")
    for member in ("DefinitionName", "HyperParameterRanges"):
        del one[member]
    return {
        "HyperParameterTuningJobName": "auto",
        "Autotune": {"Mode": "Enabled"},
        "HyperParameterTuningJobConfig": {
            "HyperParameterTuningJobObjective": objective,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2},
            "RandomSeed": 7,
            "ParameterRanges": {"AutoParameters": [{"Name": "depth", "ValueHint": "4"}]},
        },
        "TrainingJobDefinition": one,
    }


def test_what_autotune_chooses_is_said_by_validate_and_tune(run: Run, write_job: Write) -> None:
    """In the same words; the stored job has ordinary ranges."""
    path = write_job(automatic())
    said = [line for line in run("validate", path).out.splitlines() if line.startswith("Autotune: ")]
    out = run("tune", path).out

    assert "Autotune: range: depth from 1 to 16, Logarithmic" in said
    assert "Autotune: Strategy Bayesian" in said
    assert set(said) <= set(out.splitlines())
    assert 2 == len(run("show", "auto", "--json").document["trials"])


def test_an_automatic_job_goes_on_where_it_is(run: Run, write_job: Write) -> None:
    """The same file is the same job: what is chosen is the same each time."""
    path = write_job(automatic())
    assert 0 == run("tune", path).code
    outcome = run("tune", path)

    assert 2 == outcome.code
    assert "already exists" in outcome.err


def test_a_broken_definition_is_told_with_its_line(run: Run, write_job: Write) -> None:
    """The second one's, not the first's."""
    request = copy.deepcopy(JOB)
    request["TrainingJobDefinitions"][1]["TuningObjective"]["MetricName"] = "loss"
    path = write_job(request)
    line = next(n for n, text in enumerate(json.dumps(request, indent=1).splitlines(), 1) if '"loss"' in text)

    assert f"{path}:{line}: TrainingJobDefinitions[1].TuningObjective.MetricName" in run("validate", path).err
