"""What a rule would have done to a job that ran."""

from collections.abc import Mapping

from contracts.early_stopping import ForecastStopping
from contracts.metrics import Objective, ObjectiveType
from contracts.tuning import Hyperband
from tuner.search.early_stopping import Report
from tuner.search.learning_curves import Course
from tuner.search.stopping_report import forecast_rule, hyperband_rule, median_rule, would_have

UP = Objective(type=ObjectiveType.MAXIMIZE, metric_name="m")


def course(*values: float, start: float = 0.0, ended: bool = True) -> Course:
    """A value a second."""
    curve = [Report(start + second, value) for second, value in enumerate(values)]
    return Course(curve=curve, finished=start + len(values) if ended else None)


def below(limit: float) -> Mapping[int, int]:
    """Which trials a rule that wants `limit` would have stopped, and when."""
    courses = {1: course(0.5, 0.1, 0.9), 2: course(0.9, 0.9, 0.2), 3: course(0.1, ended=False)}
    return would_have(courses, lambda known, at, epoch: known[at].curve[epoch - 1].value < limit, UP).stopped_at


def test_a_trial_is_stopped_at_the_first_value_that_the_rule_refuses() -> None:
    """A stop at the last value would have saved nothing, and is none."""
    assert {1: 2} == below(0.3)
    assert {1: 1} == below(0.6)


def test_what_is_saved_are_the_epochs_after_the_stop() -> None:
    """And it is told whether the best trial was among the stopped."""
    courses = {1: course(0.5, 0.1, 0.9), 2: course(0.9, 0.9, 0.2), 3: course(0.1, 0.2, ended=False)}
    done = would_have(courses, lambda _, at, epoch: (at, epoch) == (1, 1), UP)

    assert (8, 2, {1: 1}) == (done.epochs, done.saved, done.stopped_at)
    assert (1, True, 2) == (done.best, done.loses_the_best, done.best_left)


def test_a_rule_sees_what_had_been_reported_and_no_more() -> None:
    """By the times of the reports, whatever the order of the trials."""
    seen: list[tuple[int, ...]] = []

    def look(known: Mapping[int, Course], at: int, epoch: int) -> bool:
        seen.append((at, epoch, *(len(known[index].curve) for index in (1, 2))))
        return False

    would_have({1: course(1.0, 2.0, 3.0, start=0.5), 2: course(1.0, 2.0)}, look, UP)

    assert [(2, 1, 0, 1), (1, 1, 1, 1), (1, 2, 2, 2)] == seen


def test_a_trial_that_would_have_been_stopped_tells_others_no_more() -> None:
    """Its later values and its end would not have been there."""
    ends: list[float | None] = []

    def stop_the_first(known: Mapping[int, Course], at: int, epoch: int) -> bool:
        if at == 2:
            ends.append(known[1].finished)
            assert 1 == len(known[1].curve)
        return at == 1

    would_have({1: course(0.1, 0.2, 0.3), 2: course(0.5, 0.6, start=10.0)}, stop_the_first, UP)

    assert [None] == ends


def test_a_job_without_values_has_nothing_to_save() -> None:
    """No trial, or none that has printed anything."""
    done = would_have({}, median_rule(UP), UP)

    assert (0, 0, {}, None) == (done.epochs, done.saved, done.stopped_at, done.best)


def test_every_rule_stops_the_weak_of_a_clear_case() -> None:
    """Ten trials one after the other, each worse than the one before: all rules keep the first, and save epochs."""
    courses = {
        index: course(*(step / 9 / index**2 for step in range(1, 10)), start=100.0 * index) for index in range(1, 11)
    }
    rules = [
        median_rule(UP),
        hyperband_rule(Hyperband(least=1, most=9), UP),
        forecast_rule(ForecastStopping(false_stop_rate=0.3), UP),
    ]

    for rule in rules:
        done = would_have(courses, rule, UP)
        assert not done.loses_the_best
        assert 0 < done.saved < done.epochs
