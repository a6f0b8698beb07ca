"""RecordIO framing: what goes before and after each record of a Pipe channel with RecordWrapperType RecordIO. Pure.

A record is a 4-byte magic, a 4-byte length, the payload, and zeros up to a multiple of 4; both numbers are
little-endian. MXNet reads the upper 3 bits of the length as a flag for records in several parts, other readers read the
whole word as the length. Both agree on a record in one part of less than 512 MiB, so no other is ever made.
Source: dmlc-core, ``recordio.h``; the readers of the SageMaker SDK and training toolkit.
"""

import struct

from contracts.errors import InvalidRecord

MAGIC = struct.pack("<I", 0xCED7230A)
#: The longest payload, in bytes: one less than 512 MiB, the most that 29 bits count.
MAX_RECORD_BYTES = (1 << 29) - 1

_ALIGNMENT = 4


def record_header(length: int) -> bytes:
    """The 8 bytes before a payload of `length` bytes; raises InvalidRecord where no reader could take it."""
    if not 0 <= length <= MAX_RECORD_BYTES:
        raise InvalidRecord(f"a RecordIO record holds less than 512 MiB, and this one has {length:,} bytes")
    return MAGIC + struct.pack("<I", length)


def record_padding(length: int) -> bytes:
    """The zeros after a payload of `length` bytes."""
    return bytes(-length % _ALIGNMENT)
