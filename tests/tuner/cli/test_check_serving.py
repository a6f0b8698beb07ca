"""`algodock check` of what an image serves: what it is told, and what it leaves out."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from commands_in_process import Run
from http_servers import Request, Response
from serving_programs import Server, serving

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer


@pytest.fixture
def server(engine: FakeEngine) -> Server:
    """What stands behind the image ``server:1``."""
    made = Server()
    engine.images["server:1"] = serving(made)
    return made


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A request that it can answer."""
    path = tmp_path / "rows.csv"
    path.write_text("1,2\n3,4\n")
    return path


def only(*names: str) -> tuple[str, ...]:
    """The options for these items."""
    return tuple(word for name in names for word in ("--only", name))


def test_a_payload_is_enough_to_check_serving(run: Run, server: Server, payload: Path) -> None:
    """Training was not asked for, so nothing is trained."""
    outcome = run("check", "server:1", "--payload", payload, *only("SERVE-INVOKE-200", "TRAIN-EXIT-0"), "--json")
    found = {one["id"]: one for one in outcome.document["results"]}

    assert "pass" == found["SERVE-INVOKE-200"]["outcome"]
    assert "not applicable" == found["TRAIN-EXIT-0"]["outcome"]
    assert "--train" in found["TRAIN-EXIT-0"]["came"]
    assert {"text/csv"} == {request.headers["Content-Type"] for request in server.asked}


def test_a_broken_rule_of_serving_is_exit_code_1(run: Run, server: Server, payload: Path) -> None:
    """As with training, and what was sent is told."""

    def answer(request: Request) -> Response:
        return Response(status=400 if request.path == "/invocations" else 200)

    server.answer = answer
    outcome = run("check", "server:1", "--serve", "--payload", payload, *only("SERVE-INVOKE-200"))

    assert 1 == outcome.code
    assert "FAIL: SERVE-INVOKE-200" in outcome.out
    assert "8 bytes of text/csv" in outcome.out


def test_what_the_service_does_without_is_a_warning_only(run: Run, server: Server, payload: Path) -> None:
    """A 500 to a malformed body is the same to a caller as a 400."""

    def answer(request: Request) -> Response:
        is_good = request.path != "/invocations" or request.body == payload.read_bytes()
        return Response(status=200 if is_good else 500, body=b"1")

    server.answer = answer
    outcome = run("check", "server:1", "--serve", "--payload", payload, *only("SERVE-INVOKE-BAD-BODY"))

    assert 0 == outcome.code, outcome.out
    assert "warn: SERVE-INVOKE-BAD-BODY" in outcome.out


def ends_at_once(run: FakeContainer) -> Generator[None, None, int]:
    """A program that knows no ``serve``."""
    run.print("usage: train")
    yield
    return 2


def test_an_image_of_which_nobody_said_that_it_serves_is_tried(run: Run, engine: FakeEngine) -> None:
    """It does not, and is told which option would make that a failure."""
    engine.images["trainer:1"] = ends_at_once
    tried = run("check", "trainer:1", *only("SERVE-PING-200", "SERVE-START-ARG"))
    told = run("check", "trainer:1", "--serve", *only("SERVE-PING-200", "SERVE-START-ARG"))

    assert 0 == tried.code, tried.out
    assert "--serve" in run("check", "trainer:1", *only("SERVE-PING-200"), "--json").document["results"][0]["came"]
    assert 1 == told.code


def test_flags_choose_what_is_listed(run: Run) -> None:
    """Both of them are both."""

    def count(*flags: str) -> int:
        return len(run("check", "--list", *flags, "--json").document)

    assert 89 == count("--train")
    assert 62 + 13 == count("--serve")
    assert 89 + 62 + 13 == count("--train", "--serve")
    assert 172 == count()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--content-type", "text/csv"), "--payload FILE"),
        (("--payload", "{payload}", "--content-type", "a/b", "--content-type", "c/d"), "more of them than payloads"),
        (("--payload", "/no/such/file"), "does not exist"),
        (("--model", "/no/such/model.tar.gz"), "does not exist"),
        (("--env", "SETTING"), "write NAME=VALUE"),
        (("--claim", "everything"), "is not one of"),
    ],
)
def test_what_makes_no_sense_is_exit_code_2(run: Run, payload: Path, arguments: tuple[Any, ...], text: str) -> None:
    """With a text that says which option."""
    outcome = run("check", "server:1", *(word.format(payload=payload) for word in arguments))

    assert 2 == outcome.code
    assert text in outcome.err


def test_a_model_archive_is_unpacked_and_nothing_is_left(
    run: Run, server: Server, payload: Path, home: Path, tmp_path: Path
) -> None:
    """No archive is none: exit code 2 of its own text."""
    archive = tmp_path / "model.tar.gz"
    archive.write_text("no archive")
    outcome = run("check", "server:1", "--payload", payload, "--model", archive, *only("SERVE-PING-200"))

    assert 0 != outcome.code
    assert "is not compressed with gzip" in outcome.err
    assert [] == list((home / "checks").iterdir())
