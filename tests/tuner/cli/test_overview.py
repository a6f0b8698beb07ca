"""What the store says of a tuning job by its indexes, against what all of its trials say: whatever they came to."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st
from job_requests import ACCURACY, tuning_request

from contracts.jobs import SecondaryStatus
from contracts.outcome import FailureKind
from tuner.cli.snapshot import StoredOverview, TuningSnapshot, read_tuning_job
from tuner.store.records import Observation
from tuner.store.sqlite_store import Store

Trial: TypeAlias = tuple[float | None, float | None, tuple[SecondaryStatus, ...], str, bool]

VALUES = st.sampled_from([None, -1.0, 0.0, 0.5, 0.75, 1e300, float("inf")])
#: How a trial went: its last value, that of a metric with bounds, the statuses after Training, why it failed if it did,
#: and whether it took the place of the first.
TRIALS = st.tuples(
    VALUES,
    st.sampled_from([None, 5.0, 10.0, 15.0]),
    st.sampled_from(
        [
            (),
            (SecondaryStatus.UPLOADING,),
            (SecondaryStatus.UPLOADING, SecondaryStatus.COMPLETED),
            (SecondaryStatus.STOPPING, SecondaryStatus.STOPPED),
            (SecondaryStatus.FAILED,),
        ]
    ),
    st.sampled_from(["AlgorithmError: one", "AlgorithmError: other", "InternalServerError: gone"]),
    st.booleans(),
)


@contextmanager
def home(trials: list[Trial], *, minimize: bool, bounds: bool) -> Iterator[Store]:
    """A store in which trials ended in the reverse of their order, as it remembers them."""
    request = tuning_request("Tune")
    request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] = (
        "Minimize" if minimize else "Maximize"
    )
    extension = {"MetricConstraints": [{"MetricName": "size", "Maximum": 10}]} if bounds else None
    with Store(":memory:") as store:
        store.create_tuning_job(request, random_seed=1, now=0.0, extension=extension)
        names = [f"Tune-{index:03d}" for index in range(1, len(trials) + 1)]
        places = 0
        for index, (name, trial) in enumerate(zip(names, trials, strict=True), start=1):
            is_again = trial[-1] and places > 0
            places += not is_again
            store.create_training_job(
                {"TrainingJobName": name},
                now=index,
                tuning_job="Tune",
                trial_index=index,
                place=1 if is_again else places,
            )
            store.change_status(name, SecondaryStatus.STARTING, now=index)
            store.change_status(name, SecondaryStatus.TRAINING, now=index)
        for name, (value, size, statuses, reason, _) in reversed(list(zip(names, trials, strict=True))):
            printed = {ACCURACY["Name"]: value, "size": size}
            store.record_observations(
                name,
                [
                    Observation(host="algo-1", line=1, match=1, metric=metric, value=one, time=1.0)
                    for metric, one in printed.items()
                    if one is not None
                ],
            )
            for status in statuses:
                failed = status is SecondaryStatus.FAILED
                store.change_status(
                    name,
                    status,
                    now=100.0,
                    failure_reason=reason if failed else "",
                    failure_kind=FailureKind(reason.split(":")[0]) if failed else None,
                )
        yield store


@settings(max_examples=40, deadline=None)
@given(st.lists(TRIALS, max_size=8), st.booleans(), st.booleans(), st.integers(0, 14))
def test_what_is_found_by_indexes_is_what_all_trials_say(
    trials: list[Trial],
    minimize: bool,
    bounds: bool,
    limit: int,
) -> None:
    """The best, the first so many, the numbers, the failures: the same records in the same order."""
    with home(trials, minimize=minimize, bounds=bounds) as store:
        whole: TuningSnapshot = read_tuning_job(store, "Tune", 200.0)
        stored = StoredOverview(job=whole.job, now=200.0, store=store)

        assert whole.best == stored.best
        assert whole.best_first(limit) == stored.best_first(limit)
        assert (whole.count, whole.done, whole.total) == (stored.count, stored.done, stored.total)
        assert list(whole.failures) == list(stored.failures)


def test_the_best_of_many_trials_are_found_by_an_index() -> None:
    """No statement that `list` and `show` are made of sorts trials, or reads all of them."""
    read: list[str] = []
    with home([], minimize=True, bounds=False) as store:
        store._db.set_trace_callback(read.append)
        job = store.tuning_job("Tune")
        overview = StoredOverview(job=job, now=1.0, store=store)
        assert (None, [], 0, 0) == (overview.best, overview.best_first(100), overview.done, overview.count)
        store._db.set_trace_callback(None)
        plans = [row["detail"] for one in read for row in store._db.execute(f"EXPLAIN QUERY PLAN {one}")]

    assert any("training_job_best_first" in plan for plan in plans)
    assert [] == [plan for plan in plans if re.match("SCAN (training_job|metric_summary)(?! USING INDEX)", plan)]
