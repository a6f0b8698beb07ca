"""`algodock show --why`: why trials were suggested."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Outcome, Run

from tuner.store.sqlite_store import Store

Tuned = Callable[..., Run]


@pytest.fixture
def tuned(run: Run, tuning_file: Path) -> Tuned:
    """Tunes with a strategy, and gives what runs further commands."""

    def tune(strategy: str, *, jobs: int = 6, ranges: dict[str, Any] | None = None) -> Run:
        request = json.loads(tuning_file.read_text())
        config = request["HyperParameterTuningJobConfig"]
        config["Strategy"] = strategy
        config["ResourceLimits"]["MaxNumberOfTrainingJobs"] = jobs
        if ranges is not None:
            config["ParameterRanges"] = ranges
        tuning_file.write_text(json.dumps(request))
        assert 0 == run("tune", tuning_file).code
        return run

    return tune


def trial_name(run: Run, index: int) -> str:
    """The name of one trial of the job."""
    names = {trial["trial"]: trial["training_job"] for trial in run("show", "digits", "--json").document["trials"]}
    return str(names[index])


def rows(outcome: Outcome) -> dict[str, list[str]]:
    """The rows of the first table, split at spaces, by trial."""
    found: dict[str, list[str]] = {}
    for words in (line.split() for line in outcome.out.splitlines()):
        if words and words[0].isdigit():
            found.setdefault(words[0], words)  # what follows the table says things like "1 of 2 values"
    return found


def test_why_tells_what_was_known_and_expected_of_each_trial(tuned: Tuned) -> None:
    """A row a trial: the first ones started the search, the others were chosen by the model."""
    outcome = tuned("Bayesian")("show", "digits", "--why")

    assert 0 == outcome.code
    assert "digits, a tuning job: why its 6 trials were suggested" in outcome.out
    assert ["1", "start", "0"] == rows(outcome)["1"][:3]
    assert {"model"} == {row[1] for trial, row in rows(outcome).items() if int(trial) > 4}
    assert "values lay in the interval; 90 % of them are to." in outcome.out


def test_why_as_json_has_the_full_numbers(tuned: Tuned) -> None:
    """The prediction, its interval, the improvement, the shares, and how good the predictions were."""
    document = tuned("Bayesian")("show", "digits", "--why", "--json").document
    last = document["trials"][-1]

    assert ("why", "digits", "Bayesian", 0.9) == tuple(
        document[key] for key in ("kind", "tuning_job", "strategy", "interval")
    )
    assert [1, 2, 3, 4, 5, 6] == [trial["trial"] for trial in document["trials"]]
    assert ("model", 6) == (last["origin"], last["trial"])
    assert last["expectation"]["low"] < last["expectation"]["mean"] < last["expectation"]["high"]
    assert 1.0 >= sum(influence["share"] for influence in last["influences"]) > 0.0
    assert document["foresight"]["trials"] >= 1


def test_why_of_one_trial_says_it_in_sentences(tuned: Tuned) -> None:
    """With the trials that it leaned on, and their hyperparameters."""
    run = tuned("Bayesian")
    outcome = run("show", trial_name(run, 6), "--why")

    assert "trial 6 of digits: why it was suggested" in outcome.out
    assert "model: where the greatest improvement was expected" in outcome.out
    assert "with a chance of 90 % between" in outcome.out
    assert "leaned on trial" in outcome.out


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ("Random", "Random draws every trial from the ranges"),
        ("Grid", "Grid takes the combinations in a fixed order"),
    ],
)
def test_a_strategy_that_looks_at_no_value_is_told_in_a_sentence(tuned: Tuned, strategy: str, sentence: str) -> None:
    """There is no table of what was expected: nothing was."""
    grid = {"CategoricalParameterRanges": [{"Name": "learning_rate", "Values": ["0.1", "0.2", "0.3"]}]}
    run = tuned(strategy, jobs=3, ranges=grid if strategy == "Grid" else None)
    outcome = run("show", "digits", "--why")

    assert sentence in outcome.out
    assert {} == rows(outcome)
    assert {strategy.lower()} == {
        trial["origin"] for trial in run("show", "digits", "--why", "--json").document["trials"]
    }


def test_what_is_not_suggested_anew_is_not_explained(tuned: Tuned, home: Path) -> None:
    """As if another version had suggested the last trial: it says so, and predicts nothing of it."""
    run = tuned("Bayesian")
    with sqlite3.connect(home / "algodock.db") as db:
        db.execute('UPDATE training_job SET tuned = \'{"learning_rate": "0.123"}\' WHERE trial_index = 6')
    db.close()
    last = run("show", "digits", "--why", "--json").document["trials"][-1]

    assert ("unknown", None, []) == (last["origin"], last["expectation"], last["influences"])
    assert "Trial 6: from what the trials before it had come to by then" in run("show", "digits", "--why").out


def test_a_job_that_nobody_suggested_has_no_why(run: Run, training_file: Path) -> None:
    """It is said, as bad input."""
    assert 0 == run("train", training_file).code
    outcome = run("show", "one", "--why")

    assert 2 == outcome.code
    assert "one is no trial of a tuning job" in outcome.err


def test_show_says_when_a_search_converged(tuned: Tuned, store: Store) -> None:
    """For people since when, for programs the time."""
    run = tuned("Random", jobs=3)
    start = store.tuning_job("digits").creation_time
    store.set_convergence_detected("digits", start + 65)
    store.close()

    assert "converged  after 1 min 05 s: a gain of more than 1 % has become unlikely" in run("show", "digits").out
    assert start + 65 == run("show", "digits", "--json").document["convergence_detected_time"]
