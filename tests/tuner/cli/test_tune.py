"""`algodock tune`: a tuning job from its file to the best trial."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands_in_process import Outcome, Run

from contracts.jobs import JobStatus
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store

METRIC = "validation:accuracy"


def test_a_job_runs_to_its_end_and_the_summary_says_where_everything_is(
    run: Run, tuning_file: Path, home: Path
) -> None:
    """The exit code is 0, and the table, the picture and the best trial's model are named and there."""
    outcome = run("tune", tuning_file)

    assert (0, "") == (outcome.code, outcome.err)
    assert "Started digits: 3 trials." in outcome.out
    assert "digits is Completed" in outcome.out
    for name in ("trials.csv", "report.html"):
        assert str(home / "tuning" / "digits" / name) in outcome.out
    best = run("best", "digits", "--json").document
    assert best["model"] in outcome.out
    assert Path(best["model"]).exists()


def test_plain_lines_tell_each_start_each_value_each_end_and_each_new_best(run: Run, tuning_file: Path) -> None:
    """Without a terminal there are lines and no control characters."""
    outcome = run("tune", tuning_file)

    assert outcome.out.isprintable() is False  # newlines
    assert "\x1b" not in outcome.out
    assert "\r" not in outcome.out
    for index in (1, 2, 3):
        assert f"trial {index} started: learning_rate 0." in outcome.out
        assert f"trial {index} epoch 2: {METRIC} 0." in outcome.out
        assert f"trial {index} Completed: {METRIC} 0." in outcome.out
    assert "best so far: trial " in outcome.out


def test_json_lines_end_with_a_summary_in_full_precision(run: Run, tuning_file: Path) -> None:
    """Every line of standard output is an object; the last has all trials, the best first."""
    events = run("tune", tuning_file, "--json").events

    assert "job" == events[0]["event"]
    kinds = [event["event"] for event in events]
    assert 3 == kinds.count("trial_started") == kinds.count("trial_ended")
    summary = events[-1]
    assert ("summary", "Completed", 3) == (summary["event"], summary["status"], summary["trials_done"])
    values = [trial["value"] for trial in summary["trials"]]
    assert sorted(values, reverse=True) == values
    assert summary["best"]["hyperparameters"]["learning_rate"] == repr(summary["best"]["value"])
    assert Path(summary["csv"]).exists()


def test_the_same_command_goes_on_with_a_job_in_progress(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """A job whose engine went away half way is not begun again: the trials that are done stay done."""
    outcome = _lose_the_engine_in_the_second_trial(run, tuning_file, engine)
    assert 3 == outcome.code
    engine.reachable = True

    again = run("tune", tuning_file)

    assert 0 == again.code
    assert "Going on with digits: " in again.out
    assert "digits is Completed" in again.out


def test_a_job_that_ends_while_the_same_command_looks_for_it_is_shown(
    run: Run, tuning_file: Path, engine: FakeEngine, home: Path
) -> None:
    """It was in progress when the command began: to refuse its name would be no answer."""
    _lose_the_engine_in_the_second_trial(run, tuning_file, engine)
    engine.reachable = True
    ended: list[float] = []

    def end_meanwhile() -> float:
        if not ended:
            ended.append(time.time())
            with Store(home / "algodock.db") as other:
                other.change_tuning_job_status("digits", JobStatus.COMPLETED, now=ended[0])
        return time.time()

    again = run("tune", tuning_file, clock=end_meanwhile)

    assert 0 == again.code
    assert "digits is Completed" in again.out


def test_an_engine_that_goes_away_is_asked_for_ten_minutes(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """Then the exit code is 3, and the message says that the same command goes on."""
    outcome = _lose_the_engine_in_the_second_trial(run, tuning_file, engine)

    assert 3 == outcome.code
    assert 1 == outcome.out.count("Trying again for up to 10 minutes.")
    assert "No container engine answers" in outcome.err
    assert f"`algodock tune {tuning_file}` goes on with it" in outcome.err


def test_an_engine_that_comes_back_is_welcome(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """The job goes on by itself."""
    outcome = _lose_the_engine_in_the_second_trial(run, tuning_file, engine, returns=True)

    assert 0 == outcome.code
    assert "The container engine answers again." in outcome.out


def _lose_the_engine_in_the_second_trial(run: Run, file: Path, engine: FakeEngine, *, returns: bool = False) -> Outcome:
    def second_trial_loses_it(container: FakeContainer) -> int:
        container.print("accuracy=0.5")
        if "-002-" in container.spec.name:
            engine.reachable = False
        return 0

    engine.images["algorithm:1"] = second_trial_loses_it
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        if returns and not engine.reachable and looks % 50 == 0:
            engine.reachable = True
        return 1_700_000_000.0 + looks * 2.0

    return run("tune", file, clock=clock)


def test_no_engine_at_all_is_exit_code_3_at_once(run: Run, tuning_file: Path, engine: FakeEngine, store: Store) -> None:
    """Nothing is recorded, and nothing is waited for."""
    engine.reachable = False

    outcome = run("tune", tuning_file)

    assert (3, "") == (outcome.code, outcome.out)
    assert "No container engine answers" in outcome.err
    assert [] == store.tuning_jobs()


def test_a_name_that_has_ended_is_refused_with_what_to_do(run: Run, tuning_file: Path) -> None:
    """The service's own text, then ours."""
    run("tune", tuning_file)

    outcome = run("tune", tuning_file)

    assert 2 == outcome.code
    assert "A hyperparameter tuning job with the name, digits, already exists" in outcome.err
    assert "--again" in outcome.err


def test_again_runs_it_under_the_next_free_name(run: Run, tuning_file: Path) -> None:
    """As often as one likes."""
    names = [run("tune", tuning_file, "--again", "--json").events[-1]["name"] for _ in range(3)]

    assert ["digits", "digits-2", "digits-3"] == names


def test_extend_gives_a_job_that_has_ended_more_trials(run: Run, tuning_file: Path) -> None:
    """Under its name, as often as one likes; `show` and the JSON of `show` say when."""
    run("tune", tuning_file)
    outcome = run("tune", tuning_file, "--extend", "2")
    shown, document = run("show", "digits").out, run("show", "digits", "--json").document

    assert 0 == outcome.code
    assert "Extended digits by 2 trials." in outcome.out
    assert "Going on with digits: 3 of 5 trials are done." in outcome.out
    assert "trial 5 Completed" in outcome.out
    assert "trial 3 started" not in outcome.out
    assert "  extended   to 5 trials, 0 s after its end" in shown
    assert (5, 5, [5]) == (
        document["trials_done"],
        document["trials_total"],
        [one["trials_total"] for one in document["extended"]],
    )
    assert 6 == run("tune", tuning_file, "--extend", "1", "--json").events[-1]["trials_done"]


def test_what_cannot_be_extended_is_refused_with_what_to_do(
    run: Run, write_job: Callable[[dict[str, Any]], Path], tuning_file: Path, engine: FakeEngine, store: Store
) -> None:
    """A job that is not there, that goes on, that came from another request; another one and the same at once."""
    unknown = run("tune", tuning_file, "--extend", "2")
    _lose_the_engine_in_the_second_trial(run, tuning_file, engine)
    engine.reachable = True
    going_on = run("tune", tuning_file, "--extend", "2")
    run("tune", tuning_file)
    both = run("tune", tuning_file, "--extend", "2", "--again")
    request = json.loads(tuning_file.read_text())
    request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxParallelTrainingJobs"] = 1
    another = run("tune", write_job(request), "--extend", "2")

    assert [2, 2, 2, 2] == [outcome.code for outcome in (unknown, going_on, both, another)]
    assert "There is no tuning job called digits to extend." in unknown.err
    assert "digits is InProgress: only a job that has ended is extended." in going_on.err
    assert "leave one out" in both.err
    assert "digits was started from another request" in another.err
    assert () == store.tuning_job("digits").more_trials


def test_a_job_in_progress_from_another_file_is_not_mixed_up(
    run: Run, write_job: Callable[[dict[str, Any]], Path], tuning_file: Path, engine: FakeEngine
) -> None:
    """The message says how to go on with the one or have the other."""
    _lose_the_engine_in_the_second_trial(run, tuning_file, engine)
    request = json.loads(tuning_file.read_text())
    request["HyperParameterTuningJobConfig"]["RandomSeed"] = 8

    outcome = run("tune", write_job(request))

    assert 2 == outcome.code
    assert "started from another request" in outcome.err


def test_a_job_whose_trials_all_fail_is_exit_code_1_with_the_reasons_grouped(
    run: Run, tuning_file: Path, engine: FakeEngine
) -> None:
    """The reason stands there once, with how often it happened."""
    engine.images["algorithm:1"] = lambda container: container.fail("no such layer")

    outcome = run("tune", tuning_file)

    assert 1 == outcome.code
    assert "digits is Failed" in outcome.out
    assert "3 trials failed, such as digits-001-" in outcome.out
    assert 1 == outcome.out.count("AlgorithmError: no such layer, exit code: 1\n`algodock logs")


def test_another_process_is_followed_and_replaced_when_it_ends(run: Run, tuning_file: Path, home: Path) -> None:
    """While another process holds the home, this one only looks; then it does the work."""
    other = ControllerLock(home / "controller.lock")
    other.acquire()
    waits = iter(range(3))

    def sleep(_seconds: float) -> None:
        if next(waits, None) is None:
            other.release()

    outcome = run("tune", tuning_file, sleep=sleep)

    assert 0 == outcome.code
    assert 1 == outcome.out.count("takes over if it ends")
    assert 1 == outcome.out.count("The other process has ended. This command goes on with the work.")


def test_other_unfinished_jobs_of_the_home_are_mentioned(
    run: Run, tuning_file: Path, training_file: Path, store: Store
) -> None:
    """They go on at the same time, so that is no surprise."""
    store.create_training_job(json.loads(training_file.read_text()), now=0.0)

    outcome = run("tune", tuning_file)

    assert "Also going on in this home: one." in outcome.out


def test_an_image_that_is_not_there_is_exit_code_3_and_leaves_nothing(
    run: Run, tuning_file: Path, engine: FakeEngine, store: Store
) -> None:
    """No trial is started, no job recorded."""
    engine.images.clear()

    outcome = run("tune", tuning_file)

    assert 3 == outcome.code
    assert "algorithm:1" in outcome.err
    assert [] == store.tuning_jobs()


def test_gpus_are_handed_out_as_the_options_say(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """Each trial gets one of the two, and none is shared."""
    engine.gpus = ("GPU-a", "GPU-b", "GPU-c")
    seen = []
    engine.images["algorithm:1"] = lambda container: seen.append(container.spec.gpu_ids)

    run("tune", tuning_file, "--gpus", "GPU-a,GPU-b", "--gpus-per-job", "1")

    assert {("GPU-a",), ("GPU-b",)} == set(seen)


def test_limits_of_the_command_line_reach_the_containers(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """Sizes are read as people write them."""
    seen = []
    engine.images["algorithm:1"] = lambda container: seen.append(container.spec)

    run("tune", tuning_file, "--cpus", "1.5", "--memory", "512m", "--shm", "1g")

    assert (1.5, 512 * 1024**2, 1024**3) == (seen[0].cpus, seen[0].memory_bytes, seen[0].shm_bytes)


def test_gpus_where_there_are_none_are_refused_before_anything_starts(
    run: Run, tuning_file: Path, store: Store
) -> None:
    """The exit code is 3: the file is right, the machine lacks them."""
    outcome = run("tune", tuning_file, "--gpus-per-job", "1")

    assert 3 == outcome.code
    assert "needs 1 GPU" in outcome.err
    assert [] == store.tuning_jobs()


def test_a_training_job_file_is_sent_to_train(run: Run, training_file: Path) -> None:
    """Nobody has to guess which command a file is for."""
    outcome = run("tune", training_file)

    assert 2 == outcome.code
    assert f"use `algodock train {training_file}`" in outcome.err


def test_an_image_that_is_not_there_is_pulled_without_much_ado(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """A pull reports itself many times a second; here a line in two seconds is enough."""
    engine.registry = dict(engine.images)
    engine.images.clear()

    outcome = run("tune", tuning_file)

    assert 0 == outcome.code
    assert "The image algorithm:1 is not on this machine. Pulling it ..." in outcome.out
    assert "Pulling from" not in outcome.out
