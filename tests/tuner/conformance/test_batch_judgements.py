"""Judgements of batch transform, on hand-made requests and answers."""

from dataclasses import replace

import pytest

from contracts.serving import CSV, JSON_LINES, BatchStrategy
from tuner.conformance.batch import judgements as judge
from tuner.conformance.batch.evidence import Asked, BatchEvidence
from tuner.conformance.batch.parameters import said
from tuner.conformance.batch.records import Records, alike, answers_in, is_lines, records_of
from tuner.conformance.evidence import Outcome
from tuner.conformance.serving.case import Payload, ServedCase
from tuner.conformance.serving.container import Start
from tuner.conformance.serving.http_calls import Call, Exchange, Reply

PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE
RECORDS = Records(media_type=CSV, lines=(b"1,2", b"3,4"))
CALL = Call(method="POST", path="/invocations")


def exchange(body: str = "", status: int | None = 200) -> Exchange:
    """An answer."""
    return Exchange(call=CALL, reply=Reply(status=status, body=body.encode()))


def asked(body: str = "", status: int | None = 200, *, is_alive: bool = True) -> Asked:
    """The answer to one request."""
    return Asked(exchanges=(exchange(body, status),), is_alive=is_alive)


EVIDENCE = BatchEvidence(
    start=Start(ready_after=1.0),
    without=Start(ready_after=1.0),
    records=RECORDS,
    single=(exchange("2,4"), exchange("6,8")),
)


def with_parameters(body: str, status: int | None = 200) -> BatchEvidence:
    """What an image says of itself."""
    return replace(EVIDENCE, parameters=exchange(body, status))


@pytest.mark.parametrize(
    ("body", "status", "form", "strategy", "limits"),
    [
        ("", 404, PASS, NONE, NONE),
        ("", 500, FAIL, NONE, NONE),
        ("{}", 200, PASS, NONE, PASS),
        (
            '{"BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 50, "MaxConcurrentTransforms": 2}',
            200,
            PASS,
            PASS,
            PASS,
        ),
        ('{"BatchStrategy": "MultiRecord"}', 200, PASS, FAIL, PASS),
        ('{"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}', 200, PASS, NONE, FAIL),
        ('{"MaxPayloadInMB": 101}', 200, PASS, NONE, FAIL),
        ('{"MaxPayloadInMB": "6"}', 200, FAIL, NONE, PASS),
        ("[1]", 200, FAIL, NONE, PASS),
        ("all of it", 200, FAIL, NONE, PASS),
    ],
)
def test_execution_parameters_have_a_form_a_strategy_and_limits(
    body: str, status: int, form: Outcome, strategy: Outcome, limits: Outcome
) -> None:
    """None of them is a must: an image may know nothing of the route."""
    evidence = with_parameters(body, status)

    assert (form, strategy, limits) == (
        judge.parameters(evidence).outcome,
        judge.strategy(evidence).outcome,
        judge.limits(evidence).outcome,
    )


def test_what_is_not_said_has_the_platforms_defaults() -> None:
    """A 0 stands for what is not said, too, where it is about requests at once."""
    one = said(Reply(status=200, body=b'{"MaxConcurrentTransforms": 0}')).effective

    assert (1, BatchStrategy.MULTI_RECORD, 6) == (
        one.max_concurrent_transforms,
        one.batch_strategy,
        one.max_payload_mb,
    )


def test_an_image_that_does_not_come_up_with_the_variable_is_told_so() -> None:
    """Without it, it did."""
    evidence = replace(EVIDENCE, start=Start(exit_code=1, seconds=1.0))

    assert FAIL == judge.environment(evidence).outcome
    assert "without SAGEMAKER_BATCH" in judge.environment(evidence).came
    assert PASS == judge.environment(EVIDENCE).outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [("2,4\n6,8\n", PASS), ("2,4\n6,8", PASS), ("6,8\n2,4", FAIL), ("2,4", FAIL), ("2,4\n6,8\n0,0", FAIL)],
)
def test_records_give_as_many_answers_in_their_order(body: str, outcome: Outcome) -> None:
    """Their answers by themselves tell the order."""
    assert outcome == judge.as_many_in_order(asked(body), EVIDENCE).outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (asked("2,4\nERROR\n6,8"), PASS),
        (asked("2,4\n6,8"), FAIL),
        (asked("", 400), PASS),
        (asked("", 400, is_alive=False), FAIL),
        (asked("", 500), FAIL),
        (asked("", None), FAIL),
    ],
)
def test_a_bad_record_is_marked_or_refused(answer: Asked, outcome: Outcome) -> None:
    """And the container lives on."""
    assert outcome == judge.survives_a_bad_record(answer, EVIDENCE).outcome


def test_everyone_gets_an_own_answer() -> None:
    """Those of somebody else are seen by their numbers."""
    right = Asked(exchanges=(exchange("2,4"), exchange("6,8"), exchange("2,4")))
    mixed = Asked(exchanges=(exchange("2,4"), exchange("2,4")))
    refused = Asked(exchanges=(exchange("2,4"), exchange("", 503)))

    assert [PASS, FAIL, FAIL] == [judge.all_answered(one, EVIDENCE).outcome for one in (right, mixed, refused)]


def test_the_same_request_again_is_compared() -> None:
    """A counter in the answer is a side effect."""
    same = Asked(exchanges=(exchange("2,4"), exchange("2,4")))
    other = Asked(exchanges=(exchange("2,4 (1)"), exchange("2,4 (2)")))

    assert [PASS, FAIL] == [judge.same_again(one, EVIDENCE).outcome for one in (same, other)]


def test_other_line_ends_make_no_other_answer() -> None:
    """The answers without them are there to be compared with."""
    evidence = replace(EVIDENCE, asked={"records": asked("2,4\n6,8")})

    assert PASS == judge.same_as_without(asked("2,4\n6,8\n"), evidence).outcome
    assert FAIL == judge.same_as_without(asked("2,4\n6,8\n0"), evidence).outcome


def test_answers_are_alike_but_for_their_last_digits() -> None:
    """Sums in another order differ there."""
    assert alike(["0.12345678, cat"], ["0.12345679, cat"])
    assert not alike(["0.1, cat"], ["0.1, dog"])
    assert not alike(["0.1"], ["0.2"])
    assert not alike(["0.1"], ["0.1", "0.1"])
    assert ["1", "2"] == answers_in(b"1\r\n\n2\n")


def test_the_first_payload_of_lines_gives_the_records() -> None:
    """JSON as a whole is none."""
    payloads = (Payload(body=b"[1]", content_type="application/json"), Payload(body=b"1\r\n2\r\n", content_type=CSV))
    records = records_of(ServedCase(image="image", payloads=payloads))

    assert Records(media_type=CSV, lines=(b"1", b"2")) == records
    assert None is records_of(ServedCase(image="image", payloads=payloads[:1]))
    assert (False, True) == (is_lines("application/json; charset=utf-8"), is_lines(JSON_LINES))


def test_records_fill_a_payload_without_being_cut() -> None:
    """The last one is whole."""
    body = Records(media_type=CSV, lines=(b"12345",)).filling(1)

    assert len(body) <= 1024**2 < len(body) + 6
    assert body.endswith(b"12345\n")
