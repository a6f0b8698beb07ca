"""What a container proposes, and what holds: request, then container, then defaults."""

from typing import Any

import pytest
from http_servers import Response, model_server, raw_server
from requests_for_tests import transform_request

from contracts.serving import BatchStrategy, ExecutionParameters
from contracts.transform import TransformJobSpec
from tuner.transform.errors import JobFailed
from tuner.transform.parameters import Proposal, ask_for_parameters, parse_proposal, settle

SINGLE, MULTI = BatchStrategy.SINGLE_RECORD, BatchStrategy.MULTI_RECORD


def spec(**members: Any) -> TransformJobSpec:
    """A job whose request has these members."""
    return TransformJobSpec.from_request({**transform_request(), **members})


def test_a_container_is_asked_once_at_the_path_of_the_contract() -> None:
    """Every key may be left out."""
    body = b'{"MaxConcurrentTransforms": 4, "BatchStrategy": "SINGLE_RECORD"}'
    with model_server(lambda request: Response(body=body)) as server:
        proposal = ask_for_parameters(server.address)

    assert Proposal(max_concurrent_transforms=4, batch_strategy=SINGLE) == proposal
    assert [("GET", "/execution-parameters")] == [(one.method, one.path) for one in server.requests]


@pytest.mark.parametrize("status", [404, 405, 500, 204, 302])
def test_anything_but_200_proposes_nothing(status: int) -> None:
    """The container has not implemented it."""
    with model_server(lambda request: Response(status=status)) as server:
        assert Proposal() == ask_for_parameters(server.address)


def test_a_connection_that_is_closed_proposes_nothing() -> None:
    """Whatever the reason: the pings say whether the container is well."""
    with raw_server(lambda connection, is_over: None) as address:
        assert Proposal() == ask_for_parameters(address)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"[4]", "no JSON object"),
        (b'{"BatchStrategy": "MultiRecord"}', "BatchStrategy 'MultiRecord', which is none of"),
        (b'{"BatchStrategy": []}', "which is none of"),
        (b'{"MaxPayloadInMB": "6"}', "MaxPayloadInMB '6', which is no whole number"),
        (b'{"MaxPayloadInMB": -1}', "MaxPayloadInMB -1"),
        (b'{"MaxConcurrentTransforms": true}', "MaxConcurrentTransforms True"),
    ],
)
def test_an_answer_that_is_none_fails_the_job(body: bytes, words: str) -> None:
    """Its author meant something by it."""
    with pytest.raises(JobFailed) as caught:
        parse_proposal(body)

    assert words in str(caught.value)
    assert "AlgorithmError" == caught.value.blame


@pytest.mark.parametrize(
    ("members", "proposal", "settled"),
    [
        ({}, Proposal(), (1, MULTI, 6)),
        ({}, Proposal(max_concurrent_transforms=4, batch_strategy=SINGLE, max_payload_mb=2), (4, SINGLE, 2)),
        (
            {"MaxConcurrentTransforms": 3, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 1},
            Proposal(max_concurrent_transforms=4, batch_strategy=SINGLE, max_payload_mb=2),
            (3, MULTI, 1),
        ),
        ({"MaxConcurrentTransforms": 0}, Proposal(max_concurrent_transforms=4), (4, MULTI, 6)),
        ({"MaxPayloadInMB": 0}, Proposal(max_payload_mb=2), (1, MULTI, 0)),
        ({}, Proposal(max_payload_mb=0), (1, MULTI, 0)),
    ],
)
def test_the_request_wins_over_the_container_and_that_over_the_defaults(
    members: dict[str, Any], proposal: Proposal, settled: tuple[int, BatchStrategy, int]
) -> None:
    """Each of the three for itself; no transforms at once says nothing, no limit says something."""
    at_once, strategy, payload = settled

    expected = ExecutionParameters(max_concurrent_transforms=at_once, batch_strategy=strategy, max_payload_mb=payload)
    assert expected == settle(spec(**members), proposal)


def test_more_than_100_mb_at_once_fails_the_job() -> None:
    """Nobody could know before the container was asked."""
    with pytest.raises(JobFailed, match=r"cannot be greater than 100, and is 50 \* 6 = 300"):
        settle(spec(MaxConcurrentTransforms=50), Proposal())
