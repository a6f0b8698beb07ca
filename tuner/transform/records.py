"""How an object falls apart into records, as its bytes come. Pure.

RecordIO: a 4-byte magic, 4 bytes with the length (and in the upper 3 bits which part of a record this is), the payload,
zeros up to a multiple of 4. TFRecord: 8 bytes with the length, 4 with its checksum, the payload, 4 with the payload's.
Only the checksum of the length is looked at, which tells whether this is a TFRecord at all; the payload's is for its
reader, and is in the request where records stay framed.
Source: dmlc-core, ``recordio.h``; TensorFlow's guide "TFRecord and tf.train.Example".
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

from contracts.recordio import MAGIC
from contracts.transform import SplitType
from tuner.transform.errors import ObjectFailed

_LENGTH_BITS = 29
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_TF_HEADER_BYTES = 12
_MASK = 0xA282EAD8


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `content` without what frames it, `framed` as it stands in the object."""

    content: bytes
    framed: bytes


class Limit:
    """How long a record may be, in bytes; no limit where `mebibytes` is 0. `framing` bytes are not counted."""

    def __init__(self, mebibytes: int, framing: int = 0) -> None:
        self.mebibytes = mebibytes
        self.bytes = mebibytes * 1024 * 1024 + framing

    def check(self, length: int) -> None:
        """Raise ObjectFailed where a record or payload is too long."""
        if self.mebibytes and length > self.bytes:
            raise ObjectFailed(f"a record is larger than MaxPayloadInMB, {self.mebibytes} MB")


def read_records(stream: BinaryIO, split: SplitType, limit: Limit) -> Iterator[Record]:
    """The records of `stream`, one after the other; raises ObjectFailed where one is too long, or is none."""
    return _READERS[split](stream, limit)


def _read_lines(stream: BinaryIO, limit: Limit) -> Iterator[Record]:
    most = limit.bytes + 1 if limit.mebibytes else -1
    while line := stream.readline(most):
        limit.check(len(line))
        content = line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line
        yield Record(content, line)


def _read_record_io(stream: BinaryIO, limit: Limit) -> Iterator[Record]:
    contents: list[bytes] = []
    framed: list[bytes] = []
    while header := _take(stream, 8, "RecordIO", may_end=not framed):
        if header[:4] != MAGIC:
            raise ObjectFailed("it is no RecordIO: a record does not begin with the magic number")
        (word,) = struct.unpack("<I", header[4:])
        part, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        if (part in {_MIDDLE, _LAST}) != bool(framed) or part > _LAST:
            raise ObjectFailed("it is no RecordIO: the parts of a record are out of order")
        padded = length + -length % 4
        limit.check(sum(map(len, framed)) + len(header) + padded)
        body = _take(stream, padded, "RecordIO")
        contents.append(body[:length])
        framed.append(header + body)
        if part in {_WHOLE, _LAST}:
            # A payload that has the magic in it is cut there, and the magic left out.
            yield Record(MAGIC.join(contents), b"".join(framed))
            contents, framed = [], []


def _read_tf_records(stream: BinaryIO, limit: Limit) -> Iterator[Record]:
    while header := _take(stream, _TF_HEADER_BYTES, "TFRecord", may_end=True):
        length, checksum = struct.unpack("<QI", header)
        if checksum != _masked_crc32c(header[:8]):
            raise ObjectFailed("it is no TFRecord: the checksum of a length is wrong")
        limit.check(len(header) + length + 4)
        body = _take(stream, length + 4, "TFRecord")
        yield Record(body[:length], header + body)


def _take(stream: BinaryIO, length: int, what: str, *, may_end: bool = False) -> bytes:
    """The next `length` bytes; nothing where the stream `may_end` here and does."""
    taken = stream.read(length)
    if len(taken) < length and (taken or not may_end):
        raise ObjectFailed(f"it ends in the middle of a {what} record")
    return taken


@cache
def _crc32c_table() -> tuple[int, ...]:
    """Castagnoli's polynomial, bit-reversed; zlib only has the other one."""
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)  # noqa: PLW2901 - a register that is shifted
        table.append(number)
    return tuple(table)


def _masked_crc32c(content: bytes) -> int:
    table, crc = _crc32c_table(), 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


_READERS: Mapping[SplitType, Callable[[BinaryIO, Limit], Iterator[Record]]] = {
    SplitType.LINE: _read_lines,
    SplitType.RECORD_IO: _read_record_io,
    SplitType.TF_RECORD: _read_tf_records,
}
