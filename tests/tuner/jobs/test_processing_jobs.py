"""Processing jobs from request to outcome, on a fake engine."""

import json
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes

from contracts.jobs import JobKind, JobStatus
from contracts.outcome import LossCause
from tuner.controller import stop_job
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import PROCESSING_JOB_LABEL
from tuner.errors import EngineError, EngineRejected, GpuUnavailable, ImageNotFound
from tuner.jobs.folder import JobFolder
from tuner.store.records import JobRecord

MakeHome = Callable[..., HomeOfFakes]

RAW = "/opt/ml/processing/input/raw"
CLEAN = "/opt/ml/processing/clean"


def submit(home: HomeOfFakes, tmp_path: Path, *, hosts: int = 1, **members: Any) -> None:
    """Record a job that reads ``in`` and writes ``out``, two files of the test's folder."""
    (tmp_path / "in").mkdir(exist_ok=True)
    for name in ("a.csv", "b.csv"):
        (tmp_path / "in" / name).write_text(name)
    request = {
        "ProcessingJobName": "clean",
        "AppSpecification": {"ImageUri": "image"},
        "ProcessingInputs": [
            {
                "InputName": "../raw",
                "S3Input": {
                    "S3Uri": f"file://{tmp_path}/in",
                    "LocalPath": RAW,
                    "S3DataType": "S3Prefix",
                    "S3DataDistributionType": "ShardedByS3Key",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "clean",
                    "S3Output": {"S3Uri": f"file://{tmp_path}/out", "LocalPath": CLEAN, "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        **members,
    }
    home.store.create_job(JobKind.PROCESSING, request, now=home.clock())


def run(home: HomeOfFakes) -> JobRecord:
    """Step until the job has ended."""
    home.engine.auto_advance = True
    home.step_until(lambda: home.store.job(JobKind.PROCESSING, "clean").is_finished)
    return home.store.job(JobKind.PROCESSING, "clean")


def cleans(run: FakeContainer) -> Iterator[None]:
    """Copies its input to its output, under the host's name."""
    run.on_signal("SIGTERM", lambda: 143)
    host = json.loads(run.path("/opt/ml/config/resourceconfig.json").read_text())["current_host"]
    run.print(f"{host} begins")
    yield
    for path in sorted(run.path(RAW).iterdir()):
        run.write(f"{CLEAN}/{host}/{path.name}", path.read_text())
    run.write("/opt/ml/output/message", f"{host} is done. ")


def fails(run: FakeContainer) -> int:
    """Leaves a message and an output, and fails."""
    run.write(f"{CLEAN}/half", "half")
    run.write("/opt/ml/output/message", "no column y")
    return 4


def test_a_good_run_delivers_its_outputs_and_its_message(make_home: MakeHome, tmp_path: Path) -> None:
    """File by file, to where the request says; nothing is left on the engine."""
    home = make_home(cleans)
    submit(home, tmp_path)
    job = run(home)

    assert (JobStatus.COMPLETED, 0, "algo-1 is done. ") == (job.status, job.exit_code, job.exit_message)
    assert ["a.csv", "b.csv"] == sorted(path.name for path in (tmp_path / "out" / "algo-1").iterdir())
    assert "algo-1 begins\n" == JobFolder(home.profile.processing_folder("clean")).log().read_text()
    assert not home.engine.containers({})


def test_the_container_gets_what_the_contract_gives(make_home: MakeHome, tmp_path: Path) -> None:
    """The image's own command, the two config files, inputs read-only, outputs there before it starts."""
    home = make_home(cleans)
    submit(home, tmp_path)
    home.controller.step()
    (container,) = home.engine.containers({PROCESSING_JOB_LABEL: "clean"})
    spec = home.engine.container(container.container_id).spec
    config = next(mount.source for mount in spec.mounts if mount.target == "/opt/ml/config")
    written = json.loads((config / "processingjobconfig.json").read_text())

    assert (None, None) == (spec.entry_point, spec.arguments)
    assert {
        "/opt/ml/config": True,
        "/opt/ml/output": False,
        RAW: True,
        CLEAN: False,
    } == {mount.target: mount.read_only for mount in spec.mounts}
    assert ("clean", None, "File") == (
        written["ProcessingJobName"],
        written["AppSpecification"]["ContainerEntrypoint"],
        written["ProcessingInputs"][0]["S3Input"]["S3InputMode"],
    )


def test_hosts_share_what_is_sharded_and_their_messages_are_put_together(make_home: MakeHome, tmp_path: Path) -> None:
    """Each writes under a name of its own."""
    home = make_home(cleans)
    submit(home, tmp_path, hosts=2)
    job = run(home)

    assert "algo-1 is done. algo-2 is done. " == job.exit_message
    assert ["algo-1/a.csv", "algo-2/b.csv"] == sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.csv")
    )
    assert ((), ()) == (home.engine.containers({}), home.engine.networks({}))


def test_a_failed_job_delivers_nothing_but_says_why(make_home: MakeHome, tmp_path: Path) -> None:
    """What it wrote stays in the job's folder."""
    home = make_home(fails)
    submit(home, tmp_path)
    job = run(home)

    assert (JobStatus.FAILED, 4, "no column y") == (job.status, job.exit_code, job.exit_message)
    assert "exit code: 4" in job.failure_reason
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("written", "status", "message"),
    [
        (b"\xff\xfe", JobStatus.FAILED, ""),
        ("é".encode() * 600, JobStatus.COMPLETED, "é" * 512),
        (("x" * 1023 + "é").encode(), JobStatus.COMPLETED, "x" * 1023),
    ],
    ids=["not UTF-8", "long", "a character cut by the limit"],
)
def test_the_message_is_a_kilobyte_of_text(
    make_home: MakeHome, tmp_path: Path, written: bytes, status: JobStatus, message: str
) -> None:
    """What is not UTF-8 fails the job, as on the service."""

    def writes(run: FakeContainer) -> None:
        run.path("/opt/ml/output/message").write_bytes(written)

    home = make_home(writes)
    submit(home, tmp_path)
    job = run(home)

    assert (status, message) == (job.status, job.exit_message)


def test_a_stopped_job_delivers_what_it_has(make_home: MakeHome, tmp_path: Path) -> None:
    """SIGTERM first."""

    def waits(run: FakeContainer) -> Generator[None, None, int]:
        run.on_signal("SIGTERM", lambda: 0)
        run.write(f"{CLEAN}/half", "half")
        while True:
            yield

    home = make_home(waits)
    submit(home, tmp_path)
    home.controller.step()
    stop_job(home.store, "clean", now=home.clock())
    job = run(home)

    assert JobStatus.STOPPED is job.status
    assert [["SIGTERM"]] == [one.signals for one in home.engine.removed]
    assert "half" == (tmp_path / "out" / "half").read_text()


def test_a_job_stopped_before_it_starts_never_starts(make_home: MakeHome, tmp_path: Path) -> None:
    """No container is made for it."""
    home = make_home(cleans)
    submit(home, tmp_path)
    stop_job(home.store, "clean", now=home.clock())

    assert JobStatus.STOPPED is run(home).status
    assert not home.engine.removed


def test_a_job_that_runs_too_long_is_stopped(make_home: MakeHome, tmp_path: Path) -> None:
    """And says so."""

    def waits(_: FakeContainer) -> Iterator[None]:
        while True:
            yield

    home = make_home(waits)
    submit(home, tmp_path, StoppingCondition={"MaxRuntimeInSeconds": 60})
    job = run(home)

    assert JobStatus.STOPPED is job.status
    assert job.failure_reason.startswith("MaxRuntimeExceeded")


def test_a_job_that_ended_in_time_while_nobody_looked_has_completed(make_home: MakeHome, tmp_path: Path) -> None:
    """Its time is up only by the clock."""

    def waits(_: FakeContainer) -> Iterator[None]:
        while True:
            yield

    home = make_home(waits)
    submit(home, tmp_path, StoppingCondition={"MaxRuntimeInSeconds": 60})
    home.controller.step()
    (container,) = home.engine.containers({})
    home.engine.finish(container.container_id, 0)
    home.clock.now += 1000
    home.restart()

    assert JobStatus.COMPLETED is run(home).status


def test_a_new_process_goes_on_with_the_job(make_home: MakeHome, tmp_path: Path) -> None:
    """The running container is adopted."""
    home = make_home(cleans)
    submit(home, tmp_path)
    home.controller.step()
    home.restart()
    job = run(home)

    assert JobStatus.COMPLETED is job.status
    assert 1 == len(home.engine.removed)


@pytest.mark.parametrize("last_fact", ["record_job_start", "record_job_exit", "create", "start", "remove"])
def test_a_process_killed_at_any_fact_loses_nothing(
    make_home: MakeHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_fact: str
) -> None:
    """Die right after each call that matters; a new process completes the job."""

    class Killed(BaseException):
        """The process is gone at this instruction."""

    home = make_home(cleans)
    submit(home, tmp_path)
    target = home.store if hasattr(home.store, last_fact) else home.engine
    real = getattr(target, last_fact)

    def die_after(*args: object, **kwargs: object) -> object:
        real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(target, last_fact, die_after)
    with pytest.raises(Killed):
        run(home)
    monkeypatch.undo()
    home.restart()
    job = run(home)

    assert JobStatus.COMPLETED is job.status
    assert ["a.csv", "b.csv"] == sorted(path.name for path in (tmp_path / "out" / "algo-1").iterdir())
    assert not home.engine.containers({})


def test_links_that_a_container_planted_are_not_followed(make_home: MakeHome, tmp_path: Path) -> None:
    """An output cannot bring out a file of the host."""
    (tmp_path / "secret").write_text("secret")

    def plants(run: FakeContainer) -> None:
        run.path(f"{CLEAN}/link").symlink_to(tmp_path / "secret")
        run.write(f"{CLEAN}/real", "real")

    home = make_home(plants)
    submit(home, tmp_path)
    run(home)

    assert ["real"] == [path.name for path in (tmp_path / "out").iterdir()]


def container_of(home: HomeOfFakes) -> str:
    """The id of the job's only container."""
    (container,) = home.engine.containers({PROCESSING_JOB_LABEL: "clean"})
    return container.container_id


def obeys(run: FakeContainer) -> Iterator[None]:
    """Writes an output in two steps; a program that obeys SIGTERM ends with exit code 0, half done."""
    run.on_signal("SIGTERM", lambda: 0)
    run.print("begins")
    run.write(f"{CLEAN}/half", "half")
    yield
    run.write(f"{CLEAN}/rest", "rest")
    run.print("ends")


def stop(home: HomeOfFakes) -> None:
    """`docker stop`, by somebody: the program obeys and says that all is well."""
    home.engine.signal(container_of(home), "SIGTERM")


def remove(home: HomeOfFakes) -> None:
    """`docker rm -f`, by somebody."""
    home.engine.remove(container_of(home))


def restart_engine(home: HomeOfFakes) -> None:
    """The engine is stopped, which its program obeys, and comes back."""
    home.engine.finish(container_of(home), 0)
    home.engine.started = home.clock() + 1


def lose_power(home: HomeOfFakes) -> None:
    """The engine finds the container dead when it comes up."""
    home.restart()
    home.clock.now += 300
    home.engine.finish(container_of(home), 255)
    home.engine.started = home.clock() + 0.3


@pytest.mark.parametrize(
    ("lose", "cause"),
    [
        (stop, LossCause.CONTAINER_KILLED),
        (remove, LossCause.CONTAINER_REMOVED),
        (restart_engine, LossCause.ENGINE_RESTARTED),
        (lose_power, LossCause.ENGINE_RESTARTED),
    ],
)
def test_a_job_that_loses_its_container_starts_again(
    make_home: MakeHome, tmp_path: Path, lose: Callable[[HomeOfFakes], None], cause: LossCause
) -> None:
    """Nothing of the half that was written is delivered; the log goes on, and nothing of it is missing."""
    home = make_home(obeys)
    submit(home, tmp_path)
    home.controller.step()
    folder = JobFolder(home.profile.processing_folder("clean"))
    home.step_until(lambda: folder.log().exists() and folder.log().read_text() == "begins\n")
    lose(home)
    home.step_until(lambda: len(home.store.job_losses(JobKind.PROCESSING, "clean")) == 1)
    waiting = home.store.job(JobKind.PROCESSING, "clean")
    job = run(home)

    assert (JobStatus.IN_PROGRESS, None) == (waiting.status, waiting.start_time)
    assert waiting.message.startswith("Starts again in 10 s: ")
    assert [cause] == [loss.cause for loss in home.store.job_losses(JobKind.PROCESSING, "clean")]
    assert (JobStatus.COMPLETED, 0) == (job.status, job.exit_code)
    assert ["half", "rest"] == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert "begins\nbegins\nends\n" == folder.log().read_text()
    assert [(0, 1), (1, 2)] == [
        (entry.first_line, entry.lines) for entry in home.store.ledger(JobKind.PROCESSING, "clean")
    ]
    assert not home.engine.containers({})


def test_a_job_that_is_lost_again_and_again_fails_at_last(make_home: MakeHome, tmp_path: Path) -> None:
    """After three fresh starts, and its reason says that it is the machine's doing."""
    home = make_home(obeys)
    submit(home, tmp_path)

    def is_lost_for_good() -> bool:
        for container in home.engine.containers({PROCESSING_JOB_LABEL: "clean"}):
            home.engine.remove(container.container_id)
        return home.store.job(JobKind.PROCESSING, "clean").is_finished

    home.step_until(is_lost_for_good)

    assert "InternalServerError: lost for the 4th time: the container was removed from outside" == (
        home.store.job(JobKind.PROCESSING, "clean").failure_reason
    )


def test_a_lost_job_that_is_asked_to_stop_does_not_start_again(make_home: MakeHome, tmp_path: Path) -> None:
    """It is Stopped at once, while it waits."""
    home = make_home(obeys)
    submit(home, tmp_path)
    home.controller.step()
    remove(home)
    home.step_until(lambda: bool(home.store.job_losses(JobKind.PROCESSING, "clean")))
    stop_job(home.store, "clean", now=home.clock())

    assert JobStatus.STOPPED is run(home).status
    assert not home.engine.containers({})


@pytest.mark.parametrize(
    ("method", "error", "starts_again"),
    [
        ("create", ImageNotFound("no image"), True),
        ("start", GpuUnavailable("no GPU"), True),
        ("create", EngineRejected("invalid mount"), False),
        ("start", EngineRejected("exec: no such file"), False),
    ],
)
def test_what_the_machine_refuses_is_tried_again_and_what_the_request_is_to_blame_for_is_not(
    make_home: MakeHome, tmp_path: Path, method: str, error: EngineError, starts_again: bool
) -> None:
    """As of training jobs."""
    home = make_home(cleans)
    submit(home, tmp_path)
    home.engine.refuse_next(method, error)

    assert (JobStatus.COMPLETED if starts_again else JobStatus.FAILED) is run(home).status
