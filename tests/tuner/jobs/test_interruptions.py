"""Training jobs on spot instances: interrupted, started afresh, going on from their checkpoints."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request

from contracts.jobs import Interruption, SecondaryStatus, StopReason
from tuner.engine.fake_container import FakeContainer
from tuner.jobs.folder import JobFolder

MakeHome = Callable[..., HomeOfFakes]

SPOT: dict[str, Any] = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
}
CHECKPOINT = Path("/opt/ml/checkpoints/epoch")


def resumes(run: FakeContainer) -> Generator[None, None, int]:
    """Four epochs with a checkpoint after each; obeys SIGTERM."""
    run.on_signal("SIGTERM", lambda: 143)
    if any(run.path("/opt/ml/model").iterdir()):
        run.print("the model folder is not empty")
        return 1
    kept = run.path(str(CHECKPOINT))
    done = int(kept.read_text()) if kept.exists() else 0
    for epoch in range(done + 1, 5):
        run.print(f"epoch {epoch}: validation: accuracy=0.{epoch}")
        run.write(str(CHECKPOINT), str(epoch))
        run.write_model(f"epoch {epoch}")
        yield
    return 0


def interrupted_home(make_home: MakeHome, tmp_path: Path, how: Interruption, **members: Any) -> HomeOfFakes:
    """A home whose job has been asked to lose its instances after two epochs."""
    home = make_home(resumes)
    request = training_request(**(SPOT | {"CheckpointConfig": {"S3Uri": f"file://{tmp_path / 'kept'}"}} | members))
    home.store.create_training_job(request, now=home.clock())
    home.controller.step()
    home.engine.advance()
    home.step_until(lambda: "validation:accuracy" in home.store.training_job("job-1").metrics)
    home.store.request_interruption("job-1", how)
    return home


@pytest.mark.parametrize(
    ("how", "signals"), [(Interruption.WITH_NOTICE, ["SIGTERM"]), (Interruption.WITHOUT_NOTICE, ["SIGKILL"])]
)
def test_an_interrupted_job_starts_afresh_and_goes_on(
    make_home: MakeHome, tmp_path: Path, how: Interruption, signals: list[str]
) -> None:
    """With an empty model folder and its checkpoints; the statuses are those of the service."""
    home = interrupted_home(make_home, tmp_path, how)
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 0, None) == (job.status, job.exit_code, job.interruption)
    assert ["Pending", "Starting", "Training", "Interrupted", "Starting", "Training", "Uploading", "Completed"] == [
        one.status for one in home.store.transitions("job-1")
    ]
    assert [signals, []] == [one.signals for one in home.engine.removed]


def test_the_log_goes_on_and_every_metric_is_counted_once(make_home: MakeHome, tmp_path: Path) -> None:
    """One log of one host, whatever number of containers wrote it; also after a new process has read it again."""
    home = interrupted_home(make_home, tmp_path, Interruption.WITHOUT_NOTICE)
    home.step_until(lambda: len(home.store.transitions("job-1")) >= 6)
    home.restart()
    home.engine.auto_advance = True
    job = home.run("job-1")
    log = JobFolder(home.profile.job_folder("job-1")).log().read_text().splitlines()

    assert ["epoch 1", "epoch 2", "epoch 3", "epoch 4"] == [line.partition(":")[0] for line in log]
    assert [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)] == [(o.line, o.value) for o in home.store.observations("job-1")]
    assert SecondaryStatus.COMPLETED is job.status


def test_a_process_killed_while_it_interrupts_loses_nothing(make_home: MakeHome, tmp_path: Path) -> None:
    """The new one cannot know whether the signal was sent, and sends it."""
    home = interrupted_home(make_home, tmp_path, Interruption.WITH_NOTICE)
    home.restart()
    home.engine.auto_advance = True

    assert SecondaryStatus.COMPLETED is home.run("job-1").status
    assert 1 == [one.status for one in home.store.transitions("job-1")].count(SecondaryStatus.INTERRUPTED)


def test_a_stop_wins_over_an_interruption(make_home: MakeHome, tmp_path: Path) -> None:
    """The job ends, and does not start again."""
    home = interrupted_home(make_home, tmp_path, Interruption.WITH_NOTICE)
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())

    assert SecondaryStatus.STOPPED is home.run("job-1").status


def test_a_job_may_wait_and_run_so_long_and_no_longer(make_home: MakeHome, tmp_path: Path) -> None:
    """MaxWaitTimeInSeconds counts everything."""
    limits = {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}
    home = interrupted_home(make_home, tmp_path, Interruption.WITH_NOTICE, **limits)
    job = home.run("job-1")

    assert SecondaryStatus.MAX_WAIT_TIME_EXCEEDED is job.status
    assert "Stopped" == job.primary_status


def test_time_without_instances_is_no_run_time(make_home: MakeHome, tmp_path: Path) -> None:
    """MaxRuntimeInSeconds counts training only."""
    limits = {"StoppingCondition": {"MaxRuntimeInSeconds": 100, "MaxWaitTimeInSeconds": 10_000}}
    home = interrupted_home(make_home, tmp_path, Interruption.WITHOUT_NOTICE, **limits)
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.INTERRUPTED)
    home.clock.now += 1000
    home.engine.auto_advance = True

    assert SecondaryStatus.COMPLETED is home.run("job-1").status
