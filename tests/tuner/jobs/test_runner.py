"""One training job from request to outcome, on a fake engine."""

import tarfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request

from contracts.jobs import JobStatus, SecondaryStatus, StopReason
from tuner.engine.fake import FakeImage
from tuner.engine.fake_container import FakeContainer
from tuner.errors import EngineRejected, EngineUnreachable
from tuner.jobs.folder import JobFolder

MakeHome = Callable[..., HomeOfFakes]


def submit(home: HomeOfFakes, name: str = "job-1", *, gpu_count: int = 0, **members: Any) -> None:
    """Record a training job, as submission does after its checks."""
    home.store.create_training_job(training_request(name, **members), now=home.clock(), gpu_count=gpu_count)


def train(run: FakeContainer) -> Iterator[None]:
    """Two epochs and a model."""
    run.print("[Epoch 1] validation: accuracy=0.5")
    yield
    run.print("[Epoch 2] validation: accuracy=0.75")
    run.write_model("weights")
    run.write("/opt/ml/output/data/curve.csv", "1,0.5")


def test_a_good_run_completes_with_metrics_log_and_archives(make_home: MakeHome) -> None:
    """The whole way: staged, run, scraped, packed, removed."""
    home = make_home(train)
    home.engine.auto_advance = True
    submit(home)
    job = home.run("job-1")
    folder = JobFolder(home.profile.job_folder("job-1"))

    assert (JobStatus.COMPLETED, 0, "") == (job.primary_status, job.exit_code, job.failure_reason)
    assert (2, 0.75, 0.5) == (
        job.metrics["validation:accuracy"].count,
        job.metrics["validation:accuracy"].last,
        job.metrics["validation:accuracy"].minimum,
    )
    assert "[Epoch 1] validation: accuracy=0.5\n[Epoch 2] validation: accuracy=0.75\n" == folder.log().read_text()
    with tarfile.open(folder.model_artifact) as tar:
        assert ["model.bin"] == tar.getnames()
    with tarfile.open(folder.output_artifact) as tar:
        assert ["curve.csv"] == tar.getnames()
    assert not home.engine.containers({})


def test_the_statuses_are_those_of_the_service(make_home: MakeHome) -> None:
    """In the order in which SageMaker goes through them."""
    home = make_home(train)
    home.engine.auto_advance = True
    submit(home)
    home.run("job-1")

    assert ["Pending", "Starting", "Training", "Uploading", "Completed"] == [
        transition.status for transition in home.store.transitions("job-1")
    ]


def test_the_container_gets_what_the_contract_gives_and_no_more(make_home: MakeHome) -> None:
    """The argument train, the two platform variables, the user's own; labels by which it is found again."""
    home = make_home(train)
    submit(home, Environment={"STAGE": "dev"})
    home.controller.step()
    spec = home.engine.container(home.container_of("job-1")).spec

    assert (None, ("train",)) == (spec.entry_point, spec.arguments)
    assert ("job-1", "dev") == (spec.environment["TRAINING_JOB_NAME"], spec.environment["STAGE"])
    assert spec.environment["TRAINING_JOB_ARN"].endswith(":training-job/job-1")
    assert spec.hostname is None
    assert {
        "algodock.home": str(home.profile.home),
        "algodock.training-job": "job-1",
        "algodock.host": "algo-1",
        "algodock.free-disk": f"home={home.disk_bytes} engine={home.disk_bytes}",
    } == dict(spec.labels)


def test_an_entry_point_of_the_request_replaces_train(make_home: MakeHome) -> None:
    """With ContainerEntrypoint alone no argument is added."""
    home = make_home(train)
    algorithm = training_request()["AlgorithmSpecification"] | {"ContainerEntrypoint": ["/bin/go", "fast"]}
    submit(home, AlgorithmSpecification=algorithm)
    home.controller.step()
    spec = home.engine.container(home.container_of("job-1")).spec

    assert (("/bin/go", "fast"), None) == (spec.entry_point, spec.arguments)


@pytest.mark.parametrize(
    ("failure", "exit_code", "reason"),
    [
        ("learning rate too large", 1, "AlgorithmError: learning rate too large, exit code: 1"),
        (None, 3, "AlgorithmError: , exit code: 3"),
        (None, 137, "AlgorithmError: killed, exit code: 137"),
    ],
)
def test_another_exit_code_than_0_is_a_failure_with_its_reason(
    make_home: MakeHome, failure: str | None, exit_code: int, reason: str
) -> None:
    """The failure file's text, in the form that AWS gives."""

    def program(run: FakeContainer) -> int:
        return exit_code if failure is None else run.fail(failure, exit_code=exit_code)

    home = make_home(program)
    submit(home)
    job = home.run("job-1")

    assert (SecondaryStatus.FAILED, reason, exit_code) == (job.status, job.failure_reason, job.exit_code)


def test_a_failure_file_beside_exit_code_0_is_ignored(make_home: MakeHome) -> None:
    """The exit code decides."""
    home = make_home(lambda run: run.fail("not really", exit_code=0))
    submit(home)
    job = home.run("job-1")

    assert (SecondaryStatus.COMPLETED, "") == (job.status, job.failure_reason)


def test_a_failed_run_keeps_its_artifacts(make_home: MakeHome) -> None:
    """The service uploads them too: they help to find out why."""

    def program(run: FakeContainer) -> int:
        run.write_model("half")
        return 1

    home = make_home(program)
    submit(home)
    home.run("job-1")

    assert JobFolder(home.profile.job_folder("job-1")).model_artifact.exists()


def test_an_image_without_train_fails_with_the_engines_reason(make_home: MakeHome) -> None:
    """The created container is not left behind."""
    home = make_home(FakeImage(program=None))
    submit(home)
    job = home.run("job-1")

    assert job.status is SecondaryStatus.FAILED
    assert '"train" cannot be run' in job.failure_reason
    assert not home.engine.containers({})


def test_a_refused_creation_fails_the_job(make_home: MakeHome) -> None:
    """What the engine says reaches the user."""
    home = make_home(train)
    home.engine.refuse_next("create", EngineRejected("invalid mount path"))
    submit(home)

    assert "ClientError: invalid mount path" == home.run("job-1").failure_reason


def test_a_stop_sends_sigterm_and_keeps_what_was_saved(make_home: MakeHome) -> None:
    """Stopped, whatever the exit code; the model is packed."""

    def program(run: FakeContainer) -> Iterator[None]:
        def save() -> int:
            run.write_model("so far")
            return 143

        run.on_signal("SIGTERM", save)
        while True:
            yield

    home = make_home(program)
    submit(home)
    home.controller.step()
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())
    job = home.run("job-1")

    assert (SecondaryStatus.STOPPED, 143, "") == (job.status, job.exit_code, job.failure_reason)
    assert JobFolder(home.profile.job_folder("job-1")).model_artifact.exists()


def test_a_container_that_ignores_sigterm_is_killed_after_120_seconds(make_home: MakeHome) -> None:
    """Not before; and its owner is told."""

    def deaf(_: FakeContainer) -> Iterator[None]:
        while True:
            yield

    home = make_home(deaf)
    submit(home)
    home.controller.step()
    container = home.engine.container(home.container_of("job-1"))
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())
    home.controller.step()
    home.clock.now += 119
    home.controller.step()
    before = list(container.signals)
    home.clock.now += 2
    home.controller.step()

    assert ["SIGTERM"] == before
    assert ["SIGTERM", "SIGKILL"] == container.signals
    assert SecondaryStatus.STOPPED is home.run("job-1").status
    assert any("within 120 s of SIGTERM" in text for text in home.store.warnings("job-1"))


def test_a_run_that_takes_too_long_is_stopped(make_home: MakeHome) -> None:
    """MaxRuntimeInSeconds counts from the start of training."""

    def endless(run: FakeContainer) -> Iterator[None]:
        run.on_signal("SIGTERM", lambda: 0)
        while True:
            yield

    home = make_home(endless)
    submit(home, StoppingCondition={"MaxRuntimeInSeconds": 60})
    home.controller.step()
    home.clock.now += 59
    home.controller.step()
    early = home.store.training_job("job-1").status
    job = home.run("job-1")

    assert SecondaryStatus.TRAINING is early
    assert SecondaryStatus.MAX_RUNTIME_EXCEEDED is job.status
    assert JobStatus.STOPPED is job.primary_status


def test_a_run_that_ended_in_time_while_nobody_looked_is_no_run_that_took_too_long(make_home: MakeHome) -> None:
    """The machine of the controller was off until long after the container had ended."""

    def endless(_: FakeContainer) -> Iterator[None]:
        while True:
            yield

    home = make_home(endless)
    submit(home, StoppingCondition={"MaxRuntimeInSeconds": 60})
    home.controller.step()
    home.clock.now += 30
    home.engine.finish(home.container_of("job-1"), 0)
    home.clock.now += 1000
    home.restart()

    assert SecondaryStatus.COMPLETED is home.run("job-1").status


def test_a_job_that_is_stopped_before_it_starts_never_starts(make_home: MakeHome) -> None:
    """No container is made for it."""
    home = make_home(train)
    submit(home)
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())
    home.controller.step()

    assert SecondaryStatus.STOPPED is home.store.training_job("job-1").status
    assert not [*home.engine.containers({}), *home.engine.removed]


def test_a_running_container_is_adopted_by_a_new_process(make_home: MakeHome) -> None:
    """Nothing that it printed while nobody listened is lost, nothing is counted twice."""
    home = make_home(train)
    submit(home)
    home.step_until(lambda: bool(home.store.training_job("job-1").metrics))
    container_id = home.container_of("job-1")
    home.restart()
    home.engine.advance()
    job = home.run("job-1")

    assert [container_id] == [one.container_id for one in home.engine.removed]
    assert SecondaryStatus.COMPLETED is job.status
    assert [(1, 0.5), (2, 0.75)] == [(o.line, o.value) for o in home.store.observations("job-1")]
    assert 2 == len(JobFolder(home.profile.job_folder("job-1")).log().read_text().splitlines())


def test_a_container_that_ended_while_nobody_watched_is_taken_in(make_home: MakeHome) -> None:
    """With its true exit code."""

    def program(run: FakeContainer) -> Generator[None, None, int]:
        yield
        run.print("validation: accuracy=0.9")
        return 4

    home = make_home(program)
    submit(home)
    home.controller.step()
    home.restart()
    home.engine.advance()
    job = home.run("job-1")

    assert (4, 0.9) == (job.exit_code, job.final_value("validation:accuracy"))


@pytest.mark.parametrize("last_fact", ["change_status", "record_exit", "create", "start", "remove"])
def test_a_process_killed_at_any_fact_loses_nothing(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch, last_fact: str
) -> None:
    """Die right after each call that matters, as often as it is made; a new process completes the job once."""

    class Killed(BaseException):
        """The process is gone at this instruction."""

    survived = 0
    for deadly_call in range(1, 8):
        name = f"job-{last_fact}-{deadly_call}".replace("_", "-")
        home = make_home(train)
        home.engine.auto_advance = True
        submit(home, name)
        target = home.store if hasattr(home.store, last_fact) else home.engine
        calls = iter(range(1, 1000))

        def die_after(*args: object, _real: object = getattr(target, last_fact), **kwargs: object) -> object:
            result = _real(*args, **kwargs)  # type: ignore[operator]
            if next(calls) == deadly_call:  # noqa: B023 - used within this round only
                raise Killed
            return result

        monkeypatch.setattr(target, last_fact, die_after)
        try:
            home.run(name)
        except Killed:
            survived += 1
        monkeypatch.undo()
        home.restart()
        job = home.run(name)

        assert SecondaryStatus.COMPLETED is job.status
        assert [0.5, 0.75] == [o.value for o in home.store.observations(name)]
        assert not home.engine.containers({})
    assert survived >= 1


def test_a_lost_log_connection_loses_no_line(make_home: MakeHome) -> None:
    """docker-py ends the iterator as if the container had: the state is asked, and the rest is read."""

    def chatty(run: FakeContainer) -> Iterator[None]:
        for epoch in range(20):
            run.print(f"validation: accuracy=0.{epoch:02d}")
            yield

    home = make_home(chatty)
    home.engine.auto_advance = True
    for frames in (1, 0, 3, 7):
        home.engine.drop_next_follower_after(frames)
    submit(home)
    home.run("job-1")

    assert list(range(1, 21)) == [o.line for o in home.store.observations("job-1")]


def test_an_unreachable_engine_changes_nothing(make_home: MakeHome) -> None:
    """The step says so; when the engine is back the job goes on."""
    home = make_home(train)
    submit(home)
    home.controller.step()
    home.engine.reachable = False
    home.clock.now += 3
    with pytest.raises(EngineUnreachable):
        home.controller.step()
    status = home.store.training_job("job-1").status
    home.engine.reachable = True
    home.engine.auto_advance = True

    assert SecondaryStatus.TRAINING is status
    assert SecondaryStatus.COMPLETED is home.run("job-1").status


def test_stopping_a_container_that_is_gone_ends_the_job(make_home: MakeHome) -> None:
    """Removed from outside and stopped in the same moment."""
    home = make_home(train)
    submit(home)
    home.controller.step()
    home.engine.remove(home.container_of("job-1"))
    home.store.request_stop("job-1", StopReason.USER, now=home.clock())

    assert SecondaryStatus.STOPPED is home.run("job-1").status


def test_two_running_jobs_never_share_a_gpu(make_home: MakeHome) -> None:
    """Three jobs, two GPUs: the third waits until one is given back."""
    home = make_home(train, ("GPU-a", "GPU-b"))
    for name in ("one", "two", "three"):
        submit(home, name, gpu_count=1, ResourceConfig={"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1})
    home.controller.step()
    waiting = home.store.training_job("three").status
    given = {home.engine.container(home.container_of(name)).spec.gpu_ids for name in ("one", "two")}
    home.engine.auto_advance = True
    for name in ("one", "two", "three"):
        home.run(name)

    assert SecondaryStatus.PENDING is waiting
    assert {("GPU-a",), ("GPU-b",)} == given
    assert SecondaryStatus.COMPLETED is home.store.training_job("three").status


def test_an_out_of_memory_kill_is_said(make_home: MakeHome) -> None:
    """Exit code 137 alone does not tell why."""

    def waiting(_: FakeContainer) -> Iterator[None]:
        yield

    home = make_home(waiting)
    home.profile = replace(home.profile, memory_bytes=2**30)
    home.restart()
    submit(home)
    home.controller.step()
    home.engine.finish(home.container_of("job-1"), 137, oom_killed=True)
    job = home.run("job-1")

    reason = "killed for using more memory than its limit of 1.0 GiB"
    assert f"AlgorithmError: {reason}, exit code: 137" == job.failure_reason
    assert any(text.startswith(f"the container was {reason}: let it use less") for text in home.store.warnings("job-1"))


def test_a_metric_that_was_never_found_is_said(make_home: MakeHome) -> None:
    """With the pattern and how much there was to find it in: the usual reason for a search that learns nothing."""

    def mute(run: FakeContainer) -> None:
        run.print("accuracy: 0.5")
        run.print("done")

    home = make_home(mute)
    submit(home)
    home.run("job-1")
    (warning,) = home.store.warnings("job-1")

    assert "'validation:accuracy' was never found: none of the 2 lines" in warning


def test_artifacts_are_delivered_where_the_job_wants_them(make_home: MakeHome, tmp_path: Path) -> None:
    """S3OutputPath may be a folder of this host; below it the service's own layout."""
    home = make_home(train)
    home.engine.auto_advance = True
    submit(home, OutputDataConfig={"S3OutputPath": f"file://{tmp_path}/out"})
    home.run("job-1")

    assert ["model.tar.gz", "output.tar.gz"] == sorted(path.name for path in (tmp_path / "out/job-1/output").iterdir())
