"""Judgements of batch transform, on hand-made requests and answers."""

from dataclasses import replace
from typing import cast

import pytest

from contracts.serving import CSV, JSON_LINES, BatchStrategy
from tuner.conformance.batch import judgements as judge
from tuner.conformance.batch.evidence import Asked, BatchEvidence
from tuner.conformance.batch.interview import Interview
from tuner.conformance.batch.parameters import said
from tuner.conformance.batch.records import Records, alike, answers_in, is_lines, records_of
from tuner.conformance.evidence import Outcome
from tuner.conformance.serving.case import Payload, ServedCase
from tuner.conformance.serving.container import Service, Start
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


def documents(single: str, several: str) -> BatchEvidence:
    """What an image answers that says no type of its answers."""
    return replace(EVIDENCE, single=(exchange(single),), asked={"a record": asked(single), "records": asked(several)})


@pytest.mark.parametrize(
    ("single", "several", "outcome"),
    [
        ('["a"]', '["a", "b"]', NONE),
        ("[\n 1\n]", "[\n 1,\n 2\n]", NONE),
        ('{"a": 1}', '{"a": 1}\n{"a": 2}', PASS),
        ("1", "1", FAIL),
        ("a", "a", FAIL),
    ],
)
def test_lines_are_asked_of_answers_that_are_made_of_lines(single: str, several: str, outcome: Outcome) -> None:
    """One JSON document for all records is for jobs that do not split."""
    evidence = replace(documents(single, several), single=(exchange(single), exchange(several.splitlines()[-1])))
    verdict = judge.as_many_in_order(evidence.asked["records"], evidence)

    assert outcome == verdict.outcome
    assert (outcome is NONE) == ("SplitType None" in verdict.came)


def test_who_claims_lines_is_held_to_them() -> None:
    """By --accept, or by the type of the answer."""
    evidence = documents('["a"]', '["a", "b"]')
    typed = Exchange(call=CALL, reply=Reply(status=200, body=b'["a"]', headers={"content-type": CSV}))

    for one in (replace(evidence, claims_lines=True), replace(evidence, single=(typed, typed))):
        assert FAIL == judge.as_many_in_order(one.asked["records"], one).outcome


def test_a_document_of_several_lines_is_one_answer() -> None:
    """Neither many, nor what a bad record would be counted by."""
    evidence = documents("[\n 1\n]", "[\n 1,\n 2\n]")

    assert NONE == judge.one_answer(evidence.asked["a record"], evidence).outcome
    assert NONE == judge.survives_a_bad_record(asked("[\n 1\n]"), evidence).outcome
    assert FAIL == judge.survives_a_bad_record(asked("", 500), evidence).outcome


def test_a_large_payload_that_the_check_made_may_be_no_good_one() -> None:
    """Of a failure it is told; a 413 is about the size."""
    sent = [Exchange(call=replace(CALL, body=b"1"), reply=Reply(status=status)) for status in (500, 413)]
    came = [judge.taken(Asked(exchanges=(one,)), EVIDENCE).came for one in sent]

    assert [True, False] == ["--large FILE" in words for words in came]
    assert "--large" not in judge.taken(Asked(exchanges=sent[:1]), replace(EVIDENCE, large=b"1")).came


class Echo:
    """A container that answers with what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def ask(self, call: Call) -> Exchange:
        """Answer well; it knows no execution parameters."""
        self.bodies.append(call.body or b"")
        status = 200 if call.method == "POST" else 404
        return Exchange(call=call, reply=Reply(status=status, body=call.body or b"", headers={"content-type": CSV}))


def interview(payload: bytes, large: bytes | None = None) -> tuple[Echo, BatchEvidence]:
    """What such a container is asked, and what is seen of it."""
    echo = Echo()
    case = ServedCase(image="image", payloads=(Payload(body=payload, content_type=CSV),), large=large)
    return echo, Interview(case, cast("Service", echo)).hold(
        BatchEvidence(start=EVIDENCE.start, without=EVIDENCE.start)
    )


def test_a_payload_with_a_header_is_not_split() -> None:
    """Its header comes once, however large it is made."""
    echo, evidence = interview(b"width,species\r\n3.5,setosa\r\n2.25,other\r\n")
    largest = max(echo.bodies, key=len)

    assert "header line" in evidence.why_not("records").came
    assert {"again", "at once", "the greatest payload"} == set(evidence.asked)
    assert (1, True) == (largest.count(b"width"), largest.startswith(b"width,species\n3.5,setosa\n3.5,setosa\n"))
    assert 6 * 1024**2 - 20 < len(largest) <= 6 * 1024**2


def test_a_large_request_that_was_given_is_sent_where_it_is_of_that_size() -> None:
    """A smaller one says nothing of the greatest."""
    given = b"1,2\n" * (1536 * 1024)

    assert given in interview(b"3,4\n", given)[0].bodies
    assert given[:400] not in interview(b"3,4\n", given[:400])[0].bodies
