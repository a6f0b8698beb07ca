"""What a report tells, taken from the store."""

from pathlib import Path

import pytest
from tuning_history import START, TuningHistory

from contracts.jobs import SecondaryStatus
from tuner.dashboard.results import TuningResults, read_results
from tuner.errors import ResourceNotFound
from tuner.store.sqlite_store import Store


def results_of(history: TuningHistory) -> TuningResults:
    """The results as they stand."""
    return read_results(history.store, history.name, history.now)


def test_the_best_trial_is_the_one_with_the_best_last_value(history: TuningHistory) -> None:
    """Not the greatest value ever printed: a trial is judged by its last, as in the cloud."""
    history.add([0.9, 0.4])
    history.add([0.3, 0.6])
    best = results_of(history).best

    assert best is not None
    assert (2, 0.6) == (best.index, best.objective)


@pytest.mark.parametrize(("objective_type", "line"), [("Maximize", [0.4, 0.6, 0.6]), ("Minimize", [0.4, 0.4, 0.2])])
def test_the_best_so_far_goes_one_way_only(store: Store, objective_type: str, line: list[float]) -> None:
    """Up for an objective that is maximized, down for one that is minimized."""
    history = TuningHistory(store, objective_type=objective_type)
    for value in (0.4, 0.6, 0.2):
        history.add([value])

    assert list(zip((1, 2, 3), line, strict=True)) == list(results_of(history).best_so_far)


def test_failed_and_running_trials_are_never_the_best(history: TuningHistory) -> None:
    """Whatever they printed; neither are they part of the best-so-far line."""
    history.add([0.99], status=SecondaryStatus.FAILED)
    history.add([0.98], status=None)
    history.add([0.5])
    results = results_of(history)

    assert ((3, 0.5),) == results.best_so_far
    assert [3, 2, 1] == [trial.index for trial in results.ranking]
    assert {"completed": 1, "failed": 1, "running": 1} == results.counts


def test_the_ranking_puts_the_best_first_for_either_direction(store: Store) -> None:
    """A loss is best when it is least."""
    history = TuningHistory(store, objective_type="Minimize")
    for value in (0.4, 0.2, 0.6):
        history.add([value])

    assert [2, 1, 3] == [trial.index for trial in results_of(history).ranking]


def test_a_stopped_trial_with_a_value_counts(history: TuningHistory) -> None:
    """A trial that was stopped has succeeded if it had printed the objective."""
    history.add([0.7], status=SecondaryStatus.STOPPED)
    best = results_of(history).best

    assert best is not None
    assert 0.7 == best.objective


def test_a_running_trial_has_lasted_until_now(history: TuningHistory) -> None:
    """And an ended one until its container ended."""
    history.add([0.1])
    history.add([0.1], status=None)
    ended, running = results_of(history).trials

    assert 20 == ended.duration_seconds
    assert history.now - (START + 60) == running.duration_seconds


def test_the_model_is_named_only_where_it_is(history: TuningHistory, tmp_path: Path) -> None:
    """A page must not send people to a file that is not there."""
    name = history.add([0.1])
    history.add([0.1], has_model=False)
    with_model, without = results_of(history).trials

    assert tmp_path / name / "output" / "model.tar.gz" == with_model.model
    assert without.model is None


def test_an_unknown_job_is_an_error(store: Store) -> None:
    """With the name in the text."""
    with pytest.raises(ResourceNotFound, match="nobody"):
        read_results(store, "nobody", START)
