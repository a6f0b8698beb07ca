"""Models that are loaded, as a multi-model container and its platform write them down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidMessage
from contracts.multi_model import (
    ModelEntry,
    ModelsPage,
    format_load_request,
    format_model,
    format_models_page,
    is_multi_model,
    parse_load_request,
    parse_model,
    parse_models_page,
)

words = st.text(min_size=1)
entries = st.builds(ModelEntry, name=words, url=words)


@given(entries, st.lists(entries), st.none() | words)
def test_what_one_side_writes_the_other_reads(entry: ModelEntry, others: list[ModelEntry], token: str | None) -> None:
    """Whatever letters a name has."""
    page = ModelsPage(models=tuple(others), next_page_token=token)

    assert entry == parse_load_request(format_load_request(entry))
    assert entry == parse_model(format_model(entry))
    assert page == parse_models_page(format_models_page(page))


def test_the_request_is_in_snake_case_and_the_answers_are_in_camel_case() -> None:
    """The trap of this contract."""
    entry = ModelEntry(name="abc", url="/opt/ml/models/abc/model")
    page = ModelsPage(models=[entry], next_page_token="T")

    assert '{"model_name": "abc", "url": "/opt/ml/models/abc/model"}' == format_load_request(entry)
    assert '{"modelName": "abc", "modelUrl": "/opt/ml/models/abc/model"}' == format_model(entry)
    assert f'{{"models": [{format_model(entry)}], "nextPageToken": "T"}}' == format_models_page(page)
    assert '{"models": []}' == format_models_page(ModelsPage(models=[]))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "is no JSON"),
        (b"\xff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", 'is no JSON object with a text "model_name"'),
        ('{"model_name": 7, "url": "/x"}', 'a text "model_name"'),
        ('{"model_name": "a", "url": ""}', 'a text "url"'),
        ('{"modelName": "a", "modelUrl": "/x"}', 'a text "model_name"'),
    ],
)
def test_a_load_request_that_makes_no_sense_is_refused(text: str | bytes, complaint: str) -> None:
    """With what is wrong about it; the text is not quoted."""
    with pytest.raises(InvalidMessage, match=complaint):
        parse_load_request(text)


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"models": {}}', '{"models": [1]}', '{"models": [], "nextPageToken": 1}']
)
def test_a_listing_that_makes_no_sense_is_refused(text: str) -> None:
    """Of a container that somebody else wrote."""
    with pytest.raises(InvalidMessage):
        parse_models_page(text)


def test_an_empty_token_is_none() -> None:
    """Some containers write one on the last page."""
    assert parse_models_page('{"models": [], "nextPageToken": ""}').next_page_token is None


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_the_platform_says_when_there_are_many_models(value: str, expected: bool) -> None:
    """By a variable; without it there is one."""
    assert expected == is_multi_model({"SAGEMAKER_MULTI_MODEL": value})
    assert not is_multi_model({})
