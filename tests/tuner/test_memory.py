"""What a controller keeps from step to step is what all trials say, in whatever order they end and clocks go."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from job_requests import ACCURACY, tuning_request

from contracts.jobs import SecondaryStatus, StopReason
from tuner.memory import TuningMemory
from tuner.outlook import has_converged
from tuner.search.completion import is_complete
from tuner.store.records import Observation, in_order_of_ending, values_as_they_came
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials

#: A trial is created; or one that runs ends, with these values or none, after so many seconds of a clock that may be
#: set back.
EVENTS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.integers(0, 3),
            st.lists(st.sampled_from([0.0, 0.5, 0.5001, 0.7]), max_size=2),
            st.sampled_from([-5, 0, 1]),
            st.booleans(),
        ),
    ),
    max_size=40,
)


@pytest.mark.parametrize("strategy", ["Random", "Grid"])
@settings(max_examples=25, deadline=None)
@given(events=EVENTS)
def test_what_is_kept_is_what_all_trials_say(strategy: str, events: list[Any]) -> None:
    """After each event: what runs, whether the job is complete or has converged, what is suggested next."""
    request = tuning_request(jobs=60, parallel=4, strategy=strategy)
    request["HyperParameterTuningJobConfig"]["TuningJobCompletionCriteria"] = {
        "TargetObjectiveMetricValue": 0.7,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
    }
    with Store(":memory:") as store:
        store.create_tuning_job(request, random_seed=3, now=0.0)
        job, now = store.tuning_job("tune"), 100.0
        memory = TuningMemory(job, job.spec.completion)
        for event in events:
            now = end_one(store, now, event) if event else create_one(store, now, memory)
            trials = store.trials("tune")
            if not memory.fits(job, trials):
                memory = TuningMemory(job, job.spec.completion)
            list(memory.take_in(trials))

            ended, anew = in_order_of_ending(job, trials), NextTrials.of(store, job)
            values = values_as_they_came(job, trials)
            kept = memory.next_trials(store)
            assert len(ended) == len(memory)
            assert [one.name for one in trials if not one.is_finished] == [one.name for one in memory.running(trials)]
            assert is_complete(job.spec.completion, values, job.spec.definitions[0].objective) == memory.progress.reason
            assert has_converged(anew, ended) == memory.outlook.has_converged(kept)
            assert anew.next(trials) == kept.next(trials)
            assert anew.next(trials[:-1]) == kept.next(trials[:-1])  # as who explains a trial asks


def create_one(store: Store, now: float, memory: TuningMemory) -> float:
    """The next trial, as the search has it, if there is one."""
    trials = store.trials("tune")
    suggested = memory.next_trials(store).next(trials)
    if suggested is not None:
        name = f"tune-{len(trials) + 1:03d}"
        store.create_training_job(
            {"TrainingJobName": name},
            now=now,
            tuning_job="tune",
            trial_index=len(trials) + 1,
            tuned=suggested.tuned,
        )
        store.change_status(name, SecondaryStatus.STARTING, now=now)
        store.change_status(name, SecondaryStatus.TRAINING, now=now)
    return now


def end_one(store: Store, now: float, event: tuple[int, list[float], int, bool]) -> float:
    """One that runs, if any does; it may have been stopped."""
    place, values, later, is_stopped = event
    running = store.unfinished_training_jobs()
    if not running:
        return now
    name = running[place % len(running)].name
    seen = [
        Observation(host="algo-1", line=line, match=1, metric=ACCURACY["Name"], value=value, time=now)
        for line, value in enumerate(values)
    ]
    store.record_observations(name, seen)
    if is_stopped:
        store.request_stop(name, StopReason.USER, now=now)
        store.change_status(name, SecondaryStatus.STOPPING, now=now)
        store.change_status(name, SecondaryStatus.STOPPED, now=now + later)
    else:
        store.change_status(name, SecondaryStatus.UPLOADING, now=now)
        store.change_status(name, SecondaryStatus.COMPLETED, now=now + later)
    return now + later
