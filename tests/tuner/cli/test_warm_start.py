"""Tuning jobs that start from others, on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from contracts.jobs import JobStatus
from tuner.engine.fake import START_SECONDS
from tuner.store.sqlite_store import Store

Write = Callable[[dict[str, Any]], Path]
UNKNOWN = "Amazon SageMaker can't find a tuning job called digits. Type another name."


@pytest.fixture
def warm_file(tuning_file: Path, write_job: Write) -> Write:
    """Writes a job `more` that starts from `digits`; members are replaced."""
    request = json.loads(tuning_file.read_text())

    def write(members: dict[str, Any]) -> Path:
        parents = [{"HyperParameterTuningJobName": "digits"}]
        warm_start = {"WarmStartType": "IdenticalDataAndAlgorithm", "ParentHyperParameterTuningJobs": parents}
        named = {"HyperParameterTuningJobName": "more", "WarmStartConfig": warm_start}
        return write_job({**request, **named, **members})

    return write


def test_a_job_goes_on_where_another_ended(run: Run, tuning_file: Path, warm_file: Write) -> None:
    """It says what it starts from, tries other values with the same seed, and tells the best of all."""
    first = run("tune", tuning_file, "--json").events[-1]
    path = warm_file({})
    outcome = run("tune", path)
    more = run("show", "more", "--json").document

    assert 0 == outcome.code
    assert "Random learns nothing from its parents (digits): what they tried is not tried again" in outcome.out
    assert {"type": "IdenticalDataAndAlgorithm", "parents": ["digits"]} == more["warm_start"]
    tried = [[trial["hyperparameters"]["learning_rate"] for trial in job["trials"]] for job in (first, more)]
    assert set(tried[0]).isdisjoint(tried[1])
    assert max(first["best"]["value"], more["best"]["value"]) == more["overall_best"]["value"]


@pytest.mark.parametrize(
    ("own", "words"), [("0.1", "Of all, with the parents: trial "), ("0.95", "the parents: the same.")]
)
def test_show_and_best_tell_the_best_of_all(
    run: Run, tuning_file: Path, warm_file: Write, own: str, words: str
) -> None:
    """Beside the job's own best, which stays what `best` and `serve` mean by the job's name."""
    run("tune", tuning_file)
    path = warm_file({})
    path.write_text(path.read_text().replace('"0.1"', f'"{own}"').replace('"0.9"', f'"{own}"').replace(": 3,", ": 1,"))
    tuned = run("tune", path)
    shown, best = run("show", "more"), run("best", "more")

    assert [True] * 3 == [words in outcome.out for outcome in (tuned, shown, best)]
    assert "parents    digits: IdenticalDataAndAlgorithm" in shown.out
    assert f"{float(own)}" in best.out
    assert float(own) == run("best", "more", "--json").document["value"]
    assert ("`algodock serve digits` serves it." in best.out) == (own == "0.1")


def test_a_cold_start_says_nothing_of_parents(run: Run, tuning_file: Path) -> None:
    """As JSON it is null."""
    outcome = run("tune", tuning_file)
    document = run("show", "digits", "--json").document

    assert "parents" not in outcome.out + run("show", "digits").out
    assert (None, None) == (document["warm_start"], document["overall_best"])


def test_a_parent_that_is_not_there_is_said_with_its_line(run: Run, warm_file: Write) -> None:
    """By `tune`, which needs it, as the service would; the exit code is that of bad input."""
    outcome = run("tune", warm_file({}))

    assert (2, "") == (outcome.code, outcome.out)
    assert UNKNOWN in outcome.err
    assert "`algodock list` shows the jobs of this home." in outcome.err


def test_validate_says_kindly_what_it_cannot_check(run: Run, warm_file: Write, home: Path) -> None:
    """A file for another home, or for the cloud, is valid here; and looking makes no home."""
    path = warm_file({})
    outcome = run("validate", path)

    assert 0 == outcome.code
    assert f"{path} is a valid CreateHyperParameterTuningJob request.\n" in outcome.out
    assert f"Not checked: whether it may start from digits, which is no tuning job of {home}." in outcome.out
    assert not home.exists()


@pytest.mark.parametrize("command", ["validate", "tune"])
def test_what_is_wrong_with_a_parent_has_its_line(
    run: Run, tuning_file: Path, warm_file: Write, store: Store, command: str
) -> None:
    """Like everything that is wrong with a file."""
    store.create_tuning_job(json.loads(tuning_file.read_text()), random_seed=7, now=START_SECONDS)
    path = warm_file({})
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if '"digits"' in text)
    outcome = run(command, path)

    assert (2, "") == (outcome.code, outcome.out)
    assert (
        f"{path}:{line}: WarmStartConfig.ParentHyperParameterTuningJobs[0].HyperParameterTuningJobName" in outcome.err
    )
    assert "digits is InProgress: a parent must be Completed, Stopped or Failed" in outcome.err


def test_an_option_starts_from_a_job_that_has_ended(run: Run, tuning_file: Path) -> None:
    """The shortest way to some more trials; the same command again is the same job."""
    run("tune", tuning_file)
    outcome = run("tune", tuning_file, "--again", "--warm-start-from", "digits")
    request = run("show", "digits-2", "--json").document

    assert (0, "digits-2") == (outcome.code, request["name"])
    assert {"type": "IdenticalDataAndAlgorithm", "parents": ["digits"]} == request["warm_start"]


def test_an_option_says_that_data_or_algorithm_are_others(run: Run, tuning_file: Path) -> None:
    """TransferLearning, from several jobs."""
    for name in ("a", "b"):
        run("tune", tuning_file, "--name", name)
    run("tune", tuning_file, "--warm-start-from", "a", "--warm-start-from", "b", "--transfer")

    assert {"type": "TransferLearning", "parents": ["a", "b"]} == run("show", "digits", "--json").document["warm_start"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--transfer",), "--transfer goes with --warm-start-from"),
        (("--warm-start-from", "a"), "has a WarmStartConfig: leave out --warm-start-from, or that"),
    ],
)
def test_options_that_contradict_the_file_are_refused(
    run: Run, warm_file: Write, arguments: tuple[str, ...], words: str
) -> None:
    """Nothing is left out silently."""
    outcome = run("tune", warm_file({}), *arguments)

    assert 2 == outcome.code
    assert words in outcome.err


def test_a_parent_that_has_gone_is_shown_as_such(run: Run, warm_file: Write, store: Store) -> None:
    """The job goes on without it."""
    store.create_tuning_job(json.loads(warm_file({}).read_text()), random_seed=7, now=START_SECONDS)
    store.change_tuning_job_status("more", JobStatus.COMPLETED, now=START_SECONDS)

    assert "digits (not in this home any more): IdenticalDataAndAlgorithm" in run("show", "more").out
