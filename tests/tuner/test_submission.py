"""Submission: what can be known beforehand is said beforehand, and leaves nothing behind."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from job_requests import training_request, tuning_request

from contracts.jobs import JobStatus
from tuner.engine.fake import FakeEngine
from tuner.engine.protocol import ImageFacts
from tuner.errors import GpuUnavailable, ImageNotFound, ResourceInUse
from tuner.profile import HostProfile
from tuner.store.records import JobRecord, TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import (
    name_for_another_run,
    submit_processing_job,
    submit_training_job,
    submit_tuning_job,
)
from tuner.transform.submission import submit_transform_job

Submit = Callable[..., TuningJobRecord]


@pytest.fixture
def store() -> Iterator[Store]:
    """A store in memory."""
    with Store(":memory:") as opened:
        yield opened


@pytest.fixture
def fake_engine() -> FakeEngine:
    """An engine with one image and one GPU."""
    return FakeEngine({"image": lambda _: 0}, gpus=("GPU-a",))


@pytest.fixture
def submit(store: Store, fake_engine: FakeEngine) -> Submit:
    """Submits a tuning request."""

    def submit_it(
        request: dict[str, Any], *, gpus: tuple[str, ...] = (), per_job: int | None = None
    ) -> TuningJobRecord:
        return submit_tuning_job(
            request,
            store=store,
            engine=fake_engine,
            profile=HostProfile(home=Path("/home"), gpus_per_training_job=per_job),
            gpus=gpus,
            now=1.0,
            say=lambda _: None,
        )

    return submit_it


def test_a_new_job_is_in_progress(submit: Submit) -> None:
    """With the request's seed."""
    job = submit(tuning_request())

    assert (JobStatus.IN_PROGRESS, 7) == (job.status, job.random_seed)


def test_without_a_seed_one_is_drawn_and_kept(submit: Submit) -> None:
    """So that the job can go on after an interruption as if there had been none."""
    request = tuning_request()
    del request["HyperParameterTuningJobConfig"]["RandomSeed"]

    assert submit(request).random_seed == submit(request).random_seed


def test_the_same_request_again_goes_on(submit: Submit, store: Store) -> None:
    """What a user does after a power cut."""
    submit(tuning_request())

    assert submit(tuning_request()).name == "tune"
    assert 1 == len(store.tuning_jobs())


def test_another_request_under_the_name_is_refused(submit: Submit) -> None:
    """Two different runs with one name would mix."""
    submit(tuning_request())

    with pytest.raises(ResourceInUse, match="already exists"):
        submit(tuning_request(jobs=99))


def test_a_job_that_has_ended_keeps_its_name(submit: Submit, store: Store) -> None:
    """The next run has a free name, counted on; one in progress is gone on with."""
    submit(tuning_request())
    store.change_tuning_job_status("tune", JobStatus.COMPLETED, now=2)
    with pytest.raises(ResourceInUse):
        submit(tuning_request())

    assert "tune-2" == name_for_another_run(store, "tune")
    submit(tuning_request("tune-2"))
    assert "tune-2" == name_for_another_run(store, "tune")
    store.change_tuning_job_status("tune-2", JobStatus.STOPPING, now=3)
    store.change_tuning_job_status("tune-2", JobStatus.STOPPED, now=3)
    assert "tune-3" == name_for_another_run(store, "tune")


def test_a_long_name_leaves_room_for_the_number(submit: Submit, store: Store) -> None:
    """32 characters is the service's limit."""
    name = "a" * 29 + "-bc"
    submit(tuning_request(name))
    store.change_tuning_job_status(name, JobStatus.COMPLETED, now=2)

    assert "a" * 29 + "-2" == name_for_another_run(store, name)


def test_an_image_that_nobody_has_is_said_before_anything_starts(submit: Submit, store: Store) -> None:
    """Nothing is recorded."""
    with pytest.raises(ImageNotFound):
        submit(tuning_request(image="nobody/has:it"))

    assert store.tuning_jobs() == []


def test_an_image_that_the_registry_has_is_pulled(submit: Submit, fake_engine: FakeEngine) -> None:
    """As docker run does."""
    fake_engine.registry["far"] = lambda _: 0
    submit(tuning_request(image="far"))

    assert "far" in fake_engine.images


@pytest.mark.parametrize(
    ("gpus", "instance_type", "per_job"),
    [
        ((), "ml.g5.xlarge", None),
        (("GPU-a",), "ml.p3.8xlarge", None),
        ((), "ml.m5.large", 1),
        (("GPU-unknown-to-the-engine",), "ml.g5.xlarge", None),
    ],
)
def test_gpus_that_are_not_there_are_said_before_anything_starts(
    submit: Submit, store: Store, gpus: tuple[str, ...], instance_type: str, per_job: int | None
) -> None:
    """Too few on the machine, or an engine that cannot hand them out."""
    with pytest.raises(GpuUnavailable):
        submit(tuning_request(ResourceConfig={"InstanceType": instance_type}), gpus=gpus, per_job=per_job)

    assert store.tuning_jobs() == []


def test_the_profile_can_do_without_the_gpus_of_the_instance_type(submit: Submit) -> None:
    """So that a cloud job can be tried on a laptop."""
    request = tuning_request(ResourceConfig={"InstanceType": "ml.g5.xlarge"})

    assert JobStatus.IN_PROGRESS is submit(request, per_job=0).status


def test_a_training_job_is_submitted_likewise(store: Store, fake_engine: FakeEngine) -> None:
    """Once, gone on with, refused."""

    def submit_it(request: dict[str, Any]) -> TrainingJobRecord:
        return submit_training_job(
            request,
            store=store,
            engine=fake_engine,
            profile=HostProfile(home=Path("/home")),
            gpus=("GPU-a",),
            now=1.0,
            say=lambda _: None,
        )

    first = submit_it(training_request(ResourceConfig={"InstanceType": "ml.g4dn.xlarge"}))
    second = submit_it(training_request(ResourceConfig={"InstanceType": "ml.g4dn.xlarge"}))

    assert (1, first.name) == (first.gpu_count, second.name)
    with pytest.raises(ResourceInUse, match="Training job names must be unique"):
        submit_it(training_request())


class Meanwhile(FakeEngine):
    """An engine; while it is asked for an image, another command does something, once."""

    def __init__(self) -> None:
        super().__init__({"image": lambda _: 0})
        self.other: Callable[[], object] | None = None

    def image(self, reference: str) -> ImageFacts:
        """As it is, after that."""
        other, self.other = self.other, None
        if other is not None:
            other()
        return super().image(reference)


Record = TuningJobRecord | TrainingJobRecord | JobRecord


def _processing_request(**members: Any) -> dict[str, Any]:
    return {"ProcessingJobName": "clean", "AppSpecification": {"ImageUri": "image"}, **members}


def _transform_request(**members: Any) -> dict[str, Any]:
    return {
        "TransformJobName": "batch",
        "ModelName": "model",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "file:///in"}}},
        "TransformOutput": {"S3OutputPath": "file:///out"},
        "TransformResources": {"InstanceType": "local", "InstanceCount": 1},
        **members,
    }


def _submit_transform_job(request: Mapping[str, Any], **machine: Any) -> JobRecord:
    return submit_transform_job(request, {"PrimaryContainer": {"Image": "image"}}, **machine)


@pytest.mark.parametrize(
    ("submit_it", "request_of", "another"),
    [
        (submit_tuning_job, tuning_request, {"jobs": 5}),
        (submit_training_job, training_request, {"HyperParameters": {}}),
        (submit_processing_job, _processing_request, {"Environment": {"A": "b"}}),
        (_submit_transform_job, _transform_request, {"Environment": {"A": "b"}}),
    ],
)
def test_two_commands_that_submit_the_same_job_at_once_both_have_it(
    store: Store, submit_it: Callable[..., Record], request_of: Callable[..., dict[str, Any]], another: dict[str, Any]
) -> None:
    """The second is as quick as can be; where it asks for something else, one of the two is refused."""
    engine = Meanwhile()
    machine = {
        "store": store,
        "engine": engine,
        "profile": HostProfile(home=Path("/home")),
        "gpus": (),
        "now": 1.0,
        "say": lambda _: None,
    }
    engine.other = lambda: submit_it(request_of(), **machine)

    assert request_of() == submit_it(request_of(), **machine).request

    with Store(":memory:") as machine["store"]:
        engine.other = lambda: submit_it(request_of(), **machine)
        with pytest.raises(ResourceInUse):
            submit_it(request_of(**another), **machine)
