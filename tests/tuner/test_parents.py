"""What a search learns from the parents of its tuning job."""

from collections.abc import Iterator
from typing import Any

import pytest
from job_requests import training_request, tuning_request
from parent_jobs import IDENTICAL, TRANSFER, ParentJob, warm_request

from contracts.jobs import JobStatus, ObjectiveStatus, SecondaryStatus, StopReason
from tuner.memory import TuningMemory
from tuner.search.trials import Parent
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials, parents_of

Ranges = dict[str, list[dict[str, Any]]]
FAILED, STOPPED = SecondaryStatus.FAILED, SecondaryStatus.STOPPED


@pytest.fixture
def store() -> Iterator[Store]:
    """A store in memory."""
    with Store(":memory:") as opened:
        yield opened


def parents(store: Store, request: dict[str, Any] | None = None) -> tuple[Parent, ...]:
    """The parents of a new job with that request."""
    request = warm_request() if request is None else request
    store.create_tuning_job(request, random_seed=7, now=200.0)
    return parents_of(store, store.tuning_job(request["HyperParameterTuningJobName"]))


def configurations(store: Store, request: dict[str, Any]) -> list[dict[str, str]]:
    """The configurations that a new job with that request has of its parents."""
    return [dict(trial.configuration) for parent in parents(store, request) for trial in parent.trials]


def test_a_job_without_parents_has_none(store: Store) -> None:
    """A cold start."""
    assert () == parents(store, tuning_request())


def test_a_parents_trials_come_with_their_values(store: Store) -> None:
    """As the parent's own search saw them."""
    first = ParentJob(store)
    first.add(0.25, learning_rate="0.01")
    first.add(0.5, learning_rate="0.02")
    (parent,) = parents(store)

    assert ("first", True) == (parent.name, parent.is_identical)
    assert [(1, "0.01", 0.25), (2, "0.02", 0.5)] == [
        (trial.index, trial.configuration["learning_rate"], trial.objective) for trial in parent.trials
    ]
    assert [{"validation:accuracy": 0.25}, {"validation:accuracy": 0.5}] == [t.metrics for t in parent.trials]


def test_whether_values_count_as_the_jobs_own_is_the_type(store: Store) -> None:
    """WarmStartType says it."""
    ParentJob(store).add(0.25)

    assert not parents(store, warm_request(kind=TRANSFER))[0].is_identical


def test_parents_come_in_the_requests_order_whatever_the_case_of_their_names(store: Store) -> None:
    """The service compares names so."""
    for name in ("one", "two"):
        ParentJob(store, tuning_request(name)).add(0.25)

    assert ["two", "one"] == [parent.name for parent in parents(store, warm_request("next", "TWO", "one"))]


def test_a_parents_own_parents_are_not_read(store: Store) -> None:
    """Warm start is not recursive."""
    ParentJob(store, tuning_request("grandparent")).add(0.25)
    ParentJob(store, warm_request("first", "grandparent")).add(0.5)

    assert [["first"], [0.5]] == [
        [parent.name for parent in parents(store)],
        [trial.objective for trial in parents_of(store, store.tuning_job("next"))[0].trials],
    ]


@pytest.mark.parametrize(
    ("trial", "found"),
    [
        ({"value": 0.5}, ObjectiveStatus.SUCCEEDED),
        ({"value": None}, ObjectiveStatus.FAILED),
        ({"value": 0.5, "status": FAILED, "reason": "AlgorithmError: nan, exit code: 1"}, ObjectiveStatus.FAILED),
        ({"value": 0.5, "status": STOPPED, "stopped_by": StopReason.EARLY_STOPPING}, ObjectiveStatus.SUCCEEDED),
        ({"value": 0.5, "status": STOPPED, "stopped_by": StopReason.TUNING_JOB}, ObjectiveStatus.SUCCEEDED),
        (
            {"status": SecondaryStatus.MAX_RUNTIME_EXCEEDED, "stopped_by": StopReason.MAX_RUNTIME},
            ObjectiveStatus.FAILED,
        ),
        ({"status": STOPPED, "stopped_by": StopReason.TUNING_JOB}, None),
        ({"status": STOPPED, "stopped_by": StopReason.USER}, None),
        ({"value": 0.5, "status": FAILED, "reason": "InternalServerError: the container was removed"}, None),
        ({"status": FAILED, "reason": "ClientError: no such bucket"}, None),
        ({"value": 0.5, "status": None}, None),
    ],
)
def test_a_trial_counts_where_it_ended_because_of_its_configuration(
    store: Store, trial: dict[str, Any], found: ObjectiveStatus | None
) -> None:
    """A failure of the algorithm tells something; a stop before the first value, or a lost container, does not."""
    ParentJob(store).add(**trial)

    assert ([] if found is None else [found]) == [one.status for one in parents(store)[0].trials]


def test_what_a_parent_is_given_later_changes_nothing(store: Store) -> None:
    """Else the same history and seed would not give the same suggestion."""
    first = ParentJob(store)
    first.add(0.25)
    first.end()
    before = parents(store)
    store.give_more_trials("first", 40, now=250.0)
    store.create_training_job(
        training_request("first-002"), now=251.0, tuning_job="first", trial_index=2, tuned={"learning_rate": "0.3"}
    )
    for status in (SecondaryStatus.STARTING, SecondaryStatus.TRAINING, SecondaryStatus.FAILED):
        store.change_status("first-002", status, now=252.0, failure_reason="AlgorithmError: no good")
    store.change_tuning_job_status("first", JobStatus.COMPLETED, now=253.0)
    store.create_tuning_job(warm_request("later"), random_seed=7, now=300.0)

    assert [1, 2] == [len(parents_of(store, store.tuning_job(name))[0].trials) for name in ("next", "later")]
    assert before == parents_of(store, store.tuning_job("next"))


def with_ranges(request: dict[str, Any], **lists: list[dict[str, Any]]) -> dict[str, Any]:
    """The request with other lists of ranges."""
    request["HyperParameterTuningJobConfig"]["ParameterRanges"] = lists
    return request


INTEGER = {"Name": "epochs", "MinValue": "1", "MaxValue": "9"}
RATE = {"Name": "learning_rate", "MinValue": "0.1", "MaxValue": "0.2", "ScalingType": "Logarithmic"}


def test_what_was_static_in_the_parent_has_its_value_there(store: Store) -> None:
    """And what is static now is none of the search's business."""
    ParentJob(store).add(0.25, learning_rate="0.01")
    request = with_ranges(
        warm_request(StaticHyperParameters={"learning_rate": "0.1"}), IntegerParameterRanges=[INTEGER]
    )

    assert [{"epochs": "2"}] == configurations(store, request)


def test_a_value_outside_of_the_new_range_stays(store: Store) -> None:
    """It tells something of what lies beside it."""
    first = ParentJob(store)
    first.add(0.25, learning_rate="0.0")
    first.add(0.25, learning_rate="1e-5")
    request = with_ranges(warm_request(), ContinuousParameterRanges=[RATE])

    assert [{"learning_rate": "0.0"}, {"learning_rate": "1e-5"}] == configurations(store, request)


@pytest.mark.parametrize("text", ["fast", "nan", "inf", "1e999", "1_0", ""])
def test_a_trial_whose_value_is_no_number_is_left_out(store: Store, text: str) -> None:
    """It cannot be placed in the range."""
    first = ParentJob(store)
    first.add(0.25, learning_rate=text)
    first.add(0.25, learning_rate="0.3")

    assert [{"learning_rate": "0.3"}] == configurations(store, warm_request())


@pytest.mark.parametrize(("text", "kept"), [("3", True), ("-300", True), ("3.0", False), ("3e0", False)])
def test_a_static_value_becomes_an_integer_where_it_is_one(store: Store, text: str, *, kept: bool) -> None:
    """Written as integers are."""
    ParentJob(store, tuning_request("first", StaticHyperParameters={"epochs": text})).add(0.25)
    request = with_ranges(warm_request(), IntegerParameterRanges=[INTEGER])

    assert ([{"epochs": text}] if kept else []) == configurations(store, request)


def test_a_trial_with_a_text_that_the_range_has_not_is_left_out(store: Store) -> None:
    """A text has no neighbours."""
    both, one = ([{"Name": "optimizer", "Values": values}] for values in (["sgd", "adam", "lamb"], ["adam", "adagrad"]))
    first = ParentJob(store, with_ranges(tuning_request("first"), CategoricalParameterRanges=both))
    for optimizer in ("sgd", "adam", "lamb"):
        first.add(0.25, optimizer=optimizer)

    assert [{"optimizer": "adam"}] == configurations(store, with_ranges(warm_request(), CategoricalParameterRanges=one))


def test_a_trial_without_a_value_for_each_range_is_left_out(store: Store) -> None:
    """Validation refuses such a parent; one trial of it may still lack something."""
    ParentJob(store).add(0.25)
    request = with_ranges(warm_request(), ContinuousParameterRanges=[RATE, {**RATE, "Name": "other"}])

    assert [] == configurations(store, request)


def test_a_hyperparameter_that_is_inactive_need_not_have_been_given(store: Store) -> None:
    """Where the job's search file makes one depend on another; what is active has to be there."""
    optimizer = {"Name": "optimizer", "Values": ["sgd", "adam"]}
    momentum = {**RATE, "Name": "momentum"}
    ranges: Ranges = {"CategoricalParameterRanges": [optimizer], "ContinuousParameterRanges": [momentum]}
    extension = {"Conditions": [{"Name": "momentum", "DependsOn": "optimizer", "Values": ["sgd"]}]}
    first = ParentJob(store, with_ranges(tuning_request("first"), **ranges), extension)
    first.add(0.25, optimizer="adam")
    first.add(0.25, optimizer="sgd", momentum="0.9")
    first.add(0.25, optimizer="sgd")
    store.create_tuning_job(with_ranges(warm_request(), **ranges), random_seed=7, now=200.0, extension=extension)
    (parent,) = parents_of(store, store.tuning_job("next"))

    assert [{"optimizer": "adam"}, {"momentum": "0.9", "optimizer": "sgd"}] == [t.configuration for t in parent.trials]


def test_a_parent_that_is_gone_is_left_out(store: Store) -> None:
    """The job goes on with the others, or as if it had been a cold start."""
    ParentJob(store).add(0.25)

    assert ["first"] == [parent.name for parent in parents(store, warm_request("next", "gone", "first"))]
    assert () == parents(store, warm_request("last", "gone"))


@pytest.mark.parametrize("kind", [IDENTICAL, TRANSFER])
def test_the_parents_reach_the_search(store: Store, kind: str) -> None:
    """Whoever suggests for the job has them."""
    ParentJob(store).add(0.25)
    expected = parents(store, warm_request(kind=kind))
    (suggestions,) = NextTrials.of(store, store.tuning_job("next")).of_definitions

    assert (expected, 1) == (suggestions.parents, len(expected[0].trials))


def test_parents_are_read_once_and_again_where_one_was_given_more_trials(store: Store) -> None:
    """What has ended does not change; but a parent can go on."""
    parent = ParentJob(store)
    parent.add(0.25)
    store.create_tuning_job(warm_request(), random_seed=7, now=200.0)
    store.change_tuning_job_status("first", JobStatus.COMPLETED, now=150.0)
    job = store.tuning_job(warm_request()["HyperParameterTuningJobName"])
    memory = TuningMemory(job, job.spec.completion)
    first, again = memory.next_trials(store), memory.next_trials(store)
    store.give_more_trials("first", 9, now=300.0)

    assert first is again
    assert first is not memory.next_trials(store)
