"""The JSONPath subset of DataProcessing, exactly."""

from typing import Any

import pytest

from tuner.requests.json_path import InvalidJsonPath, NothingPicked, parse_json_path

ROW = ["a", "b", "c", "d", "e", "f"]
OBJECT = {"id": 7, "f": {"x": [1, 2], "y": 3}, "list": [{"n": 1}, {"n": 2}], "it's": 0, "a.b": 1, "[0]": 2}


@pytest.mark.parametrize(
    ("path", "picked"),
    [
        ("$", ROW),
        ("$[0]", "a"),
        ("$[-1]", "f"),
        ("$[1:]", ["b", "c", "d", "e", "f"]),
        ("$[:2]", ["a", "b"]),
        ("$[1:-1]", ["b", "c", "d", "e"]),
        ("$[-2:]", ["e", "f"]),
        ("$[:]", ROW),
        ("$[0,2]", ["a", "c"]),
        ("$[ 2 , 0 ]", ["c", "a"]),
        ("$[0,5:]", ["a", "f"]),
        ("$[6:]", []),
        ("$[*]", ROW),
        ("$.*", ROW),
    ],
)
def test_positions_pick_from_an_array(path: str, picked: object) -> None:
    """One position is the value itself, anything else a list."""
    assert picked == parse_json_path(path).apply(ROW)


@pytest.mark.parametrize(
    ("path", "picked"),
    [
        ("$.id", 7),
        ("$['id']", 7),
        ("$.f.x[1]", 2),
        ("$.f['x','y']", {"x": [1, 2], "y": 3}),
        ("$.f.['x','y']", {"x": [1, 2], "y": 3}),
        ("$['id','f']", {"id": 7, "f": {"x": [1, 2], "y": 3}}),
        ("$.list[*].n", [1, 2]),
        ("$.list[0:1].n", [1]),
        ("$.f.*", [[1, 2], 3]),
        ("$['it\\'s']", 0),
        ("$['a.b']", 1),
        ("$['[0]']", 2),
    ],
)
def test_names_pick_from_an_object(path: str, picked: object) -> None:
    """Several names are an object with those members."""
    assert picked == parse_json_path(path).apply(OBJECT)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("$[6]", ROW, "an array of 6, which has no position 6"),
        ("$[-7]", ROW, "an array of 6, which has no position -7"),
        ("$[0,9]", ROW, "has no position 9"),
        ("$[:9]", ROW, "an array of 6, which 9 is outside of"),
        ("$[7:]", ROW, "which 7 is outside of"),
        ("$.a", ROW, "no object, and so without a member 'a'"),
        ("$.none", OBJECT, "an object without a member 'none'"),
        ("$['id','none']", OBJECT, "an object without a member 'none'"),
        ("$[0]", OBJECT, "no array, and so without positions"),
        ("$[0]", "text", "no array, and so without positions"),
        ("$.*", 3, "neither an object nor an array"),
    ],
)
def test_a_path_that_names_what_is_not_there_is_an_error(path: str, value: Any, words: str) -> None:
    """Nothing is silently left out."""
    with pytest.raises(NothingPicked, match=words) as caught:
        parse_json_path(path).apply(value)

    assert str(caught.value).startswith(f"{path} is applied to ")


@pytest.mark.parametrize(
    "path",
    [
        *("", "id", "$id", "$.", "$..x", "$.a b", "$.[0]", "$[", "$[]", "$[1", "$[1,]", "$[,1]", "$[1 2]", "$[1:2:3]"),
        *("$[id]", '$["id"]', "$['id", "$['a',1]", "$['a','b'].c", "$[?(@.a)]", "$[(1)]", "$.a[?(@)]", "$@", "$ "),
        "$." + "a" * 62,
    ],
)
def test_what_sagemaker_does_not_take_is_refused(path: str) -> None:
    """With the place where it stops being a path."""
    with pytest.raises(InvalidJsonPath):
        parse_json_path(path)


def test_the_error_of_a_path_says_where_and_what_was_expected() -> None:
    """For people who know another JSONPath."""
    with pytest.raises(InvalidJsonPath, match=r"from '\.\.x' on: a name is expected after the dot"):
        parse_json_path("$.a..x")
