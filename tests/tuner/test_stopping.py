"""Early stopping: from a job's records to the rules."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tuning_history import OBJECTIVE, START, TuningHistory

from contracts.jobs import SecondaryStatus, StopReason
from tuner.stopping import FORECAST, HYPERBAND, MEDIAN, Courses, rule_of, shadow_of, stopping_report
from tuner.store.records import Observation, TuningJobRecord
from tuner.store.sqlite_store import Store

SHADOW = {"EarlyStopping": {"Type": "Forecast", "FalseStopRate": 0.3, "Shadow": True}}
EARNEST = {"EarlyStopping": {"Type": "Forecast"}}


@pytest.fixture
def history(tmp_path: Path) -> TuningHistory:
    """A tuning job whose trials are added one by one."""
    return TuningHistory(Store(tmp_path / "algodock.db"), jobs=30)


def job(history: TuningHistory, extension: dict[str, Any] | None = None, **config: Any) -> TuningJobRecord:
    """The job as it stands, with other words in its request or its search file."""
    record = history.store.tuning_job(history.name)
    request = dict(record.request)
    request["HyperParameterTuningJobConfig"] = {**request["HyperParameterTuningJobConfig"], **config}
    return replace(record, request=request, extension=extension)


def ended(history: TuningHistory, extension: dict[str, Any] | None = None) -> dict[int, float | None]:
    """When each trial came to its end by itself."""
    record = job(history, extension)
    trials = history.store.trials(history.name)
    courses = Courses(history.store, record).of(record.spec.definitions[0], trials)
    return {place: course.finished for place, course in courses.items()}


def end_with(store: Store, trial: str, value: float) -> None:
    """A trial that runs reports another value, and ends."""
    later = START + 1000
    store.record_observations(
        trial, [Observation(host="algo-1", line=2, match=0, metric=OBJECTIVE, value=value, time=later)]
    )
    store.record_exit(trial, 0, now=later)
    store.change_status(trial, SecondaryStatus.UPLOADING, now=later)
    store.change_status(trial, SecondaryStatus.COMPLETED, now=later)


def test_what_was_read_of_ended_trials_is_what_is_there(history: TuningHistory) -> None:
    """One object that is asked after each event says what a new one says: of trials that run, end, or never report."""
    record = job(history)
    (definition,) = record.spec.definitions
    kept = Courses(history.store, record)
    running = history.add([0.1], status=None)
    kept.of(definition, history.store.trials(history.name))
    history.add(status=SecondaryStatus.FAILED)
    history.add([0.3, 0.4])
    found = [kept.of(definition, history.store.trials(history.name))]
    end_with(history.store, running, 0.2)
    history.add([0.5], status=None)
    found.append(kept.of(definition, history.store.trials(history.name)))

    assert [{1: 1, 3: 2}, {1: 2, 3: 2, 4: 1}] == [
        {place: len(course.curve) for place, course in courses.items()} for courses in found
    ]
    assert Courses(history.store, record).of(definition, history.store.trials(history.name)) == found[-1]


@pytest.mark.parametrize(
    ("extension", "config", "is_ruled"),
    [
        pytest.param(None, {}, False, id="nothing asked for"),
        pytest.param(None, {"TrainingJobEarlyStoppingType": "Auto"}, True, id="Auto"),
        pytest.param(EARNEST, {}, True, id="forecast"),
        pytest.param(SHADOW, {}, False, id="shadow stops nobody"),
        pytest.param(SHADOW, {"TrainingJobEarlyStoppingType": "Auto"}, True, id="Auto with a shadow"),
    ],
)
def test_a_job_has_the_rule_that_it_asks_for(
    history: TuningHistory, extension: dict[str, Any] | None, config: dict[str, Any], *, is_ruled: bool
) -> None:
    """Or none."""
    record = job(history, extension, **config)

    assert is_ruled == (rule_of(record, record.spec.definitions[0]) is not None)


def test_only_trials_that_nobody_stopped_have_come_to_their_end(history: TuningHistory) -> None:
    """One that failed, runs, was stopped or printed nothing tells not where it would have ended."""
    history.add([0.1, 0.2])
    history.add([0.1], status=SecondaryStatus.FAILED)
    history.add([0.1], status=None)
    history.store.request_stop(history.add([0.1], status=None), StopReason.EARLY_STOPPING, now=history.now)
    history.add()

    assert [True, False, False, False] == [end is not None for end in ended(history).values()]


def test_a_trial_that_breaks_a_bound_is_no_bar_for_others(history: TuningHistory) -> None:
    """They may become the best with a worse value of the objective."""
    history.add([0.9], loss=0.7)
    bounds = {"MetricConstraints": [{"MetricName": "train:loss", "Maximum": 0.6}]}

    assert ended(history)[1] is not None
    assert ended(history, bounds)[1] is None


def test_a_report_tells_of_every_rule(history: TuningHistory) -> None:
    """Of a job without early stopping: what each would have saved; the best trial is the same for all."""
    for index in range(1, 11):
        history.add([step / index**2 / 20 for step in range(1, 11)])
    (report,) = stopping_report(history.store, job(history), history.store.trials(history.name))

    assert [MEDIAN, HYPERBAND, FORECAST] == list(report.rules)
    assert {(100, 1)} == {(done.epochs, done.best) for done in report.rules.values()}
    assert all(done.saved > 0 and not done.loses_the_best for done in report.rules.values())
    assert (10, 0) == (len(report.trials), report.cut_short)


def test_a_shadow_is_what_the_forecast_of_the_search_file_would_have_done(history: TuningHistory) -> None:
    """It is worked out from what was reported, so nothing of it is stored."""
    for index in range(1, 11):
        history.add([step / index**2 / 20 for step in range(1, 11)])
    trials = history.store.trials(history.name)
    shadow = shadow_of(history.store, job(history, SHADOW), trials)
    (report,) = stopping_report(history.store, job(history, SHADOW), trials)

    assert shadow == report.rules[FORECAST]
    assert shadow_of(history.store, job(history, EARNEST), trials) is None
    assert shadow_of(history.store, job(history), trials) is None
