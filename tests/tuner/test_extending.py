"""Tuning jobs that have ended and are given more trials: they go on as if they had had them from the start."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request
from learning import learn
from losing import run_losing
from several_definitions import definition, several_request

from contracts.errors import IllegalTransition
from contracts.jobs import JobStatus
from tuner.cli.snapshot import TuningSnapshot
from tuner.controller import completion_reason, stop_job
from tuner.engine.fake_container import FakeContainer, Program
from tuner.errors import ResourceInUse, TunerError, ValidationError
from tuner.hindsight import Hindsight
from tuner.sdk.descriptions import describe_tuning_job
from tuner.search.explanation import Origin
from tuner.store.records import TuningJobRecord, in_places
from tuner.submission import extend_tuning_job

OpenHome = Callable[..., HomeOfFakes]


@pytest.fixture
def open_home(tmp_path: Path) -> Iterator[OpenHome]:
    """Opens a home with one tuning job."""
    opened: list[HomeOfFakes] = []

    def make(program: Program, *, asked: Any = None, criteria: Any = None, **request: Any) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": program})
        home.engine.auto_advance = True
        asked = asked or tuning_request(**{"RetryStrategy": {"MaximumRetryAttempts": 1}, **request})
        if criteria is not None:
            asked["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = criteria
        home.store.create_tuning_job(asked, random_seed=7, now=home.clock())
        opened.append(home)
        return home

    yield make
    for one in opened:
        one.close()


def silent(run: FakeContainer) -> Iterator[None]:
    """Trains without a word until it is told to stop."""
    run.on_signal("SIGTERM", lambda: 0)
    while True:
        yield


def fails(run: FakeContainer) -> Iterator[None]:
    """Says nothing, and fails."""
    yield
    run.fail("no good")


def extend(home: HomeOfFakes, trials: int) -> TuningJobRecord:
    """Give the job more trials, as a command does; nobody has done anything for an hour."""
    home.clock.now += 3600
    return extend_tuning_job(
        "tune",
        trials,
        store=home.store,
        engine=home.engine,
        profile=home.profile,
        gpus=(),
        now=home.clock(),
        say=lambda _: None,
    )


def by_place(home: HomeOfFakes) -> list[tuple[dict[str, str], float | None]]:
    job = home.store.tuning_job("tune")
    return [(dict(trial.tuned), job.value_of(trial)) for trial in in_places(home.store.trials("tune"))]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_it_goes_on_as_if_it_had_had_them_from_the_start(open_home: OpenHome, strategy: str) -> None:
    """The same configurations in the same order, also where a process dies now and then."""
    longer = open_home(learn, jobs=8, parallel=1, strategy=strategy)
    extended = open_home(learn, jobs=3, parallel=1, strategy=strategy)
    run_losing(longer, ())
    run_losing(extended, ())
    before = by_place(extended)
    assert JobStatus.IN_PROGRESS is extend(extended, 5).status
    job = run_losing(extended, (), restarted=True)

    assert (JobStatus.COMPLETED, before) == (job.status, by_place(extended)[:3])
    assert by_place(longer) == by_place(extended)
    assert Origin.UNKNOWN not in {one.origin for one in Hindsight.of(extended.store, job).explanations()}


def test_a_grid_that_was_stopped_is_tried_to_its_end(open_home: OpenHome) -> None:
    """More than that there is not."""
    home = open_home(learn, jobs=None, parallel=1, strategy="Grid")
    home.step_until(lambda: any(trial.is_finished for trial in home.store.trials("tune")))
    stop_job(home.store, "tune", now=home.clock())
    assert JobStatus.STOPPED is run_losing(home, ()).status
    extend(home, 9)
    job = run_losing(home, ())

    assert JobStatus.COMPLETED is job.status
    assert ["sgd", "adam", "lamb"] == [tuned["optimizer"] for tuned, _ in by_place(home)]
    with pytest.raises(TunerError, match="has tried all 3 configurations that there are"):
        extend(home, 1)


def test_what_was_stopped_with_the_job_before_its_first_value_is_tried_again(open_home: OpenHome) -> None:
    """It told nothing; its place is filled before anything new is tried."""
    home = open_home(silent, jobs=4)
    home.controller.step()
    stop_job(home.store, "tune", now=home.clock())
    run_losing(home, ())
    stopped = by_place(home)
    home.engine.images["image"] = learn
    extend(home, 3)
    job = run_losing(home, ())
    trials = home.store.trials("tune")

    assert (JobStatus.COMPLETED, [1, 2, 1, 2, 3]) == (job.status, [trial.place for trial in trials])
    assert [tuned for tuned, _ in stopped] == [tuned for tuned, _ in by_place(home)[:2]]
    assert (3, 3) == ((shown := TuningSnapshot(job=job, trials=trials, now=0.0)).done, shown.total)


def test_a_criterion_that_was_met_is_not_asked_again_but_the_others_are(open_home: OpenHome) -> None:
    """Who wants more trials after the target was reached wants them; three without a gain end it as ever."""
    criteria = {
        "TargetObjectiveMetricValue": 0.5,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
    }
    home = open_home(learn, jobs=30, parallel=1, criteria=criteria)
    job = run_losing(home, ())
    assert (1, "a trial has reached the target 0.5") == (
        len(home.store.trials("tune")),
        completion_reason(job, home.store.trials("tune")),
    )
    job = extend(home, 25)
    assert completion_reason(job, home.store.trials("tune")) is None
    job = run_losing(home, ())
    trials = home.store.trials("tune")

    assert "3 trials in a row have not improved the best value by 1 %" == completion_reason(job, trials)
    assert 4 <= len(trials) < 26


def test_the_time_limit_begins_anew_and_the_pause_is_no_time_of_the_job(open_home: OpenHome) -> None:
    """Else a job that ran out of time could not be extended at all."""
    home = open_home(silent, jobs=4, limits={"MaxRuntimeInSeconds": 60})
    assert JobStatus.FAILED is (ended := run_losing(home, ())).status
    assert ended.end_time is not None
    home = open_home(learn, jobs=4, limits={"MaxRuntimeInSeconds": 60})
    took = run_losing(home, ()).seconds_until(0)
    job = extend(home, 2)

    assert took == job.seconds_until(home.clock())
    assert JobStatus.COMPLETED is run_losing(home, ()).status
    assert 6 == len(home.store.trials("tune"))


def test_a_job_that_failed_for_the_machine_goes_on_once_that_is_mended(open_home: OpenHome) -> None:
    """With as many trials as its reason says."""
    home = open_home(learn, jobs=4, parallel=1)
    job = run_losing(home, range(2, 99))
    assert job.failure_reason.endswith(" --extend 3.")
    assert "" == extend(home, 3).failure_reason
    job = run_losing(home, ())

    assert (JobStatus.COMPLETED, 4) == (job.status, len(by_place(home)))


@pytest.mark.parametrize(
    ("program", "trials", "error", "text"),
    [
        (learn, 0, TunerError, "give at least 1"),
        (learn, 9998, ValidationError, "a Random tuning job has at most 10000 training jobs, not 10001"),
        (fails, 1, TunerError, "no trial of it succeeded"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    open_home: OpenHome, program: Program, trials: int, error: type[TunerError], text: str
) -> None:
    """Each with what to do."""
    home = open_home(program, jobs=3)
    job = run_losing(home, ())
    with pytest.raises(error, match=text):
        extend(home, trials)

    assert job == home.store.tuning_job("tune")


def test_a_job_that_goes_on_is_not_extended(open_home: OpenHome) -> None:
    """Neither by who looked before, nor by who was quicker than another."""
    home = open_home(learn, jobs=3)
    with pytest.raises(ResourceInUse, match="only a job that has ended is extended"):
        extend(home, 1)
    run_losing(home, ())
    extend(home, 1)
    with pytest.raises(IllegalTransition):
        home.store.give_more_trials("tune", 9, now=home.clock())

    assert 4 == home.store.tuning_job("tune").spec.max_training_jobs


def test_the_api_shows_the_limits_of_the_request(open_home: OpenHome) -> None:
    """The service has no word for more; its counters say how many there were."""
    home = open_home(learn, jobs=3)
    run_losing(home, ())
    extend(home, 2)
    job = run_losing(home, ())
    described = describe_tuning_job(job, home.store.trials("tune"), None)

    assert 3 == described["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    assert 5 == described["TrainingJobStatusCounters"]["Completed"]


def test_why_knows_how_many_trials_there_were_to_be(open_home: OpenHome) -> None:
    """Of several definitions, which is next depends on it."""
    home = open_home(learn, asked=several_request(definition("a"), definition("b"), definition("c"), jobs=6))
    run_losing(home, ())
    extend(home, 6)
    job = run_losing(home, ())
    origins = {one.origin for one in Hindsight.of(home.store, job).explanations()}

    assert 12 == len(home.store.trials("tune"))
    assert Origin.UNKNOWN not in origins
