"""Manifests: what they list, and what is said of one that is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidManifest
from contracts.manifests import Manifest, parse_augmented_line, parse_manifest, reference

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1))
def test_a_manifest_gives_its_prefix_and_its_keys(prefix: str, keys: list[str]) -> None:
    """In the order in which they stand there."""
    assert Manifest(prefix=prefix, keys=tuple(keys)) == parse_manifest(json.dumps([{"prefix": prefix}, *keys]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("{}", "array"),
        ("[]", "array"),
        ('["a"]', "has to begin with"),
        ('[{"prefix": 1}, "a"]', "has to begin with"),
        ('[{"prefix": ""}, "a"]', "has to begin with"),
        ('[{"prefix": "file:///d/"}]', "lists no object"),
        ('[{"prefix": "file:///d/"}, "a", {"b": 1}]', 'has {"b": 1} as entry 2'),
        ('[{"prefix": "file:///d/"}, ""]', 'has "" as entry 1'),
    ],
)
def test_what_is_no_manifest_is_told_so(text: str, words: str) -> None:
    """The text fits behind the name of the file."""
    with pytest.raises(InvalidManifest) as raised:
        parse_manifest(text)
    assert words in str(raised.value)


@given(st.dictionaries(st.text(), json_values), st.sampled_from([None, 2]), st.booleans())
def test_the_attributes_of_a_line_are_the_texts_that_stand_there(
    attributes: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    """However the line is laid out; each text is JSON again, with the same value."""
    found = parse_augmented_line(json.dumps(attributes, indent=indent, ensure_ascii=ascii_only))

    assert attributes == {name: json.loads(text) for name, text in found.items()}


def test_numbers_and_spaces_stay_as_they_are_written() -> None:
    """Read and written anew, 1.10 would be 1.1 and a long number another one."""
    line = ' { "a" : 1.10 , "b":[1,  2], "c": "x" ,"d": 123456789012345678901234567890.5 } '

    assert {"a": "1.10", "b": "[1,  2]", "c": '"x"', "d": "123456789012345678901234567890.5"} == parse_augmented_line(
        line
    )


@pytest.mark.parametrize("line", ["", "1", "[]", '"a"', "{", '{"a": }', "[" * 100_000])
def test_a_line_that_is_no_object_is_told_so(line: str) -> None:
    """The text fits behind the number of the line."""
    with pytest.raises(InvalidManifest, match=r"^is no JSON object"):
        parse_augmented_line(line)


def test_a_reference_is_a_text() -> None:
    """A number is not an address."""
    assert "file:///a b" == reference('"file:///a b"')
    with pytest.raises(InvalidManifest, match="holds 7, where the address of an object is expected"):
        reference("7")
