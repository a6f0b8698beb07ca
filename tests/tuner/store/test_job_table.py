"""Processing jobs and transform jobs, and the GPUs that jobs of all kinds share."""

from collections.abc import Iterator

import pytest

from contracts.errors import IllegalTransition
from contracts.jobs import JobKind, JobStatus
from tuner.errors import ResourceInUse, ResourceNotFound
from tuner.store.sqlite_store import Store

PROCESSING, TRANSFORM = JobKind.PROCESSING, JobKind.TRANSFORM


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty one, in memory."""
    with Store(":memory:") as opened:
        yield opened


def test_a_job_is_remembered_as_it_was_asked_for(store: Store) -> None:
    """In progress, with the model that it serves."""
    model = {"PrimaryContainer": {"Image": "image"}}
    store.create_job(TRANSFORM, {"TransformJobName": "one"}, now=5.0, model=model)
    job = store.job(TRANSFORM, "one")

    assert ({"TransformJobName": "one"}, model, JobStatus.IN_PROGRESS, 5.0) == (
        job.request,
        job.model,
        job.status,
        job.creation_time,
    )
    assert not job.is_finished


def test_names_are_unique_among_jobs_of_one_kind(store: Store) -> None:
    """A processing job may be called as a transform job is."""
    store.create_job(TRANSFORM, {"TransformJobName": "one"}, now=1.0)
    store.create_job(PROCESSING, {"ProcessingJobName": "one"}, now=1.0)

    with pytest.raises(ResourceInUse, match="a transform job with this name already exists"):
        store.create_job(TRANSFORM, {"TransformJobName": "one"}, now=2.0)


def test_a_job_that_is_not_there_is_not_found(store: Store) -> None:
    """The text says what was looked for."""
    with pytest.raises(ResourceNotFound, match="no processing job called one"):
        store.job(PROCESSING, "one")


def test_jobs_that_have_ended_are_not_unfinished(store: Store) -> None:
    """Of both kinds, the oldest first."""
    for now, name in enumerate(("one", "two")):
        store.create_job(PROCESSING, {"ProcessingJobName": name}, now=float(now))
    store.create_job(TRANSFORM, {"TransformJobName": "three"}, now=9.0)
    store.change_job_status(PROCESSING, "one", JobStatus.COMPLETED, now=10.0, exit_message="3 rows")

    assert ["two", "three"] == [job.name for job in store.unfinished_jobs()]
    assert [("one", "3 rows", 10.0), ("two", "", None)] == [
        (job.name, job.exit_message, job.end_time) for job in store.jobs(PROCESSING)
    ]


def test_a_job_that_has_ended_stays_ended(store: Store) -> None:
    """The table of legal transitions is kept."""
    store.create_job(PROCESSING, {"ProcessingJobName": "one"}, now=1.0)
    store.change_job_status(PROCESSING, "one", JobStatus.FAILED, now=2.0)

    with pytest.raises(IllegalTransition):
        store.change_job_status(PROCESSING, "one", JobStatus.COMPLETED, now=3.0)


def test_a_job_starts_once(store: Store) -> None:
    """A second start, after a crash, does not move the first."""
    store.create_job(PROCESSING, {"ProcessingJobName": "one"}, now=1.0)
    store.record_job_start(PROCESSING, "one", now=2.0)
    store.record_job_start(PROCESSING, "one", now=3.0)

    assert 2.0 == store.job(PROCESSING, "one").start_time


def test_what_has_been_transformed_is_remembered_once(store: Store) -> None:
    """By object, for each job."""
    for key in ("a.csv", "b.csv", "a.csv"):
        store.record_transformed("one", key)

    assert (frozenset({"a.csv", "b.csv"}), frozenset()) == (store.transformed("one"), store.transformed("two"))


def test_a_gpu_is_leased_to_one_job_whatever_its_kind(store: Store) -> None:
    """And given back when that job ends."""
    store.create_job(PROCESSING, {"ProcessingJobName": "one"}, now=1.0, gpu_count=1)
    held = store.lease_gpus("one", ["GPU-a"], 1, PROCESSING)
    refused = store.lease_gpus("one", ["GPU-a"], 1, JobKind.TRAINING)
    store.change_job_status(PROCESSING, "one", JobStatus.STOPPED, now=2.0)

    assert (("GPU-a",), None, ("GPU-a",)) == (
        held,
        refused,
        store.lease_gpus("one", ["GPU-a"], 1, JobKind.TRAINING),
    )
