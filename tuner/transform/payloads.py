"""What goes into one request: a whole object, one record, or as many records as fit."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from contracts.serving import BatchStrategy
from contracts.transform import SplitType
from tuner.transform.formats import RecordProcessing
from tuner.transform.records import Limit, Record, read_records

_CHUNK_BYTES = 1 << 20
#: More than frames any record.
_FRAMING_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """The body of one request.

    Either `body`, or `open` for what may be larger than memory, which is read anew at each try and sent in chunks.
    `records` are those of the input, where answers are to be joined with them.
    """

    body: bytes = b""
    open: Callable[[], BinaryIO] | None = None
    records: tuple[bytes, ...] = ()

    def chunks(self) -> Iterator[bytes]:
        """The bytes of one that is opened."""
        assert self.open is not None
        with closing(self.open()) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk


@dataclass(frozen=True, kw_only=True, slots=True)
class Splitting:
    """How a job's objects become payloads. `processing` is None where records need not be understood."""

    split: SplitType
    strategy: BatchStrategy
    limit: Limit
    processing: RecordProcessing | None = None

    def payloads(self, open_object: Callable[[], BinaryIO]) -> Generator[Payload]:
        """The payloads of an object, as they are asked for; raises ObjectFailed, OSError and what unpacking raises."""
        several = self.strategy is BatchStrategy.MULTI_RECORD
        is_whole = self.split is SplitType.NONE or (several and not self.limit.mebibytes)
        if is_whole and self.processing is None and not self.limit.mebibytes:
            yield Payload(open=open_object)
            return
        with closing(open_object()) as stream:
            if self.split is SplitType.NONE:
                yield self._whole(stream)
            elif not several:
                yield from (self._single(record) for record in self._records(stream))
            elif self.split is SplitType.LINE and self.processing is None:
                yield from _blocks_of_lines(stream, self.limit)
            else:
                yield from _gathered(self._records(stream), self.limit)

    def _whole(self, stream: BinaryIO) -> Payload:
        content = stream.read(self.limit.bytes + 1) if self.limit.mebibytes else stream.read()
        self.limit.check(len(content))
        if self.processing is None:
            return Payload(body=content)
        return Payload(body=self.processing.before(content), records=(content,))

    def _single(self, record: "_Source") -> Payload:
        self.limit.check(len(record.sent.content))
        return Payload(body=record.sent.content, records=record.origin)

    def _records(self, stream: BinaryIO) -> Iterator["_Source"]:
        # The limit is one on what is sent: a filter, or taking the framing off, may make a record small enough.
        framing = 0 if self.strategy is BatchStrategy.MULTI_RECORD else _FRAMING_BYTES
        limit = Limit(self.limit.mebibytes, framing) if self.processing is None else Limit(0)
        for record in read_records(stream, self.split, limit):
            if self.processing is None:
                yield _Source(record)
            elif record.content.strip():  # an empty line is no row, and no JSON
                sent = self.processing.before(record.content)
                yield _Source(Record(sent, sent + b"\n"), (record.content,))


@dataclass(frozen=True, slots=True)
class _Source:
    """A record as it is sent, and what it was made of where that is needed."""

    sent: Record
    origin: tuple[bytes, ...] = ()


def _gathered(records: Iterator[_Source], limit: Limit) -> Iterator[Payload]:
    """As many whole records in each payload as fit."""
    parts: list[_Source] = []
    length = 0
    for record in records:
        more = len(record.sent.framed)
        limit.check(more)
        if parts and limit.mebibytes and length + more > limit.bytes:
            yield _together(parts)
            parts, length = [], 0
        parts.append(record)
        length += more
    if parts:
        yield _together(parts)


def _together(parts: list[_Source]) -> Payload:
    return Payload(
        body=b"".join(part.sent.framed for part in parts), records=tuple(one for part in parts for one in part.origin)
    )


def _blocks_of_lines(stream: BinaryIO, limit: Limit) -> Iterator[Payload]:
    """The same for lines that nobody looks into: cut at the last newline that fits, without making records of them."""
    rest = b""
    while block := rest + stream.read(limit.bytes + 1 - len(rest)):
        end = len(block)
        if end > limit.bytes:
            end = block.rfind(b"\n", 0, limit.bytes) + 1
            if end == 0:
                limit.check(len(block))
        yield Payload(body=block[:end])
        rest = block[end:]
