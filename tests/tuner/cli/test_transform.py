"""`algodock transform`: submit, follow, stop, go on."""

import json
import os
import signal
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run
from http_servers import Request, Response
from serving_programs import serving
from transform_home import BatchServer

from contracts.jobs import JobKind, JobStatus
from tuner.engine.fake import FakeEngine
from tuner.store.sqlite_store import Store

IMAGE = "algorithm:1"


@pytest.fixture
def server(engine: FakeEngine) -> BatchServer:
    """What containers of the one image serve; they train too."""
    made = BatchServer()
    engine.images[IMAGE] = serving(made)
    return made


@pytest.fixture(autouse=True)
def _ended(engine: FakeEngine, server: BatchServer) -> Any:
    yield
    for one in server.servers:
        one.close()
    for container in engine.containers({}):
        engine.remove(container.container_id)


@pytest.fixture
def transform_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a job file over three rows in two files; `members` replace whole members."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("1\n2\n")
    (tmp_path / "rows" / "b.csv").write_text("3\n")

    def write(**members: Any) -> Path:
        request = {
            "TransformJobName": "batch",
            "ModelName": "one",
            "BatchStrategy": "SingleRecord",
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3Uri": f"file://{tmp_path}/rows"}},
                "SplitType": "Line",
            },
            "TransformOutput": {"AssembleWith": "Line"},
            **members,
        }
        path = tmp_path / "transform.json"
        path.write_text(json.dumps({name: value for name, value in request.items() if value is not None}))
        return path

    return write


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model archive."""
    path = tmp_path / "model.tar.gz"
    (tmp_path / "weights").write_text("1")
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "weights", "weights")
    return path


def test_a_model_of_this_home_transforms_an_input(
    run: Run, training_file: Path, transform_file: Callable[..., Path], server: BatchServer, home: Path
) -> None:
    """ModelName is the training job; the output is in the home where the file names none."""
    run("train", training_file)

    outcome = run("transform", transform_file())

    output = home / "transform" / "batch" / "output"
    assert (0, "") == (outcome.code, outcome.err)
    assert ["1\n2\n", "3\n"] == [(output / name).read_text() for name in ("a.csv.out", "b.csv.out")]
    assert "Started batch.\n" in outcome.out
    assert "BatchStrategy=SINGLE_RECORD" in outcome.out
    assert "2 of 2 objects, 6 B of 6 B read" in outcome.out
    assert "batch is Completed after" in outcome.out
    assert f"2 output objects in file://{output}" in outcome.out
    assert "serving ['rate']" in (home / "transform" / "batch" / "logs" / "algo-1.log").read_text()


def test_any_other_model_comes_with_its_image(
    run: Run, transform_file: Callable[..., Path], model: Path, server: BatchServer
) -> None:
    """Then the file needs no ModelName."""
    outcome = run("transform", transform_file(ModelName=None), "--model", model, "--image", IMAGE)

    assert 0 == outcome.code
    assert [b"1", b"2", b"3"] == [request.body for request in server.asked]


def test_json_lines_tell_progress_and_end_in_a_summary(
    run: Run, transform_file: Callable[..., Path], model: Path
) -> None:
    """For programs."""
    events = run("transform", transform_file(), "--model", model, "--image", IMAGE, "--json").events

    assert {"message", "progress", "status", "log", "summary"} == {event["event"] for event in events}
    summary = events[-1]
    assert ("summary", "transform_job", "Completed", 2, 2, 0) == tuple(
        summary[name] for name in ("event", "kind", "status", "objects", "delivered", "failed")
    )


def test_a_job_that_fails_is_exit_code_1_with_its_reason(
    run: Run, transform_file: Callable[..., Path], model: Path, server: BatchServer
) -> None:
    """The data-log's lines, the reason, and the end of the container's log."""
    server.reply = lambda request: Response(status=400, body=b"bad row")

    outcome = run("transform", transform_file(), "--model", model, "--image", IMAGE)

    assert 1 == outcome.code
    assert "a.csv: Bad HTTP status received from algorithm: 400\n" in outcome.out
    assert "a.csv: bad row\n" in outcome.out
    assert "ClientError: See job logs for more information. 2 of 2 objects failed" in outcome.out
    assert "The last lines of its container's log:\n    serving ['weights']" in outcome.out


def test_ctrl_c_stops_the_job_and_discards_its_output(
    run: Run, transform_file: Callable[..., Path], model: Path, server: BatchServer, home: Path
) -> None:
    """As StopTransformJob does; the exit code is 4."""

    released = threading.Event()

    def interrupt(request: Request) -> Response:
        if request.body == b"3":
            os.kill(os.getpid(), signal.SIGINT)
            released.wait(60)  # the answer comes too late
        return Response(body=request.body)

    server.reply = interrupt

    outcome = run("transform", transform_file(), "--model", model, "--image", IMAGE)

    released.set()
    assert 4 == outcome.code
    assert "the output is discarded, as StopTransformJob does" in outcome.out
    assert "batch is Stopped" in outcome.out
    assert [] == list((home / "transform" / "batch" / "output").rglob("*.out"))


def test_a_closing_terminal_leaves_the_job_for_later(
    run: Run, transform_file: Callable[..., Path], model: Path, server: BatchServer, store: Store
) -> None:
    """What was delivered is not sent again by the same command."""
    asked: list[bytes] = []

    def hang_up(request: Request) -> Response:
        asked.append(request.body)
        if asked == [b"1", b"2", b"3"]:
            os.kill(os.getpid(), signal.SIGHUP)
            return Response(status=503)  # so that it is not through in this very moment
        return Response(body=request.body)

    server.reply = hang_up
    arguments = ("transform", transform_file(), "--model", model, "--image", IMAGE)

    detached = run(*arguments)
    status = store.job(JobKind.TRANSFORM, "batch").status
    again = run(*arguments)

    assert (130, JobStatus.IN_PROGRESS) == (detached.code, status)
    assert "What was delivered stays; `algodock transform" in detached.err
    assert 0 == again.code
    assert "Going on with batch, which is InProgress." in again.out
    assert [b"1", b"2", b"3", b"3"] == asked


def test_a_name_is_used_once_and_again_takes_the_next(
    run: Run, transform_file: Callable[..., Path], model: Path, store: Store
) -> None:
    """With the service's words, and what to do."""
    arguments = ("transform", transform_file(), "--model", model, "--image", IMAGE)
    run(*arguments)

    refused, again = run(*arguments), run(*arguments, "--again")

    assert (2, 0) == (refused.code, again.code)
    assert "a transform job with this name already exists (batch)\nIt has ended. --again runs it" in refused.err
    assert ["batch", "batch-2"] == [job.name for job in store.jobs(JobKind.TRANSFORM)]


def test_a_model_that_this_home_does_not_have_is_refused(run: Run, transform_file: Callable[..., Path]) -> None:
    """Before anything is recorded."""
    outcome = run("transform", transform_file())

    assert 2 == outcome.code
    assert "ModelName: There is no job called one." in outcome.err
    assert "--model MODEL.tar.gz --image IMAGE gives any other model" in outcome.err


def test_an_image_or_gpus_that_are_not_there_are_the_machine_s_fault(
    run: Run, transform_file: Callable[..., Path], model: Path, store: Store
) -> None:
    """And nothing is recorded."""
    job = transform_file(TransformResources={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1})

    no_image = run("transform", transform_file(), "--model", model, "--image", "none:1")
    transform_file(TransformResources={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1})
    no_gpu = run("transform", job, "--model", model, "--image", IMAGE)

    assert (3, 3) == (no_image.code, no_gpu.code)
    assert "The transform job needs 1 GPU for 1 x ml.g5.xlarge, and this machine has none." in no_gpu.err
    assert [] == store.jobs(JobKind.TRANSFORM)


def test_what_is_wrong_with_the_file_is_said_with_its_line(run: Run, transform_file: Callable[..., Path]) -> None:
    """By `validate` too."""
    path = transform_file(MaxPayloadInMB=60, MaxConcurrentTransforms=2)

    for command in ("validate", "transform"):
        outcome = run(command, path)

        assert 2 == outcome.code
        assert "MaxConcurrentTransforms * MaxPayloadInMB cannot be greater than 100, and is 2 * 60 = 120" in outcome.err


def test_a_job_file_of_another_kind_is_sent_to_its_command(run: Run, training_file: Path, model: Path) -> None:
    """Which is named."""
    outcome = run("transform", training_file, "--model", model, "--image", IMAGE)

    assert 2 == outcome.code
    assert "is a CreateTrainingJob request: use `algodock train" in outcome.err


def test_a_job_over_the_best_trial_keeps_its_model(
    run: Run, tuning_file: Path, transform_file: Callable[..., Path], server: BatchServer, store: Store
) -> None:
    """Though the search may have a better one by the time that it goes on."""
    run("tune", tuning_file)

    def hang_up(request: Request) -> Response:
        if has_hung_up.is_set():
            return Response(body=request.body)
        has_hung_up.set()
        os.kill(os.getpid(), signal.SIGHUP)
        return Response(status=503)

    has_hung_up = threading.Event()
    server.reply = hang_up
    path = transform_file(ModelName="digits")
    detached = run("transform", path)
    job = store.job(JobKind.TRANSFORM, "batch")
    assert job.model is not None

    again = run("transform", path)

    assert "The model is that of digits-00" in detached.out
    assert (130, 0) == (detached.code, again.code)
    assert job.model == store.job(JobKind.TRANSFORM, "batch").model
