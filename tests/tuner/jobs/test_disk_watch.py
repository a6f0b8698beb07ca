"""Jobs on disks that run full: who has to wait, who is stopped, and who is not."""

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request

from contracts.jobs import JobKind, JobStatus, SecondaryStatus, StopReason
from contracts.outcome import FailureKind
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import JOB_LABEL
from tuner.errors import StoreError
from tuner.jobs.disks import free_at_start, used_bytes

MakeHome = Callable[..., HomeOfFakes]

GIB = 2**30


def fills_its_layer(run: FakeContainer) -> Generator[None, None, int]:
    """Writes 20 GiB into /tmp at each step, for ever."""
    while True:
        run.layer_bytes += 20 * GIB
        yield


def works(run: FakeContainer) -> Generator[None, None, int]:
    """Writes little, and comes to its end."""
    run.layer_bytes = GIB
    for _ in range(40):
        yield
    run.write_model()
    return 0


def home_with(make_home: MakeHome, *jobs: str) -> HomeOfFakes:
    """A home whose disk is as full as containers have made it; a job of each of the images `jobs`, by its name."""
    home = make_home({"fills": fills_its_layer, "works": works})
    home.engine.auto_advance = True

    def taken() -> int:
        ids = [one.container_id for one in home.engine.containers({JOB_LABEL: None})]
        return sum(home.engine.container(one).layer_bytes for one in ids)

    home.free_bytes = lambda: home.disk_bytes - taken()
    for job in jobs:
        home.store.create_training_job(training_request(name=job, image=job), now=home.clock())
    return home


def test_who_fills_the_disk_fails_and_the_others_live(make_home: MakeHome) -> None:
    """The reason names what was written; the failure is the container's own, and what it wrote is gone."""
    home = home_with(make_home, "works", "fills")
    filled, other = home.run("fills"), home.run("works")

    assert (SecondaryStatus.FAILED, FailureKind.ALGORITHM) == (filled.status, filled.failure_kind)
    assert filled.failure_reason.startswith("AlgorithmError: stopped for filling the disk at ")
    assert "100.0 GiB in files outside of what is mounted" in filled.failure_reason
    assert "its share was 24." in filled.failure_reason
    assert ["SIGKILL"] == [name for one in home.engine.removed for name in one.signals if one.spec.image == "fills"]
    assert not (home.profile.job_folder("fills") / "algo-1").exists()
    assert SecondaryStatus.COMPLETED is other.status


def test_a_job_waits_for_room(make_home: MakeHome) -> None:
    """It says so, holds no GPU meanwhile, and starts when there is enough."""
    home = make_home(works, gpus=("GPU-a",))
    home.engine.auto_advance = True
    home.free_bytes = lambda: 3 * GIB
    home.store.create_training_job(training_request(), now=home.clock(), gpu_count=1)
    home.controller.step()
    waiting = home.store.transitions("job-1")[-1]
    leases = home.store.gpu_leases()
    home.free_bytes = lambda: 6 * GIB

    assert "Waiting for room: 3.0 GiB of the disk at " in waiting.message
    assert "a job starts with 5.0 GiB (free_disk in algodock.toml)" in waiting.message
    assert not leases
    assert SecondaryStatus.COMPLETED is home.run("job-1").status


def test_what_somebody_else_fills_the_disk_with_is_no_containers_fault(make_home: MakeHome) -> None:
    """All come to their end as far as they can; where the engine had no room for their logs, they say so."""
    home = home_with(make_home, "works")
    home.step_until(lambda: home.store.training_job("works").status is SecondaryStatus.TRAINING)
    home.free_bytes = lambda: 1_000_000
    for _ in range(5):
        home.controller.step()
    before = home.store.warnings("works")
    home.free_bytes = lambda: 0

    assert SecondaryStatus.COMPLETED is home.run("works").status
    assert not any("engine's disk was full" in warning for warning in before)
    assert any("engine's disk was full while it ran" in warning for warning in home.store.warnings("works"))


def test_the_reason_outlives_the_process_that_found_it(make_home: MakeHome) -> None:
    """A process that goes on after a crash fails the job for it, and does not take the SIGKILL for a loss."""
    home = home_with(make_home, "fills")
    home.step_until(lambda: home.store.training_job("fills").status is SecondaryStatus.TRAINING)
    home.store.change_status(
        "fills",
        SecondaryStatus.STOPPING,
        now=home.clock(),
        failure_reason="AlgorithmError: stopped for filling the disk",
        failure_kind=FailureKind.ALGORITHM,
    )
    home.engine.signal(home.container_of("fills"), "SIGKILL")
    home.restart()
    filled = home.run("fills")

    assert (SecondaryStatus.FAILED, 0) == (filled.status, filled.losses)
    assert "AlgorithmError: stopped for filling the disk" == filled.failure_reason


def test_who_has_filled_the_disk_so_that_nothing_can_be_remembered_is_stopped_all_the_same(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the killed container is taken for then is a loss; the disk does not get any fuller."""
    home = home_with(make_home, "fills")
    home.step_until(lambda: home.store.training_job("fills").status is SecondaryStatus.TRAINING)

    def is_full(*_: object, **__: object) -> None:
        raise StoreError("database or disk is full")

    monkeypatch.setattr(home.store, "change_status", is_full)
    with pytest.raises(StoreError):
        home.run("fills")
    (one,) = home.engine.containers({JOB_LABEL: "fills"})

    assert ["SIGKILL"] == home.engine.container(one.container_id).signals


def test_a_job_that_is_being_stopped_anyway_gets_no_more_time(make_home: MakeHome) -> None:
    """Somebody's wish comes before the reason; but who goes on to fill the disk is killed at once."""
    home = home_with(make_home, "fills")
    home.step_until(lambda: home.store.training_job("fills").status is SecondaryStatus.TRAINING)
    home.store.request_stop("fills", StopReason.USER, now=home.clock())

    assert SecondaryStatus.STOPPED is home.run("fills").status


def test_what_is_printed_and_left_below_opt_ml_counts(make_home: MakeHome) -> None:
    """Of a small disk; and a processing job is judged as a training job is."""

    def prints_and_writes(run: FakeContainer) -> Generator[None, None, int]:
        while True:
            run.print("x" * 4000)
            run.write("/opt/ml/output/more", b"x" * 30_000 * len(run.frames))
            yield

    home = make_home(prints_and_writes)
    home.engine.auto_advance = True
    home.disk_bytes = 1_000_000
    home.free_bytes = lambda: (
        home.disk_bytes - 100 - sum(used_bytes(home.profile.home / kind) for kind in ("processing", "jobs"))
    )
    request = {
        "ProcessingJobName": "clean",
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    }
    home.store.create_job(JobKind.PROCESSING, request, now=home.clock())
    home.step_until(lambda: home.store.job(JobKind.PROCESSING, "clean").is_finished)
    job = home.store.job(JobKind.PROCESSING, "clean")

    assert JobStatus.FAILED is job.status
    assert "AlgorithmError: stopped for filling the disk" in job.failure_reason
    assert "in /opt/ml/output" in job.failure_reason
    assert "its log" in job.failure_reason
    assert home.profile.processing_folder("clean").joinpath("logs/algo-1.log").stat().st_size
    assert not (home.profile.processing_folder("clean") / "algo-1").exists()


def test_only_what_takes_room_counts(tmp_path: Path) -> None:
    """Holes in files, links, and what they lead to do not; a file with two names counts once."""
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "large").write_bytes(b"x" * 1_000_000)
    folder = tmp_path / "folder"
    (folder / "deeper").mkdir(parents=True)
    (folder / "deeper" / "file").write_bytes(b"x" * 100_000)
    os.link(folder / "deeper" / "file", folder / "again")
    os.truncate(folder / "deeper" / "file", 10**9)
    (folder / "link").symlink_to(tmp_path / "else")

    assert 100_000 <= used_bytes(folder) < 150_000
    assert 0 == used_bytes(folder / "link") == used_bytes(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "home=", "home=x", "engine=5"])
def test_a_label_of_another_version_says_nothing(text: str) -> None:
    """Nobody is blamed by guessing."""
    assert free_at_start({"algodock.free-disk": text}, "home") is None  # type: ignore[arg-type]
