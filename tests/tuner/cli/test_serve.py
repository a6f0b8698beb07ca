"""`algodock serve`, with a fake engine and a real HTTP server in this process."""

import io
import itertools
import os
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands_in_process import Run
from http_servers import Response
from serving_programs import Server, left_behind, serving

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.engine.gpus import GpuMemory
from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store

IMAGE = "algorithm:1"


def trained(run: Run, engine: FakeEngine, server: Server, file: Path) -> None:
    """Run the job file; the image serves what it trains until Ctrl-C comes."""
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    assert 0 == run("train" if file.name == "training.json" else "tune", file).code


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model archive that no job made."""
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("weights")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    return path


def test_the_model_of_a_training_job_is_served_by_its_image_until_ctrl_c(
    run: Run, engine: FakeEngine, server: Server, training_file: Path, home: Path
) -> None:
    """Unpacked, read-only, in service, stopped, and gone."""
    trained(run, engine, server, training_file)
    outcome = run("serve", "one")

    served = engine.removed[-1]
    assert (0, "") == (outcome.code, outcome.err)
    assert "serving ['rate']" in outcome.out
    assert "In service after" in outcome.out
    assert "algodock invoke --endpoint one FILE" in outcome.out
    assert "-- Stopped. Nothing of it is left." == outcome.out.splitlines()[-1]
    assert (("serve",), True, ["SIGTERM"]) == (served.spec.arguments, served.spec.mounts[0].read_only, served.signals)
    assert {HOME_LABEL: str(home), ENDPOINT_LABEL: "one"} == served.spec.labels
    assert not (home / "endpoints" / "one" / "model").exists()


def test_the_best_trial_of_a_tuning_job_is_served(
    run: Run, engine: FakeEngine, server: Server, tuning_file: Path, store: Store
) -> None:
    """Under the tuning job's name; which trial it is, is said. `tune` itself ends with the command."""
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    tuned = run("tune", tuning_file)
    outcome = run("serve", "digits")

    best = max(store.trials("digits"), key=lambda trial: float(trial.tuned["learning_rate"]))
    assert "`algodock serve digits` serves the best trial's model." in tuned.out
    assert 0 == outcome.code
    assert f"The model is that of {best.name}, trial {best.trial_index} of digits." in outcome.out
    assert "as endpoint digits" in outcome.out


def test_json_lines_have_the_log_the_address_and_the_end(
    run: Run, engine: FakeEngine, server: Server, training_file: Path
) -> None:
    """For programs that start an endpoint and wait for it."""
    trained(run, engine, server, training_file)
    events = run("serve", "one", "--json").events

    (in_service,) = [event for event in events if event["event"] == "in_service"]
    assert f"http://{server.servers[-1].address}" == in_service["url"]
    assert {"event": "log", "line": "serving ['rate']"} in events
    assert ["stopping", "message"] == [event["event"] for event in events[-2:]]


def test_an_archive_or_a_folder_is_served_by_the_image_given(
    run: Run, engine: FakeEngine, server: Server, model: Path, tmp_path: Path
) -> None:
    """The endpoint is called after it; variables and limits reach the container."""
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    archive = run("serve", model, "--image", IMAGE, "-e", "A=b=c", "--memory", "1g")
    (tmp_path / "my model").mkdir()
    (tmp_path / "my model" / "inside").touch()
    folder = run("serve", tmp_path / "my model", "--image", IMAGE)

    assert (0, 0) == (archive.code, folder.code)
    assert "serving ['weights']" in archive.out
    assert "serving ['inside']" in folder.out
    assert ["model", "my-model"] == [one.spec.labels[ENDPOINT_LABEL] for one in engine.removed]
    assert ("b=c", 2**30) == (engine.removed[0].spec.environment["A"], engine.removed[0].spec.memory_bytes)
    assert (tmp_path / "my model" / "inside").exists()


def test_ctrl_c_twice_kills_at_once(run: Run, engine: FakeEngine, server: Server, model: Path) -> None:
    """A container that does not heed SIGTERM need not be waited for."""
    engine.images[IMAGE] = serving(server, signal.SIGINT, signal.SIGINT, at_sigterm=None)
    outcome = run("serve", model, "--image", IMAGE)

    assert 0 == outcome.code
    assert ["SIGTERM", "SIGKILL"] == engine.removed[0].signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_every_way_to_end_it_is_graceful(
    run: Run, engine: FakeEngine, server: Server, model: Path, number: signal.Signals
) -> None:
    """Whoever ends a service with SIGTERM, or closes the terminal."""
    engine.images[IMAGE] = serving(server, number)
    outcome = run("serve", model, "--image", IMAGE)

    assert (0, ["SIGTERM"]) == (outcome.code, engine.removed[0].signals)


def test_a_deaf_container_is_killed_after_thirty_seconds(
    run: Run, engine: FakeEngine, server: Server, model: Path
) -> None:
    """By the clock of the test, which moves when it is looked at."""
    engine.images[IMAGE] = serving(server, signal.SIGINT, at_sigterm=None)
    outcome = run("serve", model, "--image", IMAGE)

    assert 0 == outcome.code
    assert "did not end within 30 s of SIGTERM and is killed" in outcome.out


def test_a_container_that_fails_is_exit_code_1_with_the_end_of_its_log(
    run: Run, engine: FakeEngine, model: Path, home: Path
) -> None:
    """As text, and as an event."""

    def broken(container: FakeContainer) -> int:
        container.print("ModuleNotFoundError: no module named flask")
        return 4

    engine.images[IMAGE] = broken
    outcome = run("serve", model, "--image", IMAGE)
    events = run("serve", model, "--image", IMAGE, "--json").events

    assert 1 == outcome.code
    assert "Error: Its container exited with code 4 before /ping answered 200." in outcome.err
    assert "    ModuleNotFoundError: no module named flask" in outcome.err
    assert ("failed", ["ModuleNotFoundError: no module named flask"]) == (events[-1]["event"], events[-1]["last_lines"])
    assert not (home / "endpoints" / "model" / "model").exists()


def test_one_that_does_not_get_healthy_in_time_is_exit_code_1(
    run: Run, engine: FakeEngine, server: Server, model: Path
) -> None:
    """The text says what /ping answered."""
    engine.images[IMAGE] = serving(server)
    server.answer = lambda request: Response(status=503)
    outcome = run("serve", model, "--image", IMAGE, "--startup-timeout", 5)

    assert 1 == outcome.code
    assert "within 5 s: /ping answered 503 instead of 200." in outcome.err
    assert () == tuple(engine.containers({}))


def test_a_name_that_is_being_served_is_refused(run: Run, engine: FakeEngine, model: Path, home: Path) -> None:
    """Its container is left alone; the text says who serves it and what to do."""
    lock = ControllerLock(home / "endpoints" / "model" / "lock")
    lock.acquire()
    outcome = run("serve", model, "--image", IMAGE)
    lock.release()

    assert 2 == outcome.code
    assert f"Cannot create already existing endpoint model: another process serves it (process {os.getpid()}" in (
        outcome.err
    )
    assert "--name" in outcome.err


def test_what_a_killed_serve_left_is_replaced(
    run: Run, engine: FakeEngine, server: Server, model: Path, home: Path
) -> None:
    """Its container runs on without anybody; the next of that name says so and takes its place."""
    orphan = left_behind(engine, home, "model", serving(server))
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    outcome = run("serve", model, "--image", IMAGE)

    assert 0 == outcome.code
    assert "An earlier endpoint model was left behind by a process that was killed." in outcome.out
    assert orphan == engine.removed[0].container_id


def test_down_removes_what_a_killed_serve_left(run: Run, engine: FakeEngine, server: Server, home: Path) -> None:
    """It carries the home's label, as everything does."""
    left_behind(engine, home, "model", serving(server))
    outcome = run("down", "--yes")

    assert (0, ()) == (outcome.code, tuple(engine.containers({})))
    assert "1 container that no job knew removed" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing"], 2, "There is no job called nothing."),
        (["./nothing.tar.gz", "--image", IMAGE], 2, "There is no file ./nothing.tar.gz."),
        (["MODEL"], 2, "--image IMAGE is needed beside"),
        (["MODEL", "--image", "nowhere:1"], 3, "no registry gave the image nowhere:1"),
        (["MODEL", "--image", IMAGE, "--name", "-x"], 2, "Value '-x' at 'endpointName' failed to satisfy constraint"),
        (["MODEL", "--image", IMAGE, "-e", "novalue"], 2, "NAME=VALUE"),
        (["MODEL", "--image", IMAGE, "-e", "A=" + "x" * 1025], 2, "'A' is too long"),
        (["MODEL", "--image", IMAGE, "--gpus", "all"], 3, "this machine has none"),
        (["MODEL", "--image", IMAGE, "--gpus", "GPU-x"], 3, "GPU-x"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_runs(
    run: Run, engine: FakeEngine, model: Path, *, arguments: list[str], code: int, said: str
) -> None:
    """No container, no folder."""
    outcome = run("serve", *(str(model) if argument == "MODEL" else argument for argument in arguments))

    assert code == outcome.code
    assert said in outcome.err
    assert [] == [*engine.containers({}), *engine.removed]


def test_an_archive_that_wants_out_is_refused(run: Run, engine: FakeEngine, tmp_path: Path) -> None:
    """Bad input, before a container is made."""
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../../evil"))
    outcome = run("serve", path, "--image", IMAGE)

    assert 2 == outcome.code
    assert "'../../evil'" in outcome.err
    assert [] == [*engine.containers({}), *engine.removed]


def test_a_job_without_a_model_cannot_be_served(run: Run, engine: FakeEngine, training_file: Path) -> None:
    """It failed, or wrote none."""
    engine.images[IMAGE] = lambda container: container.fail("no data")
    run("train", training_file)
    outcome = run("serve", "one")

    assert (2, True) == (outcome.code, "The training job one left no model." in outcome.err)


def test_gpus_are_given_when_asked_for_unless_a_job_has_them(
    run: Run, engine: FakeEngine, server: Server, model: Path, job_with_gpu: str
) -> None:
    """A running job's GPU is refused; a free one reaches the container."""
    engine.gpus = ("GPU-a", "GPU-b")
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    taken = run("serve", model, "--image", IMAGE, "--gpus", "GPU-a")
    free = run("serve", model, "--image", IMAGE, "--gpus", "GPU-b")

    assert (3, 0) == (taken.code, free.code)
    assert f"The GPU GPU-a is in use by the training job {job_with_gpu}." in taken.err
    assert ("GPU-b",) == engine.removed[-1].spec.gpu_ids


def test_a_gpu_of_an_endpoint_is_leased_while_it_is_served(
    run: Run, engine: FakeEngine, server: Server, model: Path, store: Store
) -> None:
    """Jobs of the home, which ask the same table, get none of it."""
    held: list[str] = []
    serve = serving(server, signal.SIGINT)

    def look(container: FakeContainer) -> int | Iterator[None] | None:
        held.extend(f"{lease.gpu} is held by {lease.holder}" for lease in store.gpu_leases())
        return serve(container)

    engine.gpus = ("GPU-a",)
    engine.images[IMAGE] = look
    assert 0 == run("serve", model, "--image", IMAGE, "--gpus", "all").code

    assert ["GPU-a is held by the endpoint model"] == held
    assert [] == store.gpu_leases()


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(
    run: Run, engine: FakeEngine, model: Path, training_file: Path
) -> None:
    """Whichever command is given it, before anything starts."""
    engine.gpus = ("GPU-a",)
    outcomes = [
        run(*command, "--gpus", "GPU-z") for command in (("serve", model, "--image", IMAGE), ("train", training_file))
    ]

    assert [2, 2] == [outcome.code for outcome in outcomes]
    assert all("GPU-z is no GPU of this machine. There are GPU-a" in outcome.err for outcome in outcomes)
    assert [] == [*engine.containers({}), *engine.removed]


def test_a_gpu_whose_memory_is_used_is_waited_for_before_serving(
    run: Run, engine: FakeEngine, server: Server, model: Path
) -> None:
    """And it is said whose it is."""
    answers = iter([1, 1, 8])
    engine.gpus = ("GPU-a",)
    engine.images[IMAGE] = serving(server, signal.SIGINT)
    outcome = run(
        *("serve", model, "--image", IMAGE, "--gpus", "GPU-a"),
        read_gpu_memory=lambda _: GpuMemory(total_bytes=8, free_bytes=next(answers)),
        clock=itertools.count(0, 3).__next__,
    )

    assert 0 == outcome.code
    assert 1 == outcome.out.count(
        "Waiting for 1 GPU: 0 of 1 are free; 0.0 of 0.0 GiB of the memory of GPU-a are in use"
    )


@pytest.fixture
def job_with_gpu(store: Store) -> str:
    """An unfinished training job that holds GPU-a."""
    request = {"TrainingJobName": "busy", "AlgorithmSpecification": {"TrainingImage": IMAGE}}
    store.create_training_job(request, now=0.0, gpu_count=1)
    assert ("GPU-a",) == store.lease_gpus("busy", ["GPU-a"], 1)
    return "busy"
