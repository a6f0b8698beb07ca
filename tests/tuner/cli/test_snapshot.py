"""The estimate of the time left, and which trials a small screen shows."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from contracts.jobs import JobStatus, SecondaryStatus
from tuner.cli.events import EventKind, events_between
from tuner.cli.live import CTRL_C, CTRL_C_AGAIN, LiveDisplay, picture, rows_to_show
from tuner.cli.snapshot import TuningSnapshot
from tuner.store.records import MetricSummary, TrainingJobRecord, TuningJobRecord

METRIC = "validation:accuracy"
S = SecondaryStatus
#: The control sequence that takes a line away.
_ERASE_LINE = "\x1b[2K"


def request(*, limit: int, parallel: int = 2, seconds: int | None = None, minimize: bool = False) -> dict[str, Any]:
    """A tuning request as the store keeps it."""
    limits: dict[str, Any] = {"MaxNumberOfTrainingJobs": limit, "MaxParallelTrainingJobs": parallel}
    if seconds is not None:
        limits["MaxRuntimeInSeconds"] = seconds
    return {
        "HyperParameterTuningJobName": "digits",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize" if minimize else "Maximize", "MetricName": METRIC},
            "ResourceLimits": limits,
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]},
        },
        "TrainingJobDefinition": {"AlgorithmSpecification": {"TrainingImage": "algorithm:1", "MetricDefinitions": []}},
    }


def trial(
    index: int, status: SecondaryStatus, *, start: float | None = None, end: float | None = None, **more: Any
) -> TrainingJobRecord:
    """A trial; `count` values of which the last is `value`."""
    count, value = more.get("count", 0), more.get("value", 0.5)
    summary = MetricSummary(count=count, last=value, time=0.0, minimum=value - 0.1, maximum=value + 0.1)
    return TrainingJobRecord(
        name=f"digits-{index:03d}",
        request={},
        tuning_job="digits",
        trial_index=index,
        tuned={"rate": more.get("rate", "0.123456")},
        gpu_count=0,
        status=status,
        interruption=None,
        exit_code=None,
        stop_reason=None,
        stop_time=None,
        failure_reason="no luck" if status is S.FAILED else "",
        creation_time=start or 0.0,
        training_start_time=start,
        training_end_time=end,
        end_time=end,
        metrics={METRIC: summary} if count else {},
        place=index,
    )


def snapshot(
    trials: Sequence[TrainingJobRecord], *, now: float = 100.0, status: JobStatus = JobStatus.IN_PROGRESS, **limits: Any
) -> TuningSnapshot:
    """The job at `now`, begun at 0."""
    job = TuningJobRecord(
        name="digits",
        request=request(**{"limit": 8, **limits}),
        status=status,
        random_seed=1,
        creation_time=0.0,
        end_time=now if status.is_terminal else None,
        failure_reason="",
    )
    return TuningSnapshot(job=job, trials=tuple(trials), now=now)


def test_before_any_trial_has_ended_there_is_no_estimate() -> None:
    """Nothing is known then."""
    assert None is snapshot([trial(1, S.TRAINING, start=0.0, count=2)]).seconds_left


def test_the_estimate_fills_the_slots_with_what_is_to_come() -> None:
    """Trials take 50 s; one runs and is half way after 30 s; six more wait for two slots."""
    trials = [
        trial(1, S.COMPLETED, start=0.0, end=50.0, count=10),
        trial(2, S.TRAINING, start=70.0, count=5),
    ]

    # One slot is free at once, the other in 30 s: 0-50-100-150 and 30-80-130-180.
    assert 180.0 == snapshot(trials).seconds_left


def test_a_trial_without_a_value_yet_is_told_by_its_time() -> None:
    """It has run for 10 s of about 50."""
    trials = [trial(1, S.COMPLETED, start=0.0, end=50.0, count=10), trial(2, S.TRAINING, start=90.0)]

    assert 40.0 == snapshot(trials, limit=2).seconds_left


def test_where_trials_wait_for_gpus_as_many_run_at_once_as_do_now() -> None:
    """The limit of two is out of reach: six trials follow one another."""
    trials = [
        trial(1, S.COMPLETED, start=0.0, end=50.0, count=10),
        trial(2, S.TRAINING, start=50.0, count=5),
        trial(3, S.PENDING),
    ]

    assert 50.0 + 6 * 50.0 == snapshot(trials).seconds_left


def test_the_estimate_ends_where_the_job_may_run_no_longer() -> None:
    """MaxRuntimeInSeconds counts from the beginning of the job."""
    trials = [trial(1, S.COMPLETED, start=0.0, end=50.0, count=10)]

    assert 20.0 == snapshot(trials, seconds=120).seconds_left


def test_the_best_value_of_a_trial_follows_the_objective() -> None:
    """The greatest or the least, not the last."""
    one = trial(1, S.TRAINING, start=0.0, count=3, value=0.5)

    assert 0.6 == snapshot([one]).best_value_of(one)
    assert 0.4 == snapshot([one], minimize=True).best_value_of(one)


def test_best_first_puts_trials_without_a_value_last() -> None:
    """By final value, then those that run, then those that failed."""
    trials = [
        trial(1, S.FAILED, start=0.0, end=1.0, count=1, value=0.99),
        trial(2, S.TRAINING, start=0.0),
        trial(3, S.COMPLETED, start=0.0, end=1.0, count=1, value=0.3),
        trial(4, S.COMPLETED, start=0.0, end=1.0, count=1, value=0.7),
    ]

    assert [4, 3, 2, 1] == [one.trial_index for one in snapshot(trials).best_first()]
    assert [3, 4, 2, 1] == [one.trial_index for one in snapshot(trials, minimize=True).best_first()]


def test_a_small_screen_shows_the_best_the_running_and_the_last_trials() -> None:
    """Of 750 trials a few fit."""
    trials = [trial(i, S.COMPLETED, start=i, end=float(i), count=1, value=1 / i) for i in range(1, 749)]
    trials += [trial(i, S.TRAINING, start=0.0) for i in (749, 750)]

    shown = rows_to_show(snapshot(trials, limit=750), 5)

    assert [1, 747, 748, 749, 750] == [one.trial_index for one in shown]


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
@pytest.mark.parametrize("height", [50, 24, 18])
def test_the_picture_fits_every_screen(width: int, height: int) -> None:
    """750 trials, narrow or wide: never more lines than the screen has, and never a line too long."""
    trials = [trial(i, S.COMPLETED, start=i, end=float(i), count=1, value=1 / i) for i in range(1, 751)]
    console = Console(width=width, height=height, markup=False, highlight=False, emoji=False)

    lines = console.render_lines(picture(snapshot(trials, limit=750), console), pad=False)

    assert len(lines) <= height
    assert all(sum(segment.cell_length for segment in line) <= width for line in lines)


def test_the_picture_has_all_that_people_ask_for() -> None:
    """The bar, the estimate, a row a trial with its values now and at best, the best so far, what Ctrl-C does."""
    trials = [
        trial(1, S.COMPLETED, start=0.0, end=50.0, count=10, value=0.81239),
        trial(2, S.TRAINING, start=70.0, count=5, value=0.5, rate="0.9876543"),
    ]
    console = Console(width=120, height=30)

    with console.capture() as captured:
        console.print(picture(snapshot(trials), console))

    text = captured.get()
    assert "1 of 8 trials, 1 min 40 s, about 3 min 00 s left" in text
    assert ["*", "1", "0.1235", "Completed", "10", "0.8124", "0.9124", "50", "s"] in [
        line.split() for line in text.splitlines()
    ]
    assert ["2", "0.9877", "Training", "5", "0.5", "0.6", "30", "s"] in [line.split() for line in text.splitlines()]
    assert f"Best so far: trial 1, {METRIC} 0.8124 (rate 0.1235)" in text
    assert CTRL_C in text


def test_the_live_view_keeps_what_is_said_and_takes_its_picture_away() -> None:
    """The summary that follows says all of it again."""
    written = io.StringIO()
    display = LiveDisplay(Console(file=written, force_terminal=True, width=100, height=30, _environ={}))

    display.show(snapshot([trial(1, S.TRAINING, start=0.0)]))
    display.say("The container engine answers again.")
    display.close()

    text = written.getvalue()
    assert "No trial has ended with a value yet." in text
    assert "The container engine answers again." in text
    assert text.endswith(_ERASE_LINE)


def test_a_stopping_job_says_what_another_ctrl_c_does() -> None:
    """It is not the same as before."""
    console = Console(width=120, height=30)
    with console.capture() as captured:
        console.print(picture(snapshot([], status=JobStatus.STOPPING), console))

    assert CTRL_C_AGAIN in captured.get()


def test_events_tell_what_happened_between_two_looks() -> None:
    """Also all of it at once, where the looks are far apart."""
    before = snapshot([trial(1, S.TRAINING, start=0.0, count=1), trial(2, S.PENDING)])
    after = snapshot(
        [
            trial(1, S.COMPLETED, start=0.0, end=9.0, count=2),
            trial(2, S.TRAINING, start=5.0),
            trial(3, S.FAILED, end=9.0),
        ]
    )

    kinds = [(event.kind, event.trial.trial_index) for event in events_between(before, after)]

    assert [
        (EventKind.PROGRESS, 1),
        (EventKind.ENDED, 1),
        (EventKind.STARTED, 2),
        (EventKind.ENDED, 3),
        (EventKind.BEST, 1),
    ] == kinds
    assert [] == list(events_between(after, after))
