"""Training jobs that lose their containers: started again, or ended for the infrastructure's sake."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request

from contracts.jobs import JobKind, SecondaryStatus, StopReason
from contracts.outcome import FailureKind, LossCause
from tuner.engine.fake_container import FakeContainer
from tuner.errors import EngineError, EngineFailed, EngineRejected, GpuUnavailable, ImageNotFound
from tuner.jobs.folder import JobFolder

MakeHome = Callable[..., HomeOfFakes]

CHECKPOINT = "/opt/ml/checkpoints/epoch"


def goes_on(run: FakeContainer) -> Generator[None, None, int]:
    """Three epochs with a checkpoint after each; a program that obeys SIGTERM ends with exit code 0."""
    run.on_signal("SIGTERM", lambda: 0)
    kept = run.path(CHECKPOINT)
    done = int(kept.read_text()) if kept.exists() else 0
    for epoch in range(done + 1, 4):
        run.print(f"epoch {epoch}: validation: accuracy=0.{epoch}")
        run.write(CHECKPOINT, str(epoch))
        yield
    run.write_model()
    return 0


def running_home(make_home: MakeHome, tmp_path: Path, **members: Any) -> HomeOfFakes:
    """A home whose job has trained one epoch."""
    home = make_home(goes_on)
    home.store.create_training_job(
        training_request(**{"CheckpointConfig": {"S3Uri": f"file://{tmp_path / 'kept'}"}, **members}), now=home.clock()
    )
    home.controller.step()
    home.step_until(lambda: "validation:accuracy" in home.store.training_job("job-1").metrics)
    return home


def kill(home: HomeOfFakes) -> None:
    """`docker kill`, by somebody."""
    home.engine.signal(home.container_of("job-1"), "SIGKILL")


def stop(home: HomeOfFakes) -> None:
    """`docker stop`, by somebody: the program obeys and says that all is well."""
    home.engine.signal(home.container_of("job-1"), "SIGTERM")


def remove(home: HomeOfFakes) -> None:
    """`docker rm -f`, by somebody."""
    home.engine.remove(home.container_of("job-1"))


def restart_engine(home: HomeOfFakes) -> None:
    """The engine is stopped, which its program obeys, and comes back."""
    home.engine.finish(home.container_of("job-1"), 0)
    home.engine.started = home.clock() + 1


def shut_down(home: HomeOfFakes) -> None:
    """The machine is shut down in order: our process ends, then the engine, whose container obeys; later it is up."""
    began = home.clock()
    home.step_until(lambda: (home.store.ledger(JobKind.TRAINING, "job-1")[0].seen or 0.0) > began + 60)
    home.restart()
    home.clock.now += 8
    home.engine.finish(home.container_of("job-1"), 0)
    home.clock.now += 4000
    home.engine.started = home.clock()


def lose_power(home: HomeOfFakes) -> None:
    """The engine finds the container dead when it comes up."""
    home.restart()
    home.clock.now += 300
    home.engine.finish(home.container_of("job-1"), 255)
    home.engine.started = home.clock() + 0.3


@pytest.mark.parametrize(
    ("lose", "cause"),
    [
        (kill, LossCause.CONTAINER_KILLED),
        (stop, LossCause.CONTAINER_KILLED),
        (remove, LossCause.CONTAINER_REMOVED),
        (restart_engine, LossCause.ENGINE_RESTARTED),
        (shut_down, LossCause.ENGINE_RESTARTED),
        (lose_power, LossCause.ENGINE_RESTARTED),
    ],
)
def test_a_job_that_loses_its_container_goes_on_in_a_fresh_one(
    make_home: MakeHome, tmp_path: Path, lose: Callable[[HomeOfFakes], None], cause: LossCause
) -> None:
    """From its checkpoint, with one log, every metric once; the loss is a fact, and a warning."""
    home = running_home(make_home, tmp_path)
    lose(home)
    home.engine.auto_advance = True
    job = home.run("job-1")
    log = JobFolder(home.profile.job_folder("job-1")).log().read_text().splitlines()

    assert (SecondaryStatus.COMPLETED, 0, 1) == (job.status, job.exit_code, job.losses)
    assert [cause] == [loss.cause for loss in home.store.losses("job-1")]
    assert [(1, 0.1), (2, 0.2), (3, 0.3)] == [(o.line, o.value) for o in home.store.observations("job-1")]
    assert 3 == len(log)
    assert any(text.startswith("attempt 1 was lost: ") for text in home.store.warnings("job-1"))


def test_a_job_that_came_to_its_end_long_before_a_shutdown_is_not_done_again(
    make_home: MakeHome, tmp_path: Path
) -> None:
    """Nobody watched; but it was last known to run so long before the engine went down that it ended by itself."""
    home = running_home(make_home, tmp_path)
    home.restart()
    home.clock.now += 600
    home.engine.container(home.container_of("job-1")).write_model()
    home.engine.finish(home.container_of("job-1"), 0)
    home.clock.now += 4000
    home.engine.started = home.clock()
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 0) == (job.status, job.losses)


def test_the_statuses_of_a_lost_job_are_those_of_the_service(make_home: MakeHome, tmp_path: Path) -> None:
    """Restarting while it waits, then Starting, as RetryStrategy says."""
    home = running_home(make_home, tmp_path)
    kill(home)
    home.engine.auto_advance = True
    home.run("job-1")

    assert ["Pending", "Starting", "Training", "Restarting", "Starting", "Training", "Uploading", "Completed"] == [
        one.status for one in home.store.transitions("job-1")
    ]


def test_a_loss_is_waited_out(make_home: MakeHome, tmp_path: Path) -> None:
    """Ten seconds the first time, without holding anything up; also by a new process."""
    home = running_home(make_home, tmp_path)
    kill(home)
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.RESTARTING)
    lost = home.store.losses("job-1")[0].time
    home.restart()
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.TRAINING)
    again = [one.start_time for one in home.store.transitions("job-1") if one.status is SecondaryStatus.STARTING][1]

    assert 10 <= again - lost <= 16


@pytest.mark.parametrize(("asked", "losses"), [(None, 4), (1, 2)])
def test_a_job_is_started_again_so_often_and_no_more(make_home: MakeHome, asked: int | None, losses: int) -> None:
    """As its RetryStrategy says; three times without one. Then the platform has failed, not the algorithm."""

    def endless(_: FakeContainer) -> Iterator[None]:
        while True:
            yield

    home = make_home(endless)
    members: dict[str, Any] = {} if asked is None else {"RetryStrategy": {"MaximumRetryAttempts": asked}}
    home.store.create_training_job(training_request(**members), now=home.clock())
    for attempt in range(losses):
        home.step_until(
            lambda attempt=attempt: (  # type: ignore[misc]
                home.store.training_job("job-1").losses == attempt
                and home.store.training_job("job-1").status is SecondaryStatus.TRAINING
            )
        )
        kill(home)
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, FailureKind.INTERNAL, losses) == (job.status, job.failure_kind, job.losses)
    assert job.failure_reason.startswith("InternalServerError: lost for the ")
    assert job.is_lost
    assert not home.engine.containers({})


@pytest.mark.parametrize("method", ["create", "start"])
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (EngineFailed("no space left on device"), LossCause.DISK_FULL),
        (EngineFailed("failed to create endpoint"), LossCause.ENGINE_FAILED),
        (ImageNotFound("The engine has no image image."), LossCause.IMAGE_MISSING),
        (GpuUnavailable("The engine cannot hand out the GPUs"), LossCause.GPU_UNAVAILABLE),
    ],
)
def test_what_the_machine_refuses_is_tried_again(
    make_home: MakeHome, method: str, error: EngineError, cause: LossCause
) -> None:
    """Somebody makes room, the driver comes back."""
    home = make_home(goes_on)
    home.engine.refuse_next(method, error)
    home.store.create_training_job(
        training_request(CheckpointConfig={"S3Uri": f"file://{home.profile.home / 'kept'}"}), now=home.clock()
    )
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 1) == (job.status, job.losses)
    assert [cause] == [loss.cause for loss in home.store.losses("job-1")]


def test_a_refusal_that_is_the_requests_fault_is_not_tried_again(make_home: MakeHome) -> None:
    """It would be refused for ever."""
    home = make_home(goes_on)
    home.engine.refuse_next("start", EngineRejected('The image\'s entry point "train" cannot be run'))
    home.store.create_training_job(training_request(), now=home.clock())
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, FailureKind.ALGORITHM, 0) == (job.status, job.failure_kind, job.losses)


def test_an_unexplained_kill_gets_one_more_try(make_home: MakeHome, tmp_path: Path) -> None:
    """Exit code 137 from nobody knows whom: the second time it is taken for the algorithm's own."""
    home = running_home(make_home, tmp_path)
    home.engine.finish(home.container_of("job-1"), 137)
    home.step_until(lambda: home.store.training_job("job-1").losses == 1)
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.TRAINING)
    home.engine.finish(home.container_of("job-1"), 137)
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, FailureKind.ALGORITHM, 1) == (job.status, job.failure_kind, job.losses)
    assert "AlgorithmError: killed, exit code: 137" == job.failure_reason


def test_a_stop_ends_a_job_that_waits_to_start_again(make_home: MakeHome, tmp_path: Path) -> None:
    """It does not start."""
    home = running_home(make_home, tmp_path)
    kill(home)
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.RESTARTING)
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())

    assert SecondaryStatus.STOPPED is home.run("job-1").status
    assert 1 == len(home.engine.removed)


def test_waiting_to_start_again_is_no_run_time(make_home: MakeHome, tmp_path: Path) -> None:
    """MaxRuntimeInSeconds counts the time in which the job trains."""
    home = running_home(make_home, tmp_path, StoppingCondition={"MaxRuntimeInSeconds": 100})
    kill(home)
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.RESTARTING)
    home.clock.now += 1000
    home.engine.auto_advance = True

    assert SecondaryStatus.COMPLETED is home.run("job-1").status


@pytest.mark.parametrize("last_fact", ["record_loss", "remove", "change_status", "create", "start"])
def test_a_process_killed_while_a_job_starts_again_loses_nothing(
    make_home: MakeHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_fact: str
) -> None:
    """The loss is counted once, whatever instruction was the last."""

    class Killed(BaseException):
        """The process is gone at this instruction."""

    home = running_home(make_home, tmp_path)
    kill(home)
    target = home.store if hasattr(home.store, last_fact) else home.engine

    def die_after(*args: object, _real: object = getattr(target, last_fact), **kwargs: object) -> object:
        _real(*args, **kwargs)  # type: ignore[operator]
        raise Killed

    monkeypatch.setattr(target, last_fact, die_after)
    with pytest.raises(Killed):
        home.run("job-1")
    monkeypatch.undo()
    home.restart()
    home.engine.auto_advance = True
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, 1) == (job.status, job.losses)
    assert [0.1, 0.2, 0.3] == [o.value for o in home.store.observations("job-1")]
