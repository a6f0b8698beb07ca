"""What keys of S3 mean as paths. Keys are free text, and who may write to a bucket chooses them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.s3.addresses import S3Address, S3Object, is_whole_step, layout, place_of
from tuner.s3.errors import S3Error


def one(key: str) -> S3Object:
    """An object."""
    return S3Object(bucket="b", key=key, size=1, etag="e")


@pytest.mark.parametrize(
    ("uri", "bucket", "key"), [("s3://b", "b", ""), ("s3://b/", "b", ""), ("s3://b/x%20y", "b", "x%20y")]
)
def test_an_address_is_a_bucket_and_a_key_as_it_stands(uri: str, bucket: str, key: str) -> None:
    """Nothing in it is unquoted: S3's own tools take it literally too."""
    assert S3Address(bucket, key) == S3Address.parse(uri)


@pytest.mark.parametrize("uri", ["s3://", "s3:///key", "file:///x", "bucket/key"])
def test_what_names_no_bucket_is_told(uri: str) -> None:
    """With what an address looks like."""
    with pytest.raises(S3Error, match="s3://BUCKET/KEY"):
        S3Address.parse(uri)


def test_a_name_goes_below_an_address_with_or_without_its_slash() -> None:
    """And below a whole bucket."""
    assert {"s3://b/x/n"} == {str(S3Address.parse(uri).below("n")) for uri in ("s3://b/x", "s3://b/x/")}
    assert "s3://b/n" == str(S3Address.parse("s3://b").below("n"))


@pytest.mark.parametrize(
    ("prefix", "key", "place"),
    [
        ("", "a/b", "a/b"),
        ("train/", "train/a/b", "a/b"),
        ("train", "train/a/b", "a/b"),
        ("train/part-", "train/part-1", "part-1"),
        ("train/one.csv", "train/one.csv", "one.csv"),
        ("train", "train-2/a", "train-2/a"),
        ("train/", "train//a", "/a"),
        ("", "/a", "/a"),
    ],
)
def test_an_object_goes_where_its_prefix_ends(prefix: str, key: str, place: str) -> None:
    """Relative to a folder; in the middle of a name the name is kept."""
    assert place == place_of(prefix, key)


def test_a_prefix_of_whole_steps_is_more_than_the_same_letters() -> None:
    """FastFile mode asks for it."""
    assert [True, True, False] == [is_whole_step("t", key) for key in ("t", "t/a", "t-1")]


@pytest.mark.parametrize(
    "place", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/", "", ".", "a/./b", "a\0b", "é" * 128]
)
def test_a_key_that_makes_no_path_is_refused_by_name(place: str) -> None:
    """It says which object, and what to do."""
    with pytest.raises(S3Error, match=r"(?s)s3://b/key: .*rename the object, or use Pipe mode"):
        layout([(place, one("key"))])


def test_a_key_that_is_a_file_and_a_folder_is_refused() -> None:
    """S3 has both; no disk can."""
    with pytest.raises(S3Error, match=r"s3://b/1 would be a file where s3://b/2 needs a folder"):
        layout([("a/b", one("1")), ("a/b/c/d", one("2"))])


def test_two_objects_in_one_place_are_refused_and_one_that_is_named_twice_is_not() -> None:
    """A manifest may list a key twice."""
    assert 1 == len(layout([("a", one("1")), ("a", one("1"))]))
    with pytest.raises(S3Error, match="would be the same file"):
        layout([("a", one("1")), ("a", one("2"))])


@given(st.lists(st.tuples(st.text("./ab\0", max_size=8), st.integers(0, 3)), max_size=6))
def test_no_keys_whatever_lead_out_of_the_folder(places: list[tuple[str, int]]) -> None:
    """What is not refused is below it, step by step."""
    try:
        found = layout((place, one(str(number))) for place, number in places)
    except S3Error:
        return
    for place in found:
        assert {"", ".", ".."}.isdisjoint(place.split("/"))
        assert not any(f"{place}/" == other[: len(place) + 1] for other in found)
