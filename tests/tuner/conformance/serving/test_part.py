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
from tuner.conformance.serving.case import (
    MARKER,
    Payload,
    ServedCase,
    ServingClaim,
    large,
    malformed,
    table_of,
    variants,
)
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


HEADED = Payload(body=b'"x1","kind"\r\n3.5,a\r\n2,b\r\n', content_type="text/csv")


def test_a_header_line_comes_once_however_long_a_table_is_made() -> None:
    """In the middle of the data it would be a row of no sense."""
    filled = large(HEADED)

    assert b'"x1","kind"\r\n3.5,a\r\n2,b\r\n3.5,a\r\n2,b' == next(variants(HEADED)).body
    assert filled is not None
    assert filled.body.startswith(b'"x1","kind"\r\n3.5,a\r\n2,b\r\n3.5,a')
    assert 1 == filled.body.count(b"kind")
    assert 6 * 1024**2 - 20 < len(filled.body) <= 6 * 1024**2


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"x1;kind\n3.5;a\n", b"x1;kind"),
        (b"x1\tkind\n-1e3\ta\n", b"x1\tkind"),
        (b"1,a\n2,b\n", None),
        (b"good,a\nbad,b\n", None),
        (b"good,a\n5,b\nbad,c\n", None),
        (b"a,b\n", None),
        (b"nan,a\n1,b\n", b"nan,a"),
    ],
)
def test_a_header_is_a_line_without_a_number_before_lines_with_numbers(body: bytes, header: bytes | None) -> None:
    """Texts have none."""
    table = table_of(Payload(body=body, content_type="text/csv"))

    assert table is not None
    assert header == table.header


def test_two_models_that_answer_alike_are_no_test_of_many_models(
    examine: Examine, server: Server, tmp_path: Path
) -> None:
    """The other one is served alone to know it."""

    def answer(request: Request) -> Response:
        return Response(body=b"0.5" if "invo" in request.path else b"", headers={"Content-Type": "text/csv"})

    server.answer = answer
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text("0.5")
    claims = frozenset({ServingClaim.MULTI_MODEL})
    case = replace(CASE, model=tmp_path / "one", other_model=tmp_path / "two", claims=claims)
    found = examine(["SERVE-MME-INVOKE"], case)["SERVE-MME-INVOKE"]

    assert Outcome.NOT_APPLICABLE is found.outcome
    assert "give another --model that answers differently" in found.came
    assert 3 == len(server.servers)


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
