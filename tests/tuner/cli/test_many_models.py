"""`serve --multi-model` and `invoke --target-model`, with a fake engine and real HTTP servers in this process."""

import io
import signal
import socket
import tarfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Outcome, Run
from serving_programs import ManyModels, Server, left_behind, serving

from tuner.engine.fake import FakeEngine
from tuner.engine.protocol import Address
from tuner.profile import HostProfile
from tuner.serving.calls import Answer
from tuner.serving.front_door import FrontDoor, Invocation, invoke_target_model
from tuner.serving.running import running_endpoints

IMAGE = "algorithm:1"


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """A folder with the archives of three models."""
    folder = tmp_path / "digits"
    folder.mkdir()
    for name in ("a", "b", "c"):
        with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as tar:
            member = tarfile.TarInfo("weights")
            member.size = 2
            tar.addfile(member, io.BytesIO(f"{name}:".encode()))
    return folder


class Stage:
    """An endpoint of many models, which is asked in another thread while `algodock serve` runs in this one."""

    def __init__(self, run: Run, engine: FakeEngine, server: Server, home: Path) -> None:
        self._run, self._engine, self._home = run, engine, home
        self._is_done = threading.Event()
        many = ManyModels(home / "endpoints" / "digits" / "models")
        server.answer = many
        engine.images[IMAGE] = serving(server, signal.SIGINT, is_done=self._is_done.is_set)

    def serve(self, targets: Sequence[str], *arguments: object) -> tuple[Outcome, list[bytes]]:
        """Serve, ask each of the targets, stop; return what was printed, and the answers."""
        with ThreadPoolExecutor(1) as pool:
            answers: Future[list[bytes]] = pool.submit(self._ask, targets)
            outcome = self._run("serve", *arguments, "--multi-model", "--image", IMAGE)
            return outcome, answers.result()

    def _ask(self, targets: Sequence[str]) -> list[bytes]:
        try:
            door = self._front_door()
            return [self._answer(door, f"{target}.tar.gz").body for target in targets]
        finally:
            self._is_done.set()

    def _answer(self, door: Address, target: str) -> Answer:
        return invoke_target_model(door, "digits", Invocation(target_model=target, body=b"1", headers={}))

    def _front_door(self) -> Address:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for endpoint in running_endpoints(self._engine, HostProfile(home=self._home)):
                assert endpoint.front_door is not None
                return endpoint.front_door
        raise AssertionError("no endpoint")


@pytest.fixture
def stage(run: Run, engine: FakeEngine, server: Server, home: Path) -> Stage:
    """With room for two models in the container."""
    return Stage(run, engine, server, home)


def test_models_are_loaded_on_demand_and_unloaded_for_others(stage: Stage, archives: Path, home: Path) -> None:
    """What happens is told; at the end nothing is left."""
    outcome, answers = stage.serve(["a", "b", "a", "c"], archives)

    assert (0, [b"a:1", b"b:1", b"a:1", b"c:1"]) == (outcome.code, answers)
    assert (3, 1) == (outcome.out.count("-- Loaded "), outcome.out.count("-- Unloaded "))
    assert "Unloaded b.tar.gz: there was no memory for c.tar.gz." in outcome.out
    assert ["lock"] == [path.name for path in (home / "endpoints" / "digits").iterdir()]


def test_the_container_is_told_that_there_are_many(
    stage: Stage, engine: FakeEngine, archives: Path, home: Path
) -> None:
    """The variable; the folder of models, read-only; no model of its own."""
    stage.serve([], archives)
    spec = engine.removed[-1].spec

    assert "true" == spec.environment["SAGEMAKER_MULTI_MODEL"]
    assert [(home / "endpoints" / "digits" / "models", "/opt/ml/models", True)] == [
        (mount.source, mount.target, mount.read_only) for mount in spec.mounts
    ]


def test_the_front_door_is_where_the_port_option_says(stage: Stage, archives: Path) -> None:
    """People are told how to invoke, programs the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    outcome, _ = stage.serve(["a"], archives, "--port", port)

    assert f": http://127.0.0.1:{port}\n" in outcome.out
    assert "algodock invoke --endpoint digits --target-model ARCHIVE FILE" in outcome.out
    assert f"http://127.0.0.1:{port}/endpoints/digits/invocations" in outcome.out


def test_json_lines_have_the_front_door_s_address(stage: Stage, archives: Path) -> None:
    """For the official client's endpoint_url."""
    outcome, _ = stage.serve(["a"], archives, "--json")

    (in_service,) = [event for event in outcome.events if event["event"] == "in_service"]
    assert "-- " not in outcome.out
    assert in_service["url"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["s3://bucket/models", "--image", IMAGE], 2, "aws s3 sync s3://bucket/models ./models"),
        (["nowhere", "--image", IMAGE], 2, "There is no folder nowhere"),
        (["ARCHIVE", "--image", IMAGE], 2, "--multi-model serves a folder with archives"),
        (["FOLDER"], 2, "--image IMAGE is needed"),
        (["FOLDER", "--image", "nowhere:1"], 3, "no registry gave the image nowhere:1"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_runs(
    run: Run, engine: FakeEngine, archives: Path, home: Path, *, arguments: list[str], code: int, said: str
) -> None:
    """No container, no folder."""
    places = {"FOLDER": str(archives), "ARCHIVE": str(archives / "a.tar.gz")}
    outcome = run("serve", "--multi-model", *(places.get(argument, argument) for argument in arguments))

    assert (code, True) == (outcome.code, said in outcome.err)
    assert [] == [*engine.containers({}), *engine.removed]
    assert not list(home.rglob("models"))


def test_an_empty_folder_is_served_and_said_to_be_so(stage: Stage, tmp_path: Path) -> None:
    """Archives may come later, as they do into a prefix."""
    (tmp_path / "digits").mkdir()
    outcome, _ = stage.serve([], tmp_path / "digits")

    assert (0, True) == (outcome.code, "There is no archive (*.tar.gz) in" in outcome.out)


@pytest.mark.parametrize("option", [(), ("--multi-model",)])
def test_a_port_that_is_taken_is_about_the_machine(
    run: Run, engine: FakeEngine, archives: Path, option: tuple[str, ...]
) -> None:
    """Exit code 3, and what to do; nothing is unpacked or started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = run("serve", archives, *option, "--image", IMAGE, "--port", port)

    assert 3 == outcome.code
    assert f"Error: The port {port} of this machine is in use by another program." in outcome.err
    assert [] == [*engine.containers({}), *engine.removed]


class Invoked:
    """`algodock invoke` of an endpoint that somebody else's process serves."""

    def __init__(self, run: Run, engine: FakeEngine, server: Server, home: Path, file: Path) -> None:
        self._run, self._file = run, file
        self.door = FrontDoor("echo", 0)
        left_behind(engine, home, "echo", serving(server), {"algodock.front-door": str(self.door.address)})
        engine.advance()
        file.write_bytes(b"1")

    def __call__(self, *options: object) -> Outcome:
        """Its outcome."""
        return self._run("invoke", self._file, *options)


@pytest.fixture
def invoked(run: Run, engine: FakeEngine, server: Server, home: Path, tmp_path: Path) -> Any:
    """With a front door that is not open yet."""
    made = Invoked(run, engine, server, home, tmp_path / "x.csv")
    yield made
    made.door.close()


def test_a_target_model_is_asked_through_the_front_door(invoked: Invoked) -> None:
    """With the headers that the options say."""
    asked: list[Invocation] = []

    def answer(invocation: Invocation) -> Answer:
        asked.append(invocation)
        return Answer(body=b"2", content_type="text/csv")

    invoked.door.open(answer)
    outcome = invoked("--target-model", "a.tar.gz", "--accept", "x/y")

    assert (0, "2", "") == (outcome.code, outcome.out, outcome.err)
    assert [("a.tar.gz", "text/csv", "x/y")] == [
        (one.target_model, one.headers["Content-Type"], one.headers["Accept"]) for one in asked
    ]


def test_an_endpoint_of_many_models_is_not_asked_without_a_target(invoked: Invoked) -> None:
    """In the service's words, and ours."""
    for options in ((), ("--stream",)):
        outcome = invoked(*options)

        assert (2, True) == (outcome.code, "Request is missing a target model header" in outcome.err)


def test_a_front_door_that_nobody_answers_is_said_to_be_so(invoked: Invoked) -> None:
    """Its process was killed."""
    invoked.door.close()
    outcome = invoked("--target-model", "a.tar.gz")

    assert (1, True) == (outcome.code, "Its `algodock serve` has probably been killed" in outcome.err)


def test_an_endpoint_of_one_model_takes_no_target(
    run: Run, engine: FakeEngine, server: Server, home: Path, tmp_path: Path
) -> None:
    """As the service says; and a stream has none at all."""
    left_behind(engine, home, "echo", serving(server))
    engine.advance()
    (tmp_path / "x.csv").write_bytes(b"1")
    outcome = run("invoke", tmp_path / "x.csv", "--target-model", "a.tar.gz")
    streamed = run("invoke", tmp_path / "x.csv", "--target-model", "a.tar.gz", "--stream")

    assert (2, True) == (outcome.code, "Endpoint echo is not a multi-model endpoint" in outcome.err)
    assert (2, True) == (streamed.code, "--stream does not go with --target-model" in streamed.err)


def test_endpoints_are_listed_with_their_models(
    run: Run, engine: FakeEngine, server: Server, invoked: Invoked, home: Path
) -> None:
    """For people and for programs; jobs are another matter."""
    many = ManyModels(home)
    many.loaded = {"x": "/opt/ml/models/x/model", "y": "/opt/ml/models/y/model"}
    server.answer = many
    listed = run("list", "--endpoints")
    document = run("list", "--endpoints", "--json").document

    assert (0, True) == (listed.code, "echo" in listed.out)
    assert [
        {"name": "echo", "url": f"http://{invoked.door.address}", "multi_model": True, "models_loaded": 2}
    ] == document
    assert 2 == run("list", "--endpoints", "--all").code


def test_without_endpoints_the_way_to_one_is_told(run: Run) -> None:
    """And programs get an empty list."""
    assert "No endpoint runs." in run("list", "--endpoints").out
    assert [] == run("list", "--endpoints", "--json").document
