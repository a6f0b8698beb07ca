"""The frame around a record, read back by an independent reader."""

import io
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRecord
from contracts.recordio import MAX_RECORD_BYTES, record_header, record_padding


def records_of(stream: io.BytesIO) -> Iterator[bytes]:
    """A reader that takes the whole second word for the length, as the toolkit's does."""
    while header := stream.read(8):
        magic, length = struct.unpack("<II", header)
        assert magic == 0xCED7230A
        yield stream.read(length)
        assert not any(stream.read(-length % 4))


def framed(payload: bytes) -> bytes:
    """A payload as a record."""
    return record_header(len(payload)) + payload + record_padding(len(payload))


@given(st.lists(st.binary(max_size=40)))
def test_records_come_back_one_by_one(payloads: list[bytes]) -> None:
    """Whatever is in them, nothing and the magic included."""
    stream = io.BytesIO(b"".join(framed(payload) for payload in payloads))

    assert payloads == list(records_of(stream))


@given(st.binary(max_size=40))
def test_a_record_ends_at_a_multiple_of_four(payload: bytes) -> None:
    """And has no more padding than that needs."""
    assert 8 + -(-len(payload) // 4) * 4 == len(framed(payload))


def test_the_frame_is_what_the_contract_says() -> None:
    """Magic and length are little-endian."""
    assert bytes.fromhex("0a23d7ce 05000000") == record_header(5)
    assert bytes(3) == record_padding(5)


@pytest.mark.parametrize("length", [0, MAX_RECORD_BYTES])
def test_the_flag_of_records_in_parts_is_never_set(length: int) -> None:
    """MXNet reads the upper three bits as one."""
    (_, word) = struct.unpack("<II", record_header(length))

    assert (0, length) == (word >> 29, word)


@pytest.mark.parametrize("length", [512 * 1024 * 1024, 1 << 32, -1])
def test_what_no_reader_could_take_is_refused(length: int) -> None:
    """The limit is in the text."""
    with pytest.raises(InvalidRecord, match="512 MiB"):
        record_header(length)
