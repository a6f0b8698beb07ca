"""The controller over a fake engine: limits, outcomes, interruption."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request
from learning import learn

from contracts.jobs import JobStatus, ObjectiveStatus, SecondaryStatus
from tuner.controller import completion_reason, stop_job
from tuner.engine.fake_container import FakeContainer, Program
from tuner.errors import ResourceNotFound, TunerError
from tuner.store.records import TrainingJobRecord, TuningJobRecord, best_training_job

OpenHome = Callable[..., HomeOfFakes]
ACCURACY = "validation:accuracy"


@pytest.fixture
def open_home(tmp_path: Path) -> Iterator[OpenHome]:
    """Opens a home whose image runs a program, with one tuning job in it."""
    opened: list[HomeOfFakes] = []

    def make(program: Program, *, gpus: tuple[str, ...] = (), **request: Any) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": program}, gpus)
        home.engine.auto_advance = True
        home.store.create_tuning_job(tuning_request(**request), random_seed=7, now=home.clock())
        opened.append(home)
        return home

    yield make
    for one in opened:
        one.close()


def waits(run: FakeContainer) -> Iterator[None]:
    """Trains until it is told to stop."""
    run.on_signal("SIGTERM", lambda: 0)
    run.print("validation: accuracy=0.1")
    while True:
        yield


def run(home: HomeOfFakes) -> TuningJobRecord:
    """Step until the tuning job has ended."""
    home.step_until(lambda: home.store.tuning_job("tune").status.is_terminal)
    return home.store.tuning_job("tune")


def test_a_tuning_job_runs_all_its_trials_and_finds_the_best(open_home: OpenHome) -> None:
    """As many trials as asked for, each once, and the best by the objective's last value."""
    home = open_home(learn, jobs=6)
    job = run(home)
    trials = home.store.trials("tune")
    best = best_training_job(job, trials)

    assert JobStatus.COMPLETED is job.status
    assert [1, 2, 3, 4, 5, 6] == [trial.trial_index for trial in trials]
    assert best is not None
    assert max(trial.metrics[ACCURACY].last for trial in trials) == best.metrics[ACCURACY].last


def test_no_more_trials_run_at_once_than_allowed(open_home: OpenHome) -> None:
    """MaxParallelTrainingJobs holds at every step."""
    home = open_home(learn, jobs=7, parallel=3)
    most = 0
    while not home.store.tuning_job("tune").status.is_terminal:
        home.controller.step()
        most = max(most, len(home.engine.containers({})))
        home.controller.wait(0.01)
        home.clock.now += 3

    assert most == 3


def test_each_trial_is_an_ordinary_training_job(open_home: OpenHome) -> None:
    """Static values, tuned values and the objective's name; the service's form of name."""
    home = open_home(learn, jobs=1)
    run(home)
    (trial,) = home.store.trials("tune")

    assert trial.name.startswith("tune-001-")
    assert len("tune-001-") + 8 == len(trial.name)
    assert {"epochs": "2", "_tuning_objective_metric": ACCURACY, **trial.tuned} == dict(trial.spec.hyperparameters)


def test_the_same_seed_gives_the_same_trials(open_home: OpenHome) -> None:
    """Two runs of one job choose the same values, also when one of them was interrupted."""
    straight, interrupted = open_home(learn, jobs=5), open_home(learn, jobs=5)
    run(straight)
    for _ in range(12):
        interrupted.controller.step()
        interrupted.clock.now += 3
        interrupted.restart()
    run(interrupted)

    assert [trial.tuned for trial in straight.store.trials("tune")] == [
        trial.tuned for trial in interrupted.store.trials("tune")
    ]


def test_grid_tries_every_combination_once_and_ends(open_home: OpenHome) -> None:
    """The number of trials follows from the ranges."""

    def categorical(run: FakeContainer) -> None:
        run.print(f"validation: accuracy=0.{len(run.hyperparameters['optimizer'])}")

    home = open_home(categorical, strategy="Grid", jobs=None)
    job = run(home)

    assert JobStatus.COMPLETED is job.status
    assert ["adam", "lamb", "sgd"] == sorted(trial.tuned["optimizer"] for trial in home.store.trials("tune"))


def test_five_failures_at_the_start_end_the_job(open_home: OpenHome) -> None:
    """A broken image does not burn the whole budget; the words are the service's."""
    home = open_home(lambda run: run.fail("no"), jobs=50, parallel=2)
    job = run(home)

    assert JobStatus.FAILED is job.status
    assert job.failure_reason.startswith("No training job succeeded after ")
    assert len(home.store.trials("tune")) <= 7


def test_a_job_whose_few_trials_all_fail_has_failed(open_home: OpenHome) -> None:
    """Nothing was found, so there is nothing to call complete."""
    home = open_home(lambda run: run.fail("no"), jobs=3)

    assert JobStatus.FAILED is run(home).status


@pytest.mark.parametrize("line", ["nothing to see", "validation: accuracy=nan"])
def test_trials_without_a_value_are_failures_of_the_objective(open_home: OpenHome, line: str) -> None:
    """The training job completed; the search has nothing from it."""

    def mute(run: FakeContainer) -> None:
        run.print(line)

    home = open_home(mute, jobs=2)
    job = run(home)

    assert JobStatus.FAILED is job.status
    assert [(SecondaryStatus.COMPLETED, ObjectiveStatus.FAILED)] * 2 == [
        (trial.status, trial.objective_status(ACCURACY)) for trial in home.store.trials("tune")
    ]


def test_one_failure_among_successes_is_no_obstacle(open_home: OpenHome) -> None:
    """It uses up one of the trials."""

    def moody(run: FakeContainer) -> int:
        run.print("validation: accuracy=0.5")
        return 1 if run.environment["TRAINING_JOB_NAME"].startswith("tune-002") else 0

    home = open_home(moody, jobs=4)

    assert JobStatus.COMPLETED is run(home).status
    assert 4 == len(home.store.trials("tune"))


def test_a_stop_ends_running_trials_and_starts_no_more(open_home: OpenHome) -> None:
    """Stopped trials keep their last value."""
    home = open_home(waits, jobs=10)
    home.step_until(
        lambda: all(trial.metrics for trial in home.store.trials("tune")) and bool(home.store.trials("tune"))
    )
    stop_job(home.store, "tune", now=home.clock())
    job = run(home)

    assert JobStatus.STOPPED is job.status
    assert [ObjectiveStatus.SUCCEEDED] * 2 == [trial.objective_status(ACCURACY) for trial in home.store.trials("tune")]
    assert not home.engine.containers({})


def test_the_jobs_own_time_limit_completes_it(open_home: OpenHome) -> None:
    """MaxRuntimeInSeconds of the tuning job stops its trials; it has done what it was allowed to."""
    home = open_home(waits, jobs=10, limits={"MaxRuntimeInSeconds": 300})
    began = home.clock.now
    job = run(home)

    assert JobStatus.COMPLETED is job.status
    assert home.clock.now - began > 300
    assert {JobStatus.STOPPED} == {trial.primary_status for trial in home.store.trials("tune")}


def test_a_stop_of_one_trial_leaves_the_others(open_home: OpenHome) -> None:
    """The freed slot goes to the next trial."""
    home = open_home(waits, jobs=3, parallel=2)
    home.step_until(lambda: len(home.store.trials("tune")) == 2)
    first = home.store.trials("tune")[0].name
    stop_job(home.store, first, now=home.clock())
    home.step_until(lambda: len(home.store.trials("tune")) == 3)

    assert SecondaryStatus.STOPPED is home.store.training_job(first).status
    assert JobStatus.IN_PROGRESS is home.store.tuning_job("tune").status


def test_what_has_ended_cannot_be_stopped(open_home: OpenHome) -> None:
    """In the service's words; an unknown name is not found."""
    home = open_home(learn, jobs=1)
    run(home)

    with pytest.raises(TunerError, match="rejected because the tuning job is in status Completed"):
        stop_job(home.store, "tune", now=1)
    with pytest.raises(TunerError, match="rejected because the training job is in status Completed"):
        stop_job(home.store, home.store.trials("tune")[0].name, now=1)
    with pytest.raises(ResourceNotFound):
        stop_job(home.store, "nobody", now=1)


def test_trials_wait_for_gpus_and_share_none(open_home: OpenHome) -> None:
    """Four slots and two GPUs: two trials run, the others wait."""
    home = open_home(
        learn, gpus=("GPU-a", "GPU-b"), jobs=6, parallel=4, ResourceConfig={"InstanceType": "ml.g5.xlarge"}
    )
    while not home.store.tuning_job("tune").status.is_terminal:
        home.controller.step()
        held = [
            gpu
            for container in home.engine.containers({})
            for gpu in home.engine.container(container.container_id).spec.gpu_ids
        ]
        assert len(held) == len(set(held)) <= 2
        home.controller.wait(0.01)
        home.clock.now += 3

    assert 6 == len(home.store.trials("tune"))
    assert JobStatus.COMPLETED is home.store.tuning_job("tune").status


def test_trials_share_the_cpus_evenly(open_home: OpenHome) -> None:
    """The fake host has two; each of four trials at a time gets half a CPU."""
    home = open_home(learn, jobs=4, parallel=4)
    home.controller.step()

    assert [0.5] * 4 == [home.engine.container(c.container_id).spec.cpus for c in home.engine.containers({})]


def test_without_beginning_nothing_new_is_started(open_home: OpenHome) -> None:
    """What a command needs that stops another job: running trials are led to their end, no slot is filled."""
    home = open_home(learn, jobs=5, parallel=2)
    home.controller.step()
    for _ in range(30):
        home.controller.step(begin=False)
        home.controller.wait(0.01)
        home.clock.now += 3

    assert [SecondaryStatus.COMPLETED] * 2 == [trial.status for trial in home.store.trials("tune")]
    assert JobStatus.IN_PROGRESS is home.store.tuning_job("tune").status
    assert JobStatus.COMPLETED is run(home).status


def test_two_jobs_of_a_home_go_on_side_by_side(open_home: OpenHome) -> None:
    """The controller works everything that is unfinished."""
    home = open_home(learn, jobs=3)
    home.store.create_tuning_job(tuning_request("other", jobs=3), random_seed=8, now=home.clock())
    home.step_until(lambda: not home.store.tuning_jobs(unfinished=True))

    assert [3, 3] == [len(home.store.trials(name)) for name in ("tune", "other")]


def curves(run: FakeContainer) -> Iterator[None]:
    """Nine epochs whose values follow the learning rate; obeys SIGTERM."""
    run.on_signal("SIGTERM", lambda: 143)
    for epoch in range(1, 10):
        run.print(f"validation: accuracy={float(run.hyperparameters['learning_rate']) * (1 - 0.5**epoch):.6f}")
        yield
    run.write_model()


def with_config(**members: Any) -> dict[str, Any]:
    """A tuning job over a learning rate with further members in its configuration."""
    request = tuning_request(jobs=12, parallel=1)
    request["HyperParameterTuningJobConfig"] |= members
    return request


def open_with(home: HomeOfFakes, **members: Any) -> TuningJobRecord:
    """The job run to its end."""
    request = with_config(**members) | {"HyperParameterTuningJobName": "other"}
    home.store.create_tuning_job(request, random_seed=7, now=home.clock())
    home.step_until(lambda: home.store.tuning_job("other").status.is_terminal)
    return home.store.tuning_job("other")


def test_a_job_is_complete_when_its_target_is_reached(open_home: OpenHome) -> None:
    """No further trial starts, and the job is Completed."""
    home = open_home(curves, jobs=1)
    job = open_with(home, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 0.3})
    trials = home.store.trials("other")

    assert JobStatus.COMPLETED is job.status
    assert len(trials) < 12
    assert "a trial has reached the target 0.3" == completion_reason(job, trials)
    assert 0.3 <= trials[-1].metrics[ACCURACY].last


def test_a_job_is_complete_when_nothing_improves_any_more(open_home: OpenHome) -> None:
    """After so many trials in a row."""
    home = open_home(curves, jobs=1)
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    job = open_with(home, TuningJobCompletionCriteria=criteria)
    values = [trial.metrics[ACCURACY].last for trial in home.store.trials("other")]

    assert JobStatus.COMPLETED is job.status
    assert max(values) in values[:-3]
    assert len(values) < 12


def test_trials_that_fall_behind_are_stopped_and_count(open_home: OpenHome) -> None:
    """With the value that they had reached, and their status says how they ended."""
    home = open_home(curves, jobs=1)
    job = open_with(home, TrainingJobEarlyStoppingType="Auto")
    trials = home.store.trials("other")
    stopped = [trial for trial in trials if trial.status is SecondaryStatus.STOPPED]
    best = best_training_job(job, trials)

    assert (JobStatus.COMPLETED, 12) == (job.status, len(trials))
    assert stopped
    assert {ObjectiveStatus.SUCCEEDED} == {trial.objective_status(ACCURACY) for trial in trials}
    assert best is not None
    assert SecondaryStatus.COMPLETED is best.status


def test_hyperband_stops_the_weak_and_ends_the_strong(open_home: OpenHome) -> None:
    """No trial goes beyond MaxResource; most end at the first rung."""
    home = open_home(curves, jobs=1)
    band = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 4}}
    open_with(home, Strategy="Hyperband", StrategyConfig=band)
    counts = [trial.metrics[ACCURACY].count for trial in home.store.trials("other")]

    assert max(counts) <= 5  # one more line may come between the value and the signal
    assert counts.count(1) + counts.count(2) >= 3


def forecast(home: HomeOfFakes, **section: object) -> list[TrainingJobRecord]:
    """The trials of a job whose search file asks for a forecast, when it has ended."""
    request = with_config() | {"HyperParameterTuningJobName": "other"}
    extension = {"EarlyStopping": {"Type": "Forecast", "FalseStopRate": 0.4, **section}}
    home.store.create_tuning_job(request, random_seed=7, now=home.clock(), extension=extension)
    home.step_until(lambda: home.store.tuning_job("other").status.is_terminal)
    return home.store.trials("other")


def test_trials_that_are_forecast_not_to_become_the_best_are_stopped(open_home: OpenHome) -> None:
    """Where the search file asks for it; the best trial is not among them."""
    home = open_home(curves, jobs=1)
    trials = forecast(home)
    best = best_training_job(home.store.tuning_job("other"), trials)

    assert SecondaryStatus.STOPPED in {trial.status for trial in trials}
    assert best is not None
    assert SecondaryStatus.COMPLETED is best.status


def test_a_forecast_in_shadow_stops_nobody(open_home: OpenHome) -> None:
    """`show` tells what it would have done."""
    trials = forecast(open_home(curves, jobs=1), Shadow=True)

    assert {SecondaryStatus.COMPLETED} == {trial.status for trial in trials}


def statuses(home: HomeOfFakes, *, restarts: bool) -> list[SecondaryStatus]:
    """How the trials of a job with early stopping end, in one process or in several."""
    request = with_config(TrainingJobEarlyStoppingType="Auto") | {"HyperParameterTuningJobName": "other"}
    home.store.create_tuning_job(request, random_seed=7, now=home.clock())
    for trials in (3, 7, 12):
        while len(home.store.trials("other")) < trials:
            home.controller.step()
            home.clock.now += 3
        if restarts:
            home.restart()
    home.step_until(lambda: home.store.tuning_job("other").status.is_terminal)
    return [trial.status for trial in home.store.trials("other")]


def test_a_new_process_judges_as_the_old_one_did(open_home: OpenHome) -> None:
    """What had been reported by then decides, not who looks when."""
    assert statuses(open_home(curves, jobs=1), restarts=False) == statuses(open_home(curves, jobs=1), restarts=True)
