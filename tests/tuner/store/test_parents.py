"""The best trial of a tuning job and of those that it started from."""

from collections.abc import Iterator
from typing import Any

import pytest
from job_requests import tuning_request
from parent_jobs import TRANSFER, ParentJob, warm_request

from contracts.jobs import SecondaryStatus
from tuner.store.parents import overall_best, parent_jobs
from tuner.store.sqlite_store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    """A store in memory."""
    with Store(":memory:") as opened:
        yield opened


def best(store: Store, name: str = "next") -> tuple[str, str] | None:
    """The tuning job and the name of the best trial of all."""
    found = overall_best(store, store.tuning_job(name))
    return None if found is None else (found.job.name, found.trial.name)


def minimized(request: dict[str, Any]) -> dict[str, Any]:
    """The request, with small values being the good ones."""
    request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] = "Minimize"
    return request


@pytest.mark.parametrize(("own", "of"), [(0.4, "first"), (0.6, "next"), (0.5, "first"), (None, "first")])
def test_the_best_of_all_is_the_parents_or_the_jobs(store: Store, own: float | None, of: str) -> None:
    """Of equals it is the earlier one; before the job has any value it is the parent's."""
    parent, child = ParentJob(store), ParentJob(store, warm_request())
    name = parent.add(0.5)
    parent.add(0.3)
    mine = child.add(own)

    assert (of, name if of == "first" else mine) == best(store)


def test_small_values_are_the_best_where_they_are_minimized(store: Store) -> None:
    """The objective's type decides."""
    ParentJob(store, minimized(tuning_request("first"))).add(0.5)
    mine = ParentJob(store, minimized(warm_request())).add(0.4)

    assert ("next", mine) == best(store)


def test_it_is_looked_for_in_all_parents(store: Store) -> None:
    """And not in theirs."""
    ParentJob(store, tuning_request("grandparent")).add(0.9)
    ParentJob(store, warm_request("first", "grandparent")).add(0.3)
    second = ParentJob(store, tuning_request("second")).add(0.5)
    ParentJob(store, warm_request("next", "first", "second")).add(0.4)

    assert ("second", second) == best(store)


def test_a_failed_trial_is_never_the_best(store: Store) -> None:
    """Whatever it had printed before."""
    ParentJob(store).add(0.5, SecondaryStatus.FAILED)
    ParentJob(store, warm_request())

    assert best(store) is None


def test_other_data_cannot_be_compared(store: Store) -> None:
    """TransferLearning has no best of all, as in the service; nor has a job without parents."""
    ParentJob(store).add(0.5)
    ParentJob(store, warm_request(kind=TRANSFER)).add(0.4)

    assert (None, None) == (best(store), best(store, "first"))


def test_all_trials_are_judged_as_the_job_judges_its_own(store: Store) -> None:
    """Here by a bound that its search file sets, and that the parent knew nothing of."""
    ParentJob(store).add(0.9)
    bounds = {"MetricConstraints": [{"MetricName": "validation:accuracy", "Maximum": 0.7}]}
    mine = ParentJob(store, warm_request(), extension=bounds).add(0.4)

    assert ("next", mine) == best(store)


def test_a_parent_that_is_gone_does_not_keep_the_others_from_being_compared(store: Store) -> None:
    """What is there counts."""
    mine = ParentJob(store, warm_request("next", "gone")).add(0.4)

    assert ("next", mine) == best(store)
    assert [] == parent_jobs(store, store.tuning_job("next"))
