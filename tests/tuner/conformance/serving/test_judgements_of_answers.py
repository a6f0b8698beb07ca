"""Judgements of what an image answers, on hand-made requests and answers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conformance_observations import IMAGE

from tuner.conformance.evidence import Outcome
from tuner.conformance.serving import judgements_of_answers as judge
from tuner.conformance.serving import judgements_of_many_models as models
from tuner.conformance.serving.case import Payload, ServedCase
from tuner.conformance.serving.container import Start
from tuner.conformance.serving.evidence import ServingEvidence, Step, Visit
from tuner.conformance.serving.http_calls import Call, Exchange, Reply
from tuner.conformance.serving.multi_model import ALONE

PASS, FAIL, NONE = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE
UP = Start(ready_after=1.0)


def exchange(body: str = "", status: int | None = 200) -> Exchange:
    """An answer."""
    return Exchange(call=Call(method="POST", path="/invocations"), reply=Reply(status=status, body=body.encode()))


def visit(*bodies: str, start: Start = UP) -> Visit:
    """A container that gave these answers."""
    return Visit(start=start, exchanges=[exchange(body) for body in bodies])


EVIDENCE = ServingEvidence(
    case=ServedCase(
        image="image", payloads=(Payload(body=b"1", content_type="text/csv"),), other_model=Path("other.tar.gz")
    ),
    image=IMAGE,
    start=UP,
    first=[exchange("2")],
)


@pytest.mark.parametrize(
    ("visits", "outcome"),
    [
        ({"models invoked": visit("2", "", "3", "2")}, PASS),
        ({"models invoked": visit("3", "", "2", "3")}, FAIL),
        ({"models invoked": visit("2", "", "2", "2"), ALONE: visit("3")}, FAIL),
        ({"models invoked": visit("2", "", "2", "2"), ALONE: visit("2")}, NONE),
        ({"models invoked": visit("2", "", "2", "2"), ALONE: visit(start=Start(exit_code=1))}, NONE),
    ],
)
def test_a_model_is_told_from_another_by_what_both_answer_alone(visits: Mapping[str, Visit], outcome: Outcome) -> None:
    """Where they answer alike nothing can be told, and the image is not accused."""
    assert outcome == models.right_model(replace(EVIDENCE, visits=visits)).outcome


@pytest.mark.parametrize(
    ("status", "given", "is_told"), [(500, None, True), (413, None, False), (500, b"1", False), (200, None, False)]
)
def test_a_large_request_that_fails_may_be_no_good_one(status: int, given: bytes | None, is_told: bool) -> None:
    """The check has made it; the author may know a better one."""
    made = exchange("", status)
    step = Step(exchanges=[replace(made, call=replace(made.call, body=b"1"))], after=exchange("2"))
    evidence = replace(EVIDENCE, case=replace(EVIDENCE.case, large=given), steps={"6 MiB": step})
    verdict = judge.six_mebibytes(evidence)

    assert (status == 200) == (verdict.outcome is PASS)
    assert is_told == ("--large FILE" in verdict.came)
