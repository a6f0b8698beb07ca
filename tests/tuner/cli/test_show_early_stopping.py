"""`algodock show --early-stopping`, and what `show` says of a forecast that a search file asks for."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run
from tuning_history import TuningHistory

from contracts.jobs import SecondaryStatus, StopReason
from tuner.cli.stopping import in_words, shadow_line
from tuner.search.stopping_report import WouldHave
from tuner.store.sqlite_store import Store


@pytest.fixture
def history(store: Store) -> TuningHistory:
    """A tuning job of ten trials, each worse than the one before."""
    found = TuningHistory(store, jobs=10)
    for index in range(1, 11):
        found.add([step / index**2 / 20 for step in range(1, 11)])
    return found


def asked(history: TuningHistory, **section: Any) -> str:
    """What `show` says of a job that asks for a forecast."""
    extension = {"EarlyStopping": {"Type": "Forecast", **section}}
    history.store.create_tuning_job(
        {**history.store.tuning_job("search").request, "HyperParameterTuningJobName": "other"},
        random_seed=1,
        now=history.now,
        extension=extension,
    )
    job = history.store.tuning_job("other")
    return shadow_line(history.store, job, history.store.trials("other"))


def test_the_report_is_a_table_of_rules(run: Run, history: TuningHistory) -> None:
    """How many each would have stopped, when, what it would have saved, and whether the best was lost."""
    outcome = run("show", "search", "--early-stopping")
    rows = [line.split() for line in outcome.out.splitlines()]

    assert 0 == outcome.code
    assert "search, a tuning job: what early stopping would have done to its 10 trials" in outcome.out
    assert ["median", "Hyperband", "forecast,"] == [row[0] for row in rows if "kept" in row]
    assert "of 100 (" in outcome.out


def test_the_report_for_programs_names_trials_by_index(run: Run, history: TuningHistory) -> None:
    """And tells at which epoch each would have been stopped."""
    document = run("show", "search", "--early-stopping", "--json").document
    (definition,) = document["definitions"]
    median = definition["rules"]["median rule"]

    assert ("early_stopping", "search", 0.05) == (document["kind"], document["tuning_job"], document["false_stop_rate"])
    assert (1, False, 1, 0.5) == tuple(median[key] for key in ("best", "loses_the_best", "best_left", "value_left"))
    assert "1" not in median["stopped"]
    assert median["saved"] == sum(10 - epoch for epoch in median["stopped"].values())


def test_trials_that_were_stopped_are_said_to_tell_less(run: Run, history: TuningHistory) -> None:
    """What they would have come to is not known."""
    history.store.request_stop(history.add([0.1], status=None), StopReason.EARLY_STOPPING, now=history.now)

    assert "1 trial had been stopped while the job ran" in run("show", "search", "--early-stopping").out


def test_a_job_whose_trials_print_one_value_has_nothing_to_save(run: Run, store: Store) -> None:
    """It is said with zeros, not with an error; so is a job that has no trial yet."""
    history = TuningHistory(store)
    assert "0 of 0 (0%)" in run("show", "search", "--early-stopping").out

    history.add([0.5], status=SecondaryStatus.COMPLETED)
    assert "0 of 1 (0%)" in run("show", "search", "--early-stopping").out


def test_a_job_without_trials_to_compare_is_refused(run: Run, training_file: Path) -> None:
    """A training job stands alone."""
    run("train", training_file)
    outcome = run("show", "one", "--early-stopping")

    assert 0 != outcome.code
    assert "one is no tuning job" in outcome.err


def test_show_tells_what_a_shadow_would_have_done(history: TuningHistory) -> None:
    """And that a forecast in earnest is at work."""
    assert "forecast, at most 10% false stops, in shadow: would have stopped none of 0 trials so far" == asked(
        history, Shadow=True, FalseStopRate=0.1
    )


def test_show_tells_of_a_forecast_in_earnest(history: TuningHistory) -> None:
    """The trials that it stopped stand in the table."""
    assert "forecast, at most 5% false stops" == asked(history)


@pytest.mark.parametrize(
    ("best", "fate"), [(9, "none of them was the best"), (2, "the best is among them"), (None, "none of them")]
)
def test_a_shadow_in_words(best: int | None, fate: str) -> None:
    """How many, after how long, how much it saves, and what it costs."""
    done = WouldHave(stopped_at={2: 3, 4: 6}, epochs=100, saved=31, best=best, best_left=9)
    expected = "would have stopped 2 of 30 trials after 4.5 epochs on average, saving 31% of all epochs; "

    assert in_words(done, 30).startswith(expected + fate)


def test_a_search_file_asks_for_a_shadow(run: Run, tuning_file: Path) -> None:
    """From the file beside the job file to what `show` says; all trials run to their end."""
    search = {"EarlyStopping": {"Type": "Forecast", "Shadow": True}}
    tuning_file.with_name(f"{tuning_file.stem}.search.json").write_text(json.dumps(search))
    assert 0 == run("tune", tuning_file).code

    assert "5% false stops, in shadow: would have stopped none of 3 trials so far" in run("show", "digits").out
