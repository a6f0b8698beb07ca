"""Planning of serving on the fake engine, whose containers answer over real HTTP."""

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conformance_observations import IMAGE
from http_servers import Request, Response
from serving_programs import Server, serving

from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.serving.case import MARKER, Payload, ServedCase, large, malformed, variants
from tuner.conformance.serving.container import ServingPatience, ServingProbe
from tuner.conformance.serving.models import broken, with_other_files
from tuner.conformance.serving.part import ServingPart
from tuner.engine.fake import FakeEngine

ROWS = Payload(body=b"1,2\n3,4\n", content_type="text/csv")
CASE = ServedCase(image="server", payloads=(ROWS,))
Examine = Callable[..., Mapping[str, Result]]


@pytest.fixture
def server() -> Server:
    """What stands behind the image."""
    return Server()


@pytest.fixture
def examine(tmp_path: Path, server: Server) -> Examine:
    """Examines the server, and gives the results by id."""
    engine = FakeEngine({"server": serving(server)}, auto_advance=True)
    seconds = itertools.count(0.0, 0.01)

    def run(wanted: Collection[str], case: ServedCase = CASE, *, is_a_try: bool = False) -> Mapping[str, Result]:
        probe = ServingProbe(
            engine=engine,
            image="server",
            home=tmp_path,
            patience=ServingPatience(startup=3.0, spare=1.0, load=0.2, poll=0.0),
            clock=lambda: next(seconds),
            sleep=lambda _: None,
        )
        part = ServingPart(probe=probe, case=case, image=IMAGE, wanted=wanted, folder=tmp_path, is_a_try=is_a_try)
        results = Examination([part], wanted=wanted, workers=2, progress=lambda made, planned, what: None).results()
        assert () == tuple(engine.containers({}))
        return {result.item.id: result for result in results}

    return run


def test_the_good_case_answers_three_conditions_at_once(examine: Examine, server: Server) -> None:
    """A read-only model, files beside it, no credentials: one container is enough for an image that passes."""
    results = examine(["SERVE-MODEL-RO", "SERVE-MODEL-EXTRA", "SERVE-INVOKE-200"])

    assert {Outcome.PASS} == {one.outcome for one in results.values()}
    assert 1 == len(server.servers)


def test_without_a_payload_only_what_needs_none_is_judged(examine: Examine) -> None:
    """And the option is named."""
    results = examine(["SERVE-PING-200", "SERVE-INVOKE-200", "SERVE-INVOKE-HEADERS"], replace(CASE, payloads=()))

    assert Outcome.PASS is results["SERVE-PING-200"].outcome
    assert "--payload" in results["SERVE-INVOKE-200"].came
    assert "--payload" in results["SERVE-INVOKE-HEADERS"].came


def test_an_unhealthy_image_fails_one_item_and_nothing_else_is_told(examine: Examine, server: Server) -> None:
    """It answers, so it listens."""
    server.answer = lambda request: Response(status=503)
    results = examine(["SERVE-PORT-8080", "SERVE-PING-200", "SERVE-INVOKE-200", "SERVE-404"])

    assert ["SERVE-PING-200"] == [name for name, one in results.items() if one.outcome is Outcome.FAIL]
    assert "503" in results["SERVE-PING-200"].came
    assert "SERVE-PING-200" in results["SERVE-INVOKE-200"].came


def test_where_it_was_only_tried_nothing_fails(examine: Examine, server: Server) -> None:
    """The option is named that would make it a failure."""
    server.answer = lambda request: Response(status=503)
    results = examine(["SERVE-PING-200"], is_a_try=True)

    assert Outcome.NOT_APPLICABLE is results["SERVE-PING-200"].outcome
    assert "--serve" in results["SERVE-PING-200"].came


def test_a_caller_is_told_what_was_sent_and_what_came_back(examine: Examine, server: Server) -> None:
    """Raw, as it was."""

    def answer(request: Request) -> Response:
        is_odd = "unknown" in request.headers.get("Content-Type", "")
        return Response(status=500 if is_odd else 200, body=b"Traceback" if is_odd else b"1\n2\n")

    server.answer = answer
    found = examine(["SERVE-INVOKE-BAD-CT"])["SERVE-INVOKE-BAD-CT"]

    assert Outcome.FAIL is found.outcome
    assert "POST /invocations with 8 bytes of application/x-algodock-unknown" in found.sent
    assert "500" in found.came
    assert "Traceback" in found.came


def test_a_malformed_body_is_no_text_and_can_be_found_again() -> None:
    """Whatever the format."""
    body = malformed(ROWS).body

    assert MARKER.encode() in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()


@pytest.mark.parametrize(
    ("payload", "twice"),
    [
        (ROWS, b"1,2\n3,4\n1,2\n3,4"),
        (Payload(body=b'{"instances": [[1]]}', content_type="application/json"), b'{"instances": [[1], [1]]}'),
    ],
)
def test_a_payload_of_records_is_sent_with_more_of_them(payload: Payload, twice: bytes) -> None:
    """So that answers that are mixed up can be told apart."""
    assert twice == next(variants(payload)).body


def test_json_is_filled_with_spaces_to_six_mebibytes_and_an_image_is_not() -> None:
    """What follows JSON may be white space; of other formats it is not known."""
    filled = large(Payload(body=b"[1]", content_type="application/json"))

    assert filled is not None
    assert 6 * 1024**2 == len(filled.body)
    assert large(Payload(body=b"...", content_type="image/png")) is None


def test_a_broken_model_has_no_whole_file_but_its_code(tmp_path: Path) -> None:
    """The original stays as it is."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "weights").write_text("0.123456789")
    (tmp_path / "model" / "code" / "inference.py").write_text("pass")
    made = broken(tmp_path / "model", tmp_path / "broken")

    assert made is not None
    assert "0.123456789" == (tmp_path / "model" / "weights").read_text()
    assert b"0.12" != (made / "weights").read_bytes()[:4]
    assert "pass" == (made / "code" / "inference.py").read_text()


def test_files_beside_a_model_leave_the_model_alone(tmp_path: Path) -> None:
    """And cost no bytes: it may be large."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("w")
    beside = with_other_files(tmp_path / "model", tmp_path / "beside")

    assert ["weights"] == [path.name for path in (tmp_path / "model").iterdir()]
    assert (beside / "weights").samefile(tmp_path / "model" / "weights")
    assert (beside / "code").is_dir()
