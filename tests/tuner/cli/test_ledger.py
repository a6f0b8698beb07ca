"""`algodock show --ledger`."""

from dataclasses import replace
from pathlib import Path

from commands_in_process import Run

from contracts.jobs import JobKind
from tuner.store.sqlite_store import Store


def test_a_tuning_job_has_a_row_a_trial_and_a_sum(run: Run, tuning_file: Path) -> None:
    """Two lines each, both with a number; all logs were read once more after the end."""
    run("tune", tuning_file)
    outcome = run("show", "digits", "--ledger", "--json")
    document = outcome.document

    assert 0 == outcome.code
    assert ["1 algo-1", "2 algo-1", "3 algo-1"] == [entry["of"] for entry in document["entries"]]
    assert {(2, 2, 0, 2, 0, True)} == {
        (e["lines"], e["matched_lines"], e["unmatched_lines"], e["captures"], e["gaps"], e["is_read_back"])
        for e in document["entries"]
    }
    assert (6, 6, 0) == tuple(document["total"][name] for name in ("lines", "captures", "gaps"))


def test_the_table_says_that_nothing_is_missing(run: Run, training_file: Path) -> None:
    """A training job has a row a host."""
    run("train", training_file)
    outcome = run("show", "one", "--ledger")

    assert 0 == outcome.code
    assert "algo-1" in outcome.out
    assert "Nothing is missing" in outcome.out


def test_a_gap_is_loud_and_the_exit_code_says_so_too(run: Run, training_file: Path, store: Store) -> None:
    """Whoever asks in a script is told as well."""
    run("train", training_file)
    (entry,) = store.ledger(JobKind.TRAINING, "one")
    store.record_log(replace(entry, gaps=1, is_read_back=False), [])
    outcome = run("show", "one", "--ledger")

    assert 1 == outcome.code
    assert "LINES MAY BE MISSING: 1 gap." in outcome.out
    assert "Not read back: algo-1." in outcome.out


def test_a_job_that_has_printed_nothing_yet_has_no_ledger(run: Run, training_file: Path, store: Store) -> None:
    """It is no error to ask."""
    run("train", training_file)
    store.create_training_job({**store.training_job("one").request, "TrainingJobName": "two"}, now=0)
    outcome = run("show", "two", "--ledger")

    assert (0, "Nothing of a log of two has been read yet.\n") == (outcome.code, outcome.out)
