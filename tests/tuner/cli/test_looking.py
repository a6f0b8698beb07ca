"""`list`, `show`, `logs` and `best`: looking at a home, whatever state it is in."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run

from contracts.jobs import JobStatus, SecondaryStatus, StopReason
from tuner.cli.machine import Parts
from tuner.engine.fake import START_SECONDS
from tuner.store.records import Observation
from tuner.store.sqlite_store import Store

METRIC = "validation:accuracy"


@pytest.fixture
def filled(store: Store, tuning_file: Path, training_file: Path) -> Store:
    """A tuning job in progress (two trials ended, one runs, one failed), and a training job that waits."""
    tuning_job = json.loads(tuning_file.read_text())
    tuning_job["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"] = 6
    store.create_tuning_job(tuning_job, random_seed=7, now=START_SECONDS - 100)
    for index, values, end in (
        (1, (0.2, 0.4), SecondaryStatus.COMPLETED),
        (2, (0.5, 0.123456789), SecondaryStatus.COMPLETED),
        (3, (0.9,), SecondaryStatus.FAILED),
        (4, (0.3,), None),
    ):
        _add_trial(store, index, values, end)
    store.create_training_job(json.loads(training_file.read_text()), now=START_SECONDS - 10)
    return store


def _add_trial(store: Store, index: int, values: tuple[float, ...], end: SecondaryStatus | None) -> None:
    name = f"digits-{index:03d}-0000000{index}"
    tuned = {"learning_rate": f"0.{index}23456"}
    request = store.tuning_job("digits").spec.definitions[0].training_job_request(name, tuned, [])
    now = START_SECONDS - 90
    store.create_training_job(request, now=now, tuning_job="digits", trial_index=index, tuned=tuned)
    for status in (SecondaryStatus.STARTING, SecondaryStatus.TRAINING):
        store.change_status(name, status, now=now)
    observations = [
        Observation(host="algo-1", line=line, match=0, metric=METRIC, value=value, time=now + line)
        for line, value in enumerate(values, 1)
    ]
    store.record_observations(name, observations)
    if end is not None:
        store.record_exit(name, 0 if end is SecondaryStatus.COMPLETED else 1, now=now + 65)
        store.change_status(name, SecondaryStatus.UPLOADING, now=now + 65)
        failure = "AlgorithmError: no luck, exit code: 1" if end is SecondaryStatus.FAILED else ""
        store.change_status(name, end, now=now + 66, failure_reason=failure)


def test_an_empty_home_has_no_jobs_and_stays_empty(run: Run, home: Path) -> None:
    """Looking makes no folder."""
    outcome = run("list")

    assert 0 == outcome.code
    assert "No jobs yet." in outcome.out
    assert not home.exists()


def test_list_shows_jobs_but_not_trials(run: Run, filled: Store) -> None:
    """A line a job: how many trials are done, and the best value."""
    outcome = run("list")

    assert 0 == outcome.code
    assert "4/6" not in outcome.out
    assert "3/6" in outcome.out
    assert f"{METRIC} 0.4" in outcome.out
    assert "one" in outcome.out
    assert "digits-001" not in outcome.out


def test_list_all_shows_trials_too(run: Run, filled: Store) -> None:
    """As JSON the newest comes last as well."""
    names = [line["name"] for line in run("list", "--all", "--json").document]

    assert ["digits", *(f"digits-{i:03d}-0000000{i}" for i in (1, 2, 3, 4)), "one"] == names


def test_list_can_be_narrowed_to_a_status(run: Run, filled: Store) -> None:
    """The statuses are the service's."""
    assert "No jobs." in run("list", "--status", "Stopped").out
    assert ["digits", "one"] == [line["name"] for line in run("list", "--json", "--status", "inprogress").document]


def test_list_says_when_nobody_works_unfinished_jobs(run: Run, filled: Store) -> None:
    """Or one would wait for ever."""
    assert "No process works these jobs now" in run("list").out


def test_show_has_the_trials_best_first_and_the_failures(run: Run, filled: Store) -> None:
    """Trials that have ended by value, then running ones, then failed ones."""
    outcome = run("show", "digits")

    assert 0 == outcome.code
    places = [outcome.out.index(f"0.{index}235") for index in (1, 2, 4, 3)]
    assert sorted(places) == places
    assert "1 trial failed, such as digits-003-00000003: AlgorithmError: no luck" in outcome.out
    assert "Best:    trial 1 (digits-001-00000001)" in outcome.out


def test_show_json_has_full_precision(run: Run, filled: Store) -> None:
    """People get four digits, machines all."""
    document = run("show", "digits", "--json").document

    second = next(trial for trial in document["trials"] if trial["trial"] == 2)
    assert (0.123456789, 0.5, 2, 65.0) == tuple(second[key] for key in ("value", "best_value", "reported", "seconds"))


def test_a_training_job_is_shown_with_its_way_and_its_metrics(run: Run, filled: Store) -> None:
    """The beginning of its name will do."""
    filled.add_warning("digits-002-00000002", "a warning")

    outcome = run("show", "digits-002")

    assert "digits-002-00000002, a training job: Completed" in outcome.out
    assert "0.223456 (tuned)" in outcome.out
    assert "Warning: a warning" in outcome.out
    for status in ("Pending", "Starting", "Training", "Uploading", "Completed"):
        assert status in outcome.out
    assert "1 min 05 s" in outcome.out


def test_a_training_job_as_json(run: Run, filled: Store) -> None:
    """What was never there is null."""
    filled.request_stop("digits-004-00000004", StopReason.USER, now=START_SECONDS)

    document = run("show", "digits-004-00000004", "--json").document

    assert ("Training", "User", None) == tuple(document[key] for key in ("secondary_status", "stop_reason", "model"))
    assert {"count": 1, "last": 0.3, "minimum": 0.3, "maximum": 0.3, "time": START_SECONDS - 89} == document["metrics"][
        METRIC
    ]


@pytest.mark.parametrize("command", ["show", "logs", "best", "stop"])
def test_an_unknown_job_is_exit_code_2_and_a_guess(run: Run, filled: Store, command: str) -> None:
    """What may have been meant is said."""
    outcome = run(command, "digit")

    assert (2, "") == (outcome.code, outcome.out)
    assert "There is no job called digit. Did you mean digits?" in outcome.err


def test_a_name_that_resembles_none_points_to_the_list(run: Run, filled: Store) -> None:
    """There is no wild guess."""
    assert "`algodock list` shows all jobs." in run("show", "quite-another").err


def test_best_has_the_value_and_the_hyperparameters(run: Run, filled: Store) -> None:
    """The failed trial with 0.9 is not the best."""
    assert 0.4 == run("best", "digits", "--json").document["value"]
    assert f"Best:    trial 1 (digits-001-00000001), {METRIC} 0.4" in run("best", "digits").out


def test_best_is_exit_code_1_while_there_is_none(run: Run, store: Store, tuning_file: Path) -> None:
    """As JSON it is null."""
    store.create_tuning_job(json.loads(tuning_file.read_text()), random_seed=7, now=START_SECONDS)

    outcome = run("best", "digits", "--json")

    assert (1, None) == (outcome.code, outcome.document)
    assert (1, "No trial of digits has ended") == ((text := run("best", "digits")).code, text.out[:28])


def test_best_of_a_training_job_makes_no_sense(run: Run, filled: Store) -> None:
    """And is bad input."""
    assert (2, True) == ((outcome := run("best", "one")).code, "only tuning jobs" in outcome.err)


def _write_log(home: Path, name: str, text: str) -> Path:
    log = home / "jobs" / name / "logs" / "algo-1.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    return log


def test_logs_prints_the_file_or_its_end(run: Run, filled: Store, home: Path) -> None:
    """As it is, whatever it looks like."""
    _write_log(home, "digits-001-00000001", "[red]one\ntwo\nthree\n")

    assert "[red]one\ntwo\nthree\n" == run("logs", "digits-001").out
    assert "two\nthree\n" == run("logs", "digits-001", "--tail", "2").out
    assert "" == run("logs", "digits-001", "--tail", "0").out


def test_logs_of_a_job_that_waits_says_so(run: Run, filled: Store) -> None:
    """On standard error, so that a file stays clean."""
    assert (0, "") == ((outcome := run("logs", "one")).code, outcome.out)
    assert "one has not started yet" in outcome.err


def test_logs_of_a_tuning_job_lists_its_trials(run: Run, filled: Store) -> None:
    """Each has a log of its own."""
    outcome = run("logs", "digits")

    assert 2 == outcome.code
    assert "  digits-004-00000004  Training" in outcome.err


def test_logs_f_goes_on_until_the_job_ends_though_the_file_is_written_anew(run: Run, filled: Store, home: Path) -> None:
    """An adopting process writes the log from the first line; no line is printed twice."""
    name = "digits-004-00000004"
    log = _write_log(home, name, "one\ntw")
    later = iter(("", "one\n", "one\ntwo\n", "one\ntwo\nthree\n"))

    def sleep(_seconds: float) -> None:
        text = next(later, None)
        if text is None:
            filled.change_status(name, SecondaryStatus.FAILED, now=START_SECONDS)
        else:
            log.write_text(text)

    outcome = run("logs", "-f", name, sleep=sleep)

    assert (0, "one\ntwo\nthree\n") == (outcome.code, outcome.out)
    assert "No process works this job now" in outcome.err


def test_looking_works_without_an_engine(run: Run, filled: Store, parts: Parts) -> None:
    """Commands that only look never ask for it."""

    def refuse(_profile: Any) -> Any:
        raise AssertionError("asked for the engine")

    for arguments in (("list",), ("show", "digits"), ("best", "digits"), ("logs", "one")):
        assert 0 == run(*arguments, open_engine=refuse).code


def test_a_stopping_job_is_shown_as_such(run: Run, filled: Store) -> None:
    """The status is the service's word."""
    filled.change_tuning_job_status("digits", JobStatus.STOPPING, now=START_SECONDS)

    assert "digits, a tuning job: Stopping" in run("show", "digits").out
