"""Media types, Accept and execution parameters: what both ends of an invocation have to read alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.serving import (
    CSV,
    JSON,
    JSON_LINES,
    NPY,
    BatchStrategy,
    ExecutionParameters,
    choose_media_type,
    format_execution_parameters,
    parse_media_type,
)

OFFERED = (JSON, JSON_LINES, CSV, NPY)


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/csv", CSV, {}),
        ("Text/CSV; charset=UTF-8", CSV, {"charset": "UTF-8"}),
        ('text/csv;label_size=0; charset="latin-1"', CSV, {"label_size": "0", "charset": "latin-1"}),
        ("application/x-ndjson", JSON_LINES, {}),
        ("application/json;", JSON, {}),
        ("", "", {}),
    ],
)
def test_a_content_type_is_read_with_its_parameters(text: str, name: str, parameters: dict[str, str]) -> None:
    """Case and spaces mean nothing; other names of one type are one type."""
    media_type = parse_media_type(text)

    assert (name, parameters) == (media_type.name, media_type.parameters)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV; header=absent", CSV),
        ("application/*", JSON),
        ("text/*", CSV),
        ("application/json;q=0.1, text/csv;q=0.9", CSV),
        ("application/json;q=0, */*", JSON_LINES),
        ("application/jsonl", JSON_LINES),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("image/png", None),
        ("application/json;q=0", None),
        ("application/json;q=none", None),
    ],
)
def test_an_accept_header_chooses_what_it_likes_best(accept: str | None, expected: str | None) -> None:
    """Of several ranges that fit, the most specific one counts; of offers liked alike, the first."""
    assert expected == choose_media_type(accept, OFFERED)


@given(st.text())
def test_any_accept_header_has_an_answer(accept: str) -> None:
    """Whatever a client sends, it is one of the offers or none."""
    assert choose_media_type(accept, OFFERED) in {*OFFERED, None}


def test_execution_parameters_are_spelled_as_the_platform_reads_them() -> None:
    """Not as the API spells them: MULTI_RECORD, not MultiRecord."""
    text = format_execution_parameters(
        ExecutionParameters(max_concurrent_transforms=4, batch_strategy=BatchStrategy.MULTI_RECORD, max_payload_mb=6)
    )

    assert {"MaxConcurrentTransforms": 4, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6} == json.loads(text)
