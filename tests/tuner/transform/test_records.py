"""How objects fall apart into records."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.recordio import MAGIC, record_header, record_padding
from contracts.transform import SplitType
from tuner.transform.errors import ObjectFailed
from tuner.transform.records import Limit, Record, read_records

#: The records b"abc" and b""; the second is what TensorFlow writes for an empty one.
TF_RECORDS = bytes.fromhex("0300000000000000b099490e6162636e57f121") + bytes.fromhex("000000000000000029039807d8ea82a2")


def records(content: bytes, split: SplitType, mebibytes: int = 0) -> list[Record]:
    """All records of an object."""
    return list(read_records(io.BytesIO(content), split, Limit(mebibytes)))


def record_io(*payloads: bytes) -> bytes:
    """An object in RecordIO."""
    return b"".join(record_header(len(one)) + one + record_padding(len(one)) for one in payloads)


def in_parts(*parts: bytes) -> bytes:
    """One RecordIO record in parts, as a writer makes it of a payload that has the magic in it."""
    flags = [1, *[2] * (len(parts) - 2), 3]
    return b"".join(
        MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + record_padding(len(part))
        for flag, part in zip(flags, parts, strict=True)
    )


@pytest.mark.parametrize(
    ("content", "contents"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\n\nb\n", [b"a", b"", b"b"]),
        (b"a\rb\n", [b"a\rb"]),
    ],
)
def test_a_line_is_what_stands_between_newlines(content: bytes, contents: list[bytes]) -> None:
    """A newline at the end begins no further record; what is framed is the object itself."""
    found = records(content, SplitType.LINE)

    assert contents == [one.content for one in found]
    assert content == b"".join(one.framed for one in found)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_records_of_recordio_come_back_without_their_frames(payloads: list[bytes]) -> None:
    """Whatever they hold."""
    content = record_io(*payloads)

    found = records(content, SplitType.RECORD_IO)

    assert payloads == [one.content for one in found]
    assert content == b"".join(one.framed for one in found)


def test_a_record_in_parts_is_one_record() -> None:
    """The magic between its parts was left out by the writer, and is put back."""
    (found, after) = records(in_parts(b"ab", b"c", b"") + record_io(b"x"), SplitType.RECORD_IO)

    assert (b"ab" + MAGIC + b"c" + MAGIC, b"x") == (found.content, after.content)


def test_records_of_tfrecord_come_back_without_their_frames() -> None:
    """As TensorFlow writes them."""
    found = records(TF_RECORDS, SplitType.TF_RECORD)

    assert [b"abc", b""] == [one.content for one in found]
    assert TF_RECORDS == b"".join(one.framed for one in found)


@pytest.mark.parametrize(
    ("content", "split", "words"),
    [
        (b"1,2,3\n4,5,6\n", SplitType.RECORD_IO, "no RecordIO: a record does not begin with the magic"),
        (record_io(b"abc")[:-2], SplitType.RECORD_IO, "ends in the middle of a RecordIO"),
        (MAGIC, SplitType.RECORD_IO, "ends in the middle of a RecordIO"),
        (in_parts(b"a", b"b")[:12], SplitType.RECORD_IO, "ends in the middle of a RecordIO"),
        (in_parts(b"a", b"b")[12:], SplitType.RECORD_IO, "the parts of a record are out of order"),
        (b"1,2,3\n4,5,6\n", SplitType.TF_RECORD, "no TFRecord: the checksum"),
        (TF_RECORDS[:-1], SplitType.TF_RECORD, "ends in the middle of a TFRecord"),
        (TF_RECORDS[:5], SplitType.TF_RECORD, "ends in the middle of a TFRecord"),
    ],
)
def test_what_is_no_such_record_is_an_error(content: bytes, split: SplitType, words: str) -> None:
    """A container would see nonsense, and half an object nobody would miss."""
    with pytest.raises(ObjectFailed, match=words):
        records(content, split)


@pytest.mark.parametrize(
    ("content", "split"),
    [
        (b"x" * (1 << 20) + b"\n", SplitType.LINE),
        (record_io(b"x" * (1 << 20)), SplitType.RECORD_IO),
        (in_parts(b"x" * (1 << 19), b"x" * (1 << 19)), SplitType.RECORD_IO),
        (bytes.fromhex("00001000000000002183eba7"), SplitType.TF_RECORD),
    ],
)
def test_a_record_that_is_too_long_is_an_error_before_it_is_read(content: bytes, split: SplitType) -> None:
    """It could be as long as the object."""
    with pytest.raises(ObjectFailed, match="a record is larger than MaxPayloadInMB, 1 MB"):
        records(content, split, mebibytes=1)
