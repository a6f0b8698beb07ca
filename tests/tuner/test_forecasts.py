"""Forecasts of stopped trials from a job's records, and the searches that go by them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request
from tuning_history import TuningHistory

from contracts.jobs import SecondaryStatus, StopReason
from tuner.engine.fake_container import FakeContainer
from tuner.forecasts import Forecasts
from tuner.hindsight import Hindsight
from tuner.outlook import has_converged
from tuner.search.explanation import Origin, foresight
from tuner.store.records import TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials

RISING = [0.1, 0.3, 0.5, 0.6]
BAND: dict[str, Any] = {"HyperbandStrategyConfig": {"MinResource": 9, "MaxResource": 27}}
BAYESIAN = {"Hyperband": {"Suggestions": "Bayesian"}}
#: From this learning rate on, a trial waits until somebody stops it.
GREAT = 0.25


@pytest.fixture
def history(tmp_path: Path) -> TuningHistory:
    """A tuning job of which two trials have come to their end."""
    found = TuningHistory(Store(tmp_path / "algodock.db"), jobs=30)
    found.add(RISING)
    found.add([value + 0.1 for value in RISING])
    return found


def stop(history: TuningHistory, curve: list[float], reason: StopReason = StopReason.EARLY_STOPPING) -> str:
    """Add a trial that was stopped."""
    name = history.add(curve, status=None)
    history.store.request_stop(name, reason, now=history.now)
    history.store.record_exit(name, 0, now=history.now)
    history.store.change_status(name, SecondaryStatus.STOPPED, now=history.now)
    return name


def forecast(history: TuningHistory, job: TuningJobRecord | None = None) -> dict[str, float]:
    """What is forecast of the trials of a job."""
    job = job or history.store.tuning_job(history.name)
    found = Forecasts(store=history.store, job=job).of(history.store.trials(history.name))
    return {name: one.value for name, one in found.items()}


@pytest.mark.parametrize(
    ("reason", "is_forecast"),
    [
        (StopReason.EARLY_STOPPING, True),
        (StopReason.USER, True),
        (StopReason.TUNING_JOB, True),
        (StopReason.MAX_RUNTIME, False),
    ],
)
def test_a_trial_that_would_have_gone_on_is_forecast(
    history: TuningHistory, reason: StopReason, *, is_forecast: bool
) -> None:
    """One that ran into a limit of its own has had all that a trial may have."""
    name = stop(history, [0.1, 0.3], reason)

    assert is_forecast == (name in forecast(history))


def test_running_and_failed_trials_are_not_forecast(history: TuningHistory) -> None:
    """When a line of a running trial was taken in is not recorded: a search that looked could not be followed."""
    history.add([0.1], status=None)
    history.add([0.1], status=SecondaryStatus.FAILED)

    assert {} == forecast(history)


def test_hyperband_s_last_stop_is_no_cut(history: TuningHistory) -> None:
    """Who has had all of the resource has come to the end."""
    stop(history, [0.1, 0.3, 0.4])
    job = history.store.tuning_job(history.name)
    config = {**job.request["HyperParameterTuningJobConfig"], "Strategy": "Hyperband"}

    for most, count in ((3, 0), (4, 1)):
        config["StrategyConfig"] = {"HyperbandStrategyConfig": {"MaxResource": most}}
        asked = replace(job, request={**job.request, "HyperParameterTuningJobConfig": config})
        assert count == len(forecast(history, asked))


def test_the_search_goes_by_the_forecast_and_people_see_the_value(history: TuningHistory) -> None:
    """What a trial reported stays its objective."""
    stop(history, [0.1, 0.3])
    job = history.store.tuning_job(history.name)
    (suggestions,) = NextTrials.of(history.store, job).of_definitions
    trial = suggestions.own(history.store.trials(history.name))[-1]

    assert 0.3 == trial.objective
    assert trial.forecast is not None
    assert 0.3 < trial.forecast.value


def learn(run: FakeContainer) -> Iterator[None]:
    """Three epochs; with a great learning rate it prints one, and waits to be stopped."""
    rate = float(run.hyperparameters["learning_rate"])
    run.on_signal("SIGTERM", lambda: 0)
    for epoch in (1, 2, 3):
        run.print(f"[Epoch {epoch}] validation: accuracy={(1 - abs(rate - 0.2)) * epoch / (epoch + 2):.6f}")
        yield
        while rate > GREAT:
            yield


@pytest.fixture
def tuned(tmp_path: Path) -> Iterator[Callable[..., HomeOfFakes]]:
    """Works a Hyperband job with suggestions by the model to its end; `restarted` by a new process now and then.

    Trials that wait are stopped by their user, so that which ones are does not hang on how fast anything is.
    """
    opened: list[HomeOfFakes] = []

    def work(*, restarted: bool = False) -> HomeOfFakes:
        home = HomeOfFakes(tmp_path / f"home{len(opened)}", {"image": learn})
        opened.append(home)
        home.engine.auto_advance = True
        request = tuning_request(jobs=12, parallel=2, strategy="Hyperband")
        request["HyperParameterTuningJobConfig"]["StrategyConfig"] = BAND
        home.store.create_tuning_job(request, random_seed=7, now=home.clock(), extension=BAYESIAN)
        steps = 0
        while not home.store.tuning_job("tune").status.is_terminal:
            home.controller.step()
            home.controller.wait(0.005)
            for trial in home.store.unfinished_training_jobs():
                if float(trial.tuned["learning_rate"]) > GREAT and trial.metrics and trial.stop_reason is None:
                    home.store.request_stop(trial.name, StopReason.USER, now=home.clock())
            home.clock.now += 1
            steps += 1
            if restarted and steps % 7 == 0:
                home.restart()
        return home

    yield work
    for home in opened:
        home.close()


def test_hyperband_s_suggestions_are_explained_and_found_again(tuned: Callable[..., HomeOfFakes]) -> None:
    """Also when the process was killed now and then: they are functions of what the store holds."""
    home = tuned(restarted=True)
    job, trials = home.store.tuning_job("tune"), home.store.trials("tune")
    explanations = list(Hindsight.of(home.store, job).explanations())

    assert 12 == len(trials)
    assert {None, StopReason.USER} == {trial.stop_reason for trial in trials}
    assert {Origin.START, Origin.MODEL} == {one.origin for one in explanations}


def test_predictions_are_judged_by_trials_that_came_to_their_end(tuned: Callable[..., HomeOfFakes]) -> None:
    """What was expected of the others is what nobody has seen."""
    home = tuned()
    explanations = list(Hindsight.of(home.store, home.store.tuning_job("tune")).explanations())
    seen = foresight(explanations)
    whole = [one for one in explanations if one.origin is Origin.MODEL and not one.cut_short]

    assert any(one.cut_short for one in explanations)
    assert len(whole) == (0 if seen is None else seen.trials)


def test_convergence_is_then_judged_by_the_model(tuned: Callable[..., HomeOfFakes]) -> None:
    """Its trials are no independent draws; the question has an answer either way."""
    home = tuned()
    job, trials = home.store.tuning_job("tune"), home.store.trials("tune")

    assert "Bayesian" == job.suggesting
    assert has_converged(NextTrials.of(home.store, job), trials) in {True, False}
