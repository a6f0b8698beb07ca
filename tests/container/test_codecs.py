"""Bodies to arrays and back: what is read is what was meant; what cannot be read is refused without being quoted."""

import contextlib
import io
import json
import struct
import zlib
from typing import Any

import cifar10_files
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from container.algorithm import ClassProbabilities, Predictions
from container.codecs import READ, WRITTEN, UnsupportedMediaType, decode, encode, encode_pieces
from container.errors import InvalidPayload
from contracts.serving import ANY_IMAGE, CSV, JPEG, JSON, JSON_LINES, NPY, PNG, parse_media_type

#: The texts that tell of arrays; each can hold what it reads.
TEXTS = (JSON, JSON_LINES, CSV)

finite = st.floats(allow_nan=False, allow_infinity=False)
tables = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(finite, min_size=width, max_size=width), min_size=1))


def read(body: bytes | str, content_type: str) -> npt.NDArray[Any]:
    return decode(body.encode() if isinstance(body, str) else body, parse_media_type(content_type))


def npy(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@given(tables)
def test_numbers_go_through_each_text_unchanged(table: list[list[float]]) -> None:
    """Every float is written so that the very same one is read again."""
    array = np.array(table)
    for media_type in TEXTS:
        body = encode(array, media_type)
        if media_type == JSON:
            body = body.replace(b'"predictions"', b'"instances"')

        assert np.array_equal(array, read(body, media_type))


@given(
    st.sampled_from(["u1", "<i8", ">f4", "<f8", "?"]),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.booleans(),
)
def test_arrays_of_numbers_go_through_npy_unchanged(kind: str, shape: list[int], is_fortran: bool) -> None:
    """In either byte order and either order of elements."""
    array = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    again = read(npy(np.asfortranarray(array) if is_fortran else array), NPY)

    assert (array.dtype, array.shape) == (again.dtype, again.shape)
    assert np.array_equal(array, again)


@pytest.mark.parametrize("body", ["1,2\n3,4", "1,2\n3,4\n", "1,2\r\n3,4\r\n", "\ufeff1,2\r3,4", '"1","2"\n\n 3,4 \n\n'])
def test_csv_has_a_record_a_line_however_lines_end(body: str) -> None:
    """A line feed at the end, or none, makes no record more or less."""
    assert [[1, 2], [3, 4]] == read(body, "text/csv; charset=utf-8").tolist()


@pytest.mark.parametrize("body", ["[1, 2]\n[3, 4]", "[1, 2]\r\n[3, 4]\r\n", '{"features": [1, 2]}\n\n[3, 4]\n'])
def test_json_lines_have_an_instance_a_line(body: str) -> None:
    """Lists, or objects with features, as SageMaker's own algorithms have them."""
    assert [[1, 2], [3, 4]] == read(body, "application/jsonl").tolist()


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [[1, 2], [3, 4]]}',
        "[[1, 2], [3, 4]]",
        '{"instances": [{"features": [1, 2]}, {"features": [3, 4]}], "signature_name": "predict"}',
    ],
)
def test_json_is_a_list_of_instances_or_an_object_with_one(body: str) -> None:
    """Other keys beside it are somebody else's."""
    assert [[1, 2], [3, 4]] == read(body, JSON).tolist()


def test_a_missing_value_is_no_number() -> None:
    """null in JSON, nothing between two commas in CSV: NaN."""
    from_json, from_csv = read("[[1, null, 3]]", JSON), read("1,,3", CSV)

    assert np.array_equal([[1, np.nan, 3]], from_json, equal_nan=True)
    assert np.array_equal([[1, np.nan, 3]], from_csv, equal_nan=True)


def test_a_charset_is_heeded() -> None:
    """Where it is named; without one it is UTF-8."""
    assert [[1.0, 2.0]] == read("1,2".encode("utf-16"), "text/csv; charset=utf-16").tolist()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        *((media_type, b"") for media_type in READ),
        *((media_type, b"\xff\xfe\x00secret") for media_type in READ),
        *((media_type, b"\n\n") for media_type in READ),
        (JSON, b'{"instances": [1, 2'),
        (JSON, b'{"secret": []}'),
        (JSON, b'{"instances": {"secret": 1}}'),
        (JSON, b'"secret"'),
        (JSON, b"[]"),
        (JSON, b'[["secret"]]'),
        (JSON, b"[[1, 2], [3]]"),
        (JSON, b'[{"secret": 1}]'),
        (JSON, b"[NaN]"),
        (JSON, b"[" * 100_000),
        (JSON, b"[1" + b"0" * 5000 + b"]"),
        (JSON_LINES, b"[1]\n[secret]"),
        (JSON_LINES, b"[1]\n[2, 3]"),
        (CSV, b"secret,label\n1,2"),
        (CSV, b"1,2\n3"),
        (CSV, b'1,"2\n3'),
        (CSV, b"1,\x00"),
        (NPY, npy(np.zeros((0, 3)))),
        (NPY, npy(np.zeros((2, 3)))[:-1]),
        (NPY, npy(np.zeros((2, 3))) + b"secret"),
        (NPY, npy(np.array(["secret"]))),
        (NPY, npy(np.array(1.0))),
        (NPY, npy(np.zeros(2)).replace(b"(2,)", b"(-2,)").replace(b", }", b",}", 1)),
        (NPY, npy(np.zeros(2)).replace(b"(2,), } " + b" " * 13, b"(99999999999999999,), }")),
        (PNG, cifar10_files.png(np.zeros((3, 9, 9), np.uint8))[:-30]),
        (JPEG, b"\xff\xd8\xff\xe0" + bytes(1000)),
        (ANY_IMAGE, b"GIF89a" + bytes(100)),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_without_being_quoted(content_type: str, body: bytes) -> None:
    """400 for the caller; the text says where, and holds nothing that somebody else must not see."""
    with pytest.raises(InvalidPayload) as refused:
        read(body, content_type)

    assert "secret" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_an_object_array_is_not_unpickled() -> None:
    """Reading a pickle runs what its author wanted."""
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)

    with pytest.raises(InvalidPayload, match="no array of numbers"):
        read(stream.getvalue(), NPY)


@given(st.sampled_from(READ), st.binary(max_size=300))
def test_whatever_is_sent_is_read_or_refused(content_type: str, body: bytes) -> None:
    """Nothing but InvalidPayload comes out of any bytes."""
    with contextlib.suppress(InvalidPayload):
        assert read(body, content_type).size > 0


@given(st.sampled_from([NPY, PNG]), st.data())
def test_a_file_with_any_bytes_changed_is_read_or_refused(content_type: str, draw: st.DataObject) -> None:
    """Headers that lie, lengths that do not fit, torn streams."""
    whole = npy(np.ones((2, 3))) if content_type == NPY else cifar10_files.png(np.zeros((3, 4, 4), np.uint8))
    at, new = draw.draw(st.integers(0, len(whole) - 1)), draw.draw(st.binary(max_size=4))
    with contextlib.suppress(InvalidPayload):
        assert read(whole[:at] + new + whole[at + len(new) :], content_type).size > 0


def test_a_type_that_is_not_read_is_refused_with_those_that_are() -> None:
    """The caller learns what to send instead."""
    with pytest.raises(UnsupportedMediaType, match="'text/html' is not read here: send application/json, "):
        read("<html>", "text/html")
    with pytest.raises(UnsupportedMediaType, match="charset"):
        read("1,2", "text/csv; charset=klingon")


@pytest.mark.parametrize("content_type", [PNG, JPEG, ANY_IMAGE, "image/jpg"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_every_image_becomes_red_green_and_blue(content_type: str, mode: str) -> None:
    """Grey is spread over the three, a palette is looked up, transparency dropped; the type's name decides nothing."""
    stream = io.BytesIO()
    Image.new(mode, (5, 4), color=1).save(stream, "PNG")

    array = read(stream.getvalue(), content_type)

    assert ((1, 4, 5, 3), "uint8") == (array.shape, array.dtype.name)


def test_a_jpeg_is_read() -> None:
    """Lossy, so about the colour that it was."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), color=(200, 100, 50)).save(stream, "JPEG", quality=95)

    assert np.allclose([200, 100, 50], read(stream.getvalue(), JPEG), atol=4)


def test_an_image_with_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    """A few bytes can claim gigabytes: a decompression bomb."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    large = io.BytesIO()
    Image.new("1", (5000, 5000)).save(large, "PNG")

    for body in (bomb, large.getvalue()):
        with pytest.raises(InvalidPayload):
            read(body, PNG)


def test_class_probabilities_name_the_classes_in_json_and_are_rows_elsewhere() -> None:
    """People read JSON; CSV and NPY are for programs, which know the order."""
    answer = ClassProbabilities(values=np.array([[0.25, 0.75], [0.5, 0.5]]), classes=("cat", "dog"))
    first = {"predicted_label": "dog", "probabilities": {"cat": 0.25, "dog": 0.75}}

    assert first == json.loads(encode(answer, JSON))["predictions"][0]
    assert first == json.loads(encode(answer, JSON_LINES).split(b"\n")[0])
    assert b"0.25,0.75\n0.5,0.5" == encode(answer, CSV)
    assert np.array_equal(answer.values, np.load(io.BytesIO(encode(answer, NPY))))


@pytest.mark.parametrize("media_type", WRITTEN)
def test_an_answer_for_each_instance_is_one_record_of_each_type(media_type: str) -> None:
    """What AssembleWith=Line joins: lines without one at the end."""
    body = encode(np.array([3, 1, 2]), media_type)

    lines = {
        JSON: b'{"predictions": [3, 1, 2]}',
        JSON_LINES: b"3\n1\n2",
        CSV: b"3\n1\n2",
        NPY: npy(np.array([3, 1, 2])),
    }
    assert lines[media_type] == body


def test_json_has_null_where_a_prediction_is_no_number() -> None:
    """NaN is no JSON, and a strict reader would refuse all of it."""
    plain = encode(np.array([1.5, np.nan, np.inf]), JSON)
    named = encode(ClassProbabilities(values=np.array([[np.nan, 1.0]]), classes=("a", "b")), JSON)

    assert [1.5, None, None] == json.loads(plain)["predictions"]
    assert {"a": None, "b": 1.0} == json.loads(named)["predictions"][0]["probabilities"]


def test_words_can_be_predicted() -> None:
    """Classifiers of scikit-learn answer with the labels that they were trained with."""
    labels = np.array(["setosa", "versicolor"])

    assert ["setosa", "versicolor"] == json.loads(encode(labels, JSON))["predictions"]
    assert b"setosa\nversicolor" == encode(labels, CSV)


@given(tables, st.lists(st.integers(0, 10)), st.sampled_from(WRITTEN), st.booleans())
def test_pieces_together_are_what_all_rows_at_once_would_be(
    table: list[list[float]], cuts: list[int], media_type: str, names_classes: bool
) -> None:
    """Wherever an answer is cut, also into pieces without a row."""
    rows = np.array(table)
    pieces: list[Predictions] = list(np.split(rows, sorted(min(cut, len(rows)) for cut in cuts)))
    whole: Predictions = rows
    if names_classes:
        classes = [f"class {number}" for number in range(rows.shape[1])]
        pieces = [ClassProbabilities(values=np.asarray(piece), classes=classes) for piece in pieces]
        whole = ClassProbabilities(values=rows, classes=classes)

    assert encode(whole, media_type) == b"".join(encode_pieces(iter(pieces), media_type))


@pytest.mark.parametrize(("media_type", "expected"), [(JSON, b'{"predictions": []}'), (JSON_LINES, b""), (CSV, b"")])
def test_an_answer_without_a_row_is_an_answer(media_type: str, expected: bytes) -> None:
    """A generator may yield nothing."""
    assert expected == b"".join(encode_pieces(iter([]), media_type))


def test_each_piece_is_written_when_it_comes() -> None:
    """But for NPY, whose beginning says how many rows there are."""
    pieces = [np.array([1, 2]), np.array([3])]

    assert [b"1\n2", b"\n3"] == list(encode_pieces(iter(pieces), CSV))
    assert [b'{"predictions": [1, 2', b", 3", b"]}"] == list(encode_pieces(iter(pieces), JSON))
    assert [encode(np.array([1, 2, 3]), NPY)] == list(encode_pieces(iter(pieces), NPY))
