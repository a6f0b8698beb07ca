"""Checkpoints whose place is in S3: what is there after the instances were lost."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request
from s3_server import Bucket

from contracts.jobs import Interruption, SecondaryStatus
from tuner.engine.fake_container import FakeContainer
from tuner.jobs.checkpoints import SyncedCheckpoints
from tuner.jobs.folder import JobFolder

MakeHome = Callable[..., HomeOfFakes]


@pytest.fixture
def checkpoints(tmp_path: Path, bucket: Bucket, called_off: threading.Event) -> SyncedCheckpoints:
    """A folder that is what S3 has: one file, of the first epoch."""
    bucket.put({"kept/epoch": b"1"})
    one = SyncedCheckpoints(tmp_path / "checkpoints", bucket.uri("kept"))
    one.restore(called_off)
    return one


@pytest.mark.parametrize(("with_notice", "restored"), [(True, "2"), (False, "1")])
def test_what_is_lost_with_the_instances_is_what_was_not_saved(
    checkpoints: SyncedCheckpoints, tmp_path: Path, called_off: threading.Event, with_notice: bool, restored: str
) -> None:
    """With notice everything is saved first."""
    kept = tmp_path / "checkpoints" / "epoch"
    kept.write_text("2")
    checkpoints.lose(with_notice=with_notice)
    checkpoints.restore(called_off)

    assert restored == kept.read_text()


def test_what_keeps_them_from_s3_is_said_once(checkpoints: SyncedCheckpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again when it is another problem."""
    told = []
    for problem in (None, "no network", "no network", None, "no network"):
        monkeypatch.setattr(checkpoints._sync, "problem", problem)
        told.append(checkpoints.new_problem())

    assert [None, "no network", None, None, "no network"] == told


def resumes(run: FakeContainer) -> Iterator[None]:
    """Three epochs with a checkpoint after each."""
    run.on_signal("SIGTERM", lambda: 143)
    kept = run.path("/opt/ml/checkpoints/epoch")
    for epoch in range(int(kept.read_text()) + 1 if kept.exists() else 1, 4):
        run.print(f"epoch {epoch}")
        run.write("/opt/ml/checkpoints/epoch", str(epoch))
        yield


def test_a_job_goes_on_from_what_s3_has(make_home: MakeHome, bucket: Bucket) -> None:
    """Before it starts, after an interruption, and at its end S3 has the last."""
    bucket.put({"kept/epoch": b"1"})
    members: dict[str, Any] = {
        "CheckpointConfig": {"S3Uri": bucket.uri("kept")},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
    }
    home = make_home(resumes)
    home.store.create_training_job(training_request(**members), now=home.clock())
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.TRAINING)
    home.store.request_interruption("job-1", Interruption.WITH_NOTICE)
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert SecondaryStatus.COMPLETED is job.status
    assert {"kept/epoch": b"3"} == bucket.content()
    assert "Downloading" in [one.status for one in home.store.transitions("job-1")]


def saves_at_the_last_moment(run: FakeContainer) -> Iterator[None]:
    """Writes its checkpoint when it is told to end, and says what it finds when it starts."""
    kept = run.path("/opt/ml/checkpoints/epoch")

    def save() -> int:
        kept.write_text("saved")
        return 143

    run.on_signal("SIGTERM", save)
    run.print(f"found {kept.read_text() if kept.exists() else 'nothing'}")
    while not kept.exists():
        yield


@pytest.mark.parametrize(
    ("how", "found"),
    [
        (Interruption.WITH_NOTICE, ["found nothing", "found saved"]),
        (Interruption.WITHOUT_NOTICE, ["found nothing"] * 2),
    ],
)
def test_what_is_written_in_the_time_of_notice_is_there_at_the_next_start(
    make_home: MakeHome, bucket: Bucket, how: Interruption, found: list[str]
) -> None:
    """Whether the thread that looks every few seconds has come to it or not."""
    members: dict[str, Any] = {
        "CheckpointConfig": {"S3Uri": bucket.uri("kept")},
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
    }
    home = make_home(saves_at_the_last_moment)
    home.store.create_training_job(training_request(**members), now=home.clock())
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.TRAINING)
    home.store.request_interruption("job-1", how)
    log = JobFolder(home.profile.job_folder("job-1")).log()
    home.step_until(lambda: 2 == len(log.read_text().splitlines()))

    assert found == log.read_text().splitlines()
