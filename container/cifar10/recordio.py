"""Reads MXNet RecordIO files of images, without MXNet: one pass, and a clear word where a file is torn.

A record is a 4-byte magic, a 4-byte word (3 bits of continuation flag, 29 bits of length), the payload, and zeros up
to a multiple of 4. A payload that happens to contain the magic at a multiple of 4 is split there by the writer: flag 1
begins, 2 goes on, 3 ends; the reader puts the magic back in between. An image's payload begins with a header: flag, one
label, two ids; where the flag is not 0 it counts the labels that follow.
Source: dmlc-core, ``recordio.h``; MXNet, ``python/mxnet/recordio.py``.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from container.errors import InvalidTrainingInput

MAGIC = struct.pack("<I", 0xCED7230A)
_WORD = struct.Struct("<I")
_IMAGE_HEADER = struct.Struct("<IfQQ")
_LENGTH_BITS = 29


def read_images(path: Path) -> Iterator[tuple[int, bytes]]:
    """Label and encoded image (PNG, JPEG) of every record; raises InvalidTrainingInput naming the file."""
    for index, payload in enumerate(read_records(path)):
        if len(payload) < _IMAGE_HEADER.size:
            raise InvalidTrainingInput(f"{path}: record {index} has {len(payload)} bytes, too few for an image header")
        flag, label, _, _ = _IMAGE_HEADER.unpack_from(payload)
        image_start = _IMAGE_HEADER.size + 4 * flag
        if flag > 0:
            (label,) = struct.unpack_from("<f", payload.ljust(image_start, b"\0"), _IMAGE_HEADER.size)
        yield int(label), payload[image_start:]


def read_records(path: Path) -> Iterator[bytes]:
    """The payload of every record; raises InvalidTrainingInput naming the file and the place where it is torn."""
    content = path.read_bytes()
    parts: list[bytes] = []
    position = 0
    while position < len(content):
        if content[position : position + 4] != MAGIC:
            raise InvalidTrainingInput(
                f"{path}: no RecordIO record at byte {position}; the file is torn or of another kind"
            )
        (word,) = _WORD.unpack(content[position + 4 : position + 8].ljust(4, b"\0"))
        flag, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        payload = content[position + 8 : position + 8 + length]
        if len(payload) < length or position + 8 > len(content):
            raise InvalidTrainingInput(f"{path}: the record at byte {position} is cut off; copy the file again")
        parts.append(payload)
        if flag in (0, 3):  # a whole record, or the last part of one
            yield MAGIC.join(parts)
            parts = []
        position += 8 + length + (-length) % 4
    if parts:
        raise InvalidTrainingInput(f"{path}: the last record is cut off; copy the file again")
