"""Trials that are lost to the infrastructure altogether: each is tried again in its place, and costs nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request
from learning import learn
from losing import run_losing, take_containers

from contracts.jobs import JobStatus, ObjectiveStatus, SecondaryStatus
from tuner.cli.events import events_between
from tuner.cli.snapshot import TuningSnapshot
from tuner.controller import stop_job
from tuner.dashboard.csv_table import format_csv
from tuner.dashboard.results import read_results
from tuner.engine.fake_container import FakeContainer, Program
from tuner.hindsight import Hindsight
from tuner.sdk.descriptions import describe_tuning_job
from tuner.search.explanation import Origin
from tuner.stopping import places_of
from tuner.store.records import TrainingJobRecord, in_places, values_as_they_came

OpenHome = Callable[..., HomeOfFakes]
ONE_RETRY = {"MaximumRetryAttempts": 1}


@pytest.fixture
def open_home(tmp_path: Path) -> Iterator[OpenHome]:
    """Opens a home with one tuning job, whose trials start again once where they are lost."""
    opened: list[HomeOfFakes] = []

    def make(program: Program, **request: Any) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": program})
        home.engine.auto_advance = True
        asked = tuning_request(**{"RetryStrategy": ONE_RETRY, **request})
        home.store.create_tuning_job(asked, random_seed=7, now=home.clock())
        opened.append(home)
        return home

    yield make
    for one in opened:
        one.close()


def fails(run: FakeContainer) -> Iterator[None]:
    """Says nothing, and fails."""
    yield
    run.fail("no good")


def waits(run: FakeContainer) -> Iterator[None]:
    """Trains until it is told to stop."""
    run.on_signal("SIGTERM", lambda: 0)
    while True:
        yield


def by_place(home: HomeOfFakes) -> list[tuple[dict[str, str], float | None]]:
    """What was tried in each place of the search, and what came of it."""
    job = home.store.tuning_job("tune")
    return [(dict(trial.tuned), job.value_of(trial)) for trial in in_places(home.store.trials("tune"))]


def places(trials: list[TrainingJobRecord]) -> list[int | None]:
    return [trial.place for trial in trials]


def test_a_lost_trial_costs_nothing(open_home: OpenHome) -> None:
    """Another one takes its place with its configuration; there are as many as were asked for."""
    home = open_home(learn, jobs=4)
    job = run_losing(home, {2})
    trials = home.store.trials("tune")
    (lost,) = [trial for trial in trials if trial.is_lost]
    again = next(trial for trial in trials if trial.place == 2 and trial is not lost)

    assert JobStatus.COMPLETED is job.status
    assert [1, 2, 3, 4, 5] == [trial.trial_index for trial in trials]
    assert [1, 2, 3, 4] == places(in_places(trials))
    assert (2, "InternalServerError: lost for the 2nd time: ") == (lost.trial_index, lost.failure_reason[:44])
    assert (lost.tuned, ObjectiveStatus.SUCCEEDED) == (again.tuned, job.objective_status_of(again))
    assert 4 == len(values_as_they_came(job, trials))
    assert None not in values_as_they_came(job, trials)


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Grid"])
@pytest.mark.parametrize("restarted", [False, True])
def test_the_search_is_the_same_as_if_nothing_had_been_lost(
    open_home: OpenHome, strategy: str, restarted: bool
) -> None:
    """Place by place: the generator is that of the place, and what was known is what was known."""
    jobs = None if strategy == "Grid" else 6
    undisturbed = open_home(learn, jobs=jobs, parallel=1, strategy=strategy, StaticHyperParameters=RATE[strategy])
    disturbed = open_home(learn, jobs=jobs, parallel=1, strategy=strategy, StaticHyperParameters=RATE[strategy])
    run_losing(undisturbed, ())
    run_losing(disturbed, {2, 3}, restarted=restarted)

    assert [1, 2, 2, 2, 3] == places(disturbed.store.trials("tune"))[:5]
    assert by_place(undisturbed) == by_place(disturbed)


RATE = {"Random": {}, "Bayesian": {}, "Grid": {"learning_rate": "0.3"}}


def test_a_process_that_dies_between_a_loss_and_its_replacement_replaces_once(open_home: OpenHome) -> None:
    """Whether a place is to be filled again is in the store alone."""
    home = open_home(waits, jobs=2)
    home.controller.step()
    while not home.store.trials("tune")[0].is_lost:
        take_containers(home, {1})
        home.controller.step(begin=False)  # as one that dies before it begins anything
        home.controller.wait(0.001)
        home.clock.now += 11
        if home.store.trials("tune")[0].status is SecondaryStatus.RESTARTING:
            home.restart()
            home.controller.step()
    before = len(home.store.trials("tune"))
    for _ in range(3):
        home.restart()
        home.controller.step()

    assert (2, [1, 2, 1]) == (before, places(home.store.trials("tune")))


@pytest.mark.parametrize(("parallel", "most"), [(1, 5), (2, 5), (6, 7)])
def test_too_many_losses_in_a_row_end_the_job(open_home: OpenHome, parallel: int, most: int) -> None:
    """One accident may take all that run at once. The reason names the last, and says what to do."""
    home = open_home(learn, jobs=20, parallel=parallel)
    job = run_losing(home, range(3, 100))
    lost = [trial for trial in home.store.trials("tune") if trial.is_lost]

    assert JobStatus.FAILED is job.status
    assert job.failure_reason.startswith(f"{most} training jobs in a row were lost to the infrastructure, the last of")
    assert "`algodock doctor`" in job.failure_reason
    assert len(lost) >= most
    assert all(trial.is_finished for trial in home.store.trials("tune"))


def test_a_loss_now_and_then_does_not_end_the_job(open_home: OpenHome) -> None:
    """However many there are: between them trials end well."""
    home = open_home(learn, jobs=12, parallel=1)
    job = run_losing(home, range(1, 100, 2))

    assert (JobStatus.COMPLETED, 12) == (job.status, sum(trial.is_lost for trial in home.store.trials("tune")))


def test_a_lost_trial_is_none_of_the_failures_that_make_a_job_hopeless(open_home: OpenHome) -> None:
    """Five that fail by themselves are."""
    home = open_home(fails, jobs=20, parallel=1)
    job = run_losing(home, {1, 3})
    trials = home.store.trials("tune")

    assert job.failure_reason.startswith("No training job succeeded after 7 attempts.")
    assert [1, 1, 2, 2, 3, 4, 5] == places(trials)


def test_a_job_that_is_stopped_replaces_nothing(open_home: OpenHome) -> None:
    """Nobody wants more of it."""
    home = open_home(waits, jobs=4)
    home.controller.step()
    while not any(trial.is_lost for trial in home.store.trials("tune")):
        take_containers(home, {1})
        if home.store.trials("tune")[0].losses:
            stop_job(home.store, "tune", now=home.clock())
            break
        home.controller.step()
        home.clock.now += 3
    job = run_losing(home, {1})

    assert (JobStatus.STOPPED, [1, 2]) == (job.status, places(home.store.trials("tune")))


def test_early_stopping_compares_by_place(open_home: OpenHome) -> None:
    """The bracket of Hyperband follows from it; of a lost trial and its successor there is one."""
    home = open_home(learn, jobs=4, parallel=1)
    job = run_losing(home, {2})
    trials = home.store.trials("tune")
    found = places_of(job, job.spec.definitions[0], trials)

    assert {trials[0].name: 1, trials[2].name: 2, trials[3].name: 3, trials[4].name: 4} == found


def test_the_api_counts_it_as_retryable(open_home: OpenHome) -> None:
    """The service's word for a job that failed for the service's sake."""
    home = open_home(learn, jobs=4)
    job = run_losing(home, {2})
    described = describe_tuning_job(job, home.store.trials("tune"), None)

    assert {"Completed": 4, "InProgress": 0, "RetryableError": 1, "NonRetryableError": 0, "Stopped": 0} == described[
        "TrainingJobStatusCounters"
    ]


def test_why_says_that_a_trial_is_another_again(open_home: OpenHome) -> None:
    """And of those after it what it would say without the loss."""
    home = open_home(learn, jobs=6, parallel=1, strategy="Bayesian")
    job = run_losing(home, {2, 5})
    origins = [one.origin for one in Hindsight.of(home.store, job).explanations()]

    assert [1, 2, 2, 3, 4, 4, 5, 6] == places(home.store.trials("tune"))
    assert [Origin.AGAIN, Origin.AGAIN] == [origins[2], origins[5]]
    assert Origin.UNKNOWN not in origins
    assert Origin.MODEL in origins


def test_people_see_what_was_lost_and_what_took_its_place(open_home: OpenHome) -> None:
    """In the lines of `tune`, the number of trials that are done, the CSV and the picture."""
    home = open_home(learn, jobs=4, parallel=1)
    job = run_losing(home, {2})
    trials = home.store.trials("tune")
    snapshot = TuningSnapshot(job=job, trials=tuple(trials), now=home.clock())
    lines = [event.line for event in events_between(TuningSnapshot(job=job, trials=(), now=0.0), snapshot)]
    results = read_results(home.store, "tune", home.clock())
    table = format_csv(results).splitlines()

    assert (4, 4) == (snapshot.done, snapshot.total)
    assert any(line.startswith("trial 3 started in place of trial 2: learning_rate ") for line in lines)
    assert (4, {"completed": 4, "lost": 1}) == (results.places, results.counts)
    assert [1, 3, 4, 5] == [trial.index for trial in results.drawn]
    assert [",2,true,InternalServerError", ",2,false,"] == [table[2].split(": ")[0][-27:], table[3][-9:]]
