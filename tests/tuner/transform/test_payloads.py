"""What goes into one request, for every SplitType and BatchStrategy."""

import gzip
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.recordio import record_header, record_padding
from contracts.serving import BatchStrategy
from contracts.transform import Filters, SplitType
from tuner.transform.errors import ObjectFailed
from tuner.transform.formats import RecordProcessing
from tuner.transform.payloads import Payload, Splitting
from tuner.transform.records import Limit

SINGLE, MULTI = BatchStrategy.SINGLE_RECORD, BatchStrategy.MULTI_RECORD
LINES = b"1,2\n3,4\n5,6\n"
FRAMED = [record_header(3) + b"abc" + record_padding(3), record_header(4) + b"defg" + record_padding(4)]
MIB = 1 << 20


def splitting(
    split: SplitType, strategy: BatchStrategy, mebibytes: int = 6, filters: Filters | None = None
) -> Splitting:
    """How a job splits; with `filters` its records are CSV."""
    processing = None if filters is None else RecordProcessing(filters, "text/csv", split)
    return Splitting(split=split, strategy=strategy, limit=Limit(mebibytes), processing=processing)


def payloads(how: Splitting, content: bytes) -> list[Payload]:
    """The payloads of an object."""
    return list(how.payloads(lambda: io.BytesIO(content)))


def bodies(how: Splitting, content: bytes) -> list[bytes]:
    """The same as their bytes, however they are sent."""
    return [b"".join(one.chunks()) if one.open else one.body for one in payloads(how, content)]


@pytest.mark.parametrize(
    ("split", "strategy", "content", "expected"),
    [
        (SplitType.NONE, SINGLE, LINES, [LINES]),
        (SplitType.NONE, MULTI, LINES, [LINES]),
        (SplitType.NONE, MULTI, b"", [b""]),
        (SplitType.LINE, SINGLE, LINES, [b"1,2", b"3,4", b"5,6"]),
        (SplitType.LINE, SINGLE, b"1,2\r\n3,4", [b"1,2", b"3,4"]),
        (SplitType.LINE, MULTI, LINES, [LINES]),
        (SplitType.LINE, MULTI, LINES[:-1], [LINES[:-1]]),
        (SplitType.LINE, MULTI, b"", []),
        (SplitType.RECORD_IO, SINGLE, b"".join(FRAMED), [b"abc", b"defg"]),
        (SplitType.RECORD_IO, MULTI, b"".join(FRAMED), [b"".join(FRAMED)]),
    ],
)
@pytest.mark.parametrize("mebibytes", [0, 6])
def test_the_table_of_the_contract_holds(
    split: SplitType, strategy: BatchStrategy, content: bytes, expected: list[bytes], mebibytes: int
) -> None:
    """Single records go without their frames, several with them; with and without a limit."""
    if (split, strategy, content, mebibytes) == (SplitType.LINE, MULTI, b"", 0):
        expected = [b""]  # sent as it comes, so nobody knows beforehand that nothing does

    assert expected == bodies(splitting(split, strategy, mebibytes), content)


def test_several_records_are_as_many_as_fit() -> None:
    """Whole lines; the next one begins the next request."""
    line = b"x" * (MIB // 4 - 1) + b"\n"

    found = bodies(splitting(SplitType.LINE, MULTI, 1), line * 9)

    assert [line * 4, line * 4, line] == found


def test_framed_records_are_as_many_as_fit_too() -> None:
    """With their frames."""
    record = record_header(MIB // 4) + b"x" * (MIB // 4)

    found = bodies(splitting(SplitType.RECORD_IO, MULTI, 1), record * 7)

    assert [record * 3, record * 3, record] == found


@given(st.lists(st.integers(0, 900_000), max_size=12), st.booleans())
def test_cutting_lines_loses_nothing(lengths: list[int], ends_in_newline: bool) -> None:
    """All requests one after the other are the object; none is too long, none ends within a line."""
    content = b"\n".join(b"x" * length for length in lengths) + b"\n" * ends_in_newline

    found = bodies(splitting(SplitType.LINE, MULTI, 1), content)

    assert content == b"".join(found)
    assert all(len(one) <= MIB for one in found)
    assert all(one.endswith(b"\n") for one in found[:-1])


@pytest.mark.parametrize(
    ("split", "strategy", "content"),
    [
        (SplitType.NONE, MULTI, b"x" * (MIB + 1)),
        (SplitType.LINE, SINGLE, b"x" * (MIB + 1)),
        (SplitType.LINE, MULTI, b"x\n" + b"x" * (MIB + 1)),
        (SplitType.RECORD_IO, SINGLE, record_header(MIB + 4) + b"x" * (MIB + 4)),
        (SplitType.RECORD_IO, MULTI, record_header(MIB) + b"x" * MIB),
    ],
)
def test_a_record_that_does_not_fit_is_an_error(split: SplitType, strategy: BatchStrategy, content: bytes) -> None:
    """What came before it may have been sent already."""
    with pytest.raises(ObjectFailed, match="a record is larger than MaxPayloadInMB, 1 MB"):
        payloads(splitting(split, strategy, 1), content)


@pytest.mark.parametrize(
    ("split", "strategy", "content"),
    [
        (SplitType.NONE, MULTI, b"x" * MIB),
        (SplitType.LINE, SINGLE, b"x" * MIB + b"\r\n"),
        (SplitType.LINE, MULTI, b"x" * (MIB - 1) + b"\n"),
        (SplitType.RECORD_IO, SINGLE, record_header(MIB) + b"x" * MIB),
        (SplitType.RECORD_IO, MULTI, record_header(MIB - 8) + b"x" * (MIB - 8)),
    ],
)
def test_a_record_that_just_fits_is_sent(split: SplitType, strategy: BatchStrategy, content: bytes) -> None:
    """The limit itself is no excess, and what is taken off is not counted."""
    assert 1 == len(payloads(splitting(split, strategy, 1), content))


def test_without_a_limit_an_object_is_sent_as_it_is_read() -> None:
    """However large it is; each try opens it anew."""
    opened: list[io.BytesIO] = []

    def open_object() -> io.BytesIO:
        opened.append(io.BytesIO(LINES))
        return opened[-1]

    (payload,) = splitting(SplitType.LINE, MULTI, 0).payloads(open_object)

    assert [b"".join(payload.chunks())] * 2 == [LINES, b"".join(payload.chunks())]
    assert [True, True] == [one.closed for one in opened]


def test_filtered_rows_are_counted_as_they_are_sent() -> None:
    """A filter may make a record small enough; the whole rows are kept for the join."""
    rows = b"1," + b"x" * MIB + b"\r\n\n2,y\n"

    (payload,) = payloads(splitting(SplitType.LINE, MULTI, 1, Filters(input_filter="$[0]", joins_input=True)), rows)

    assert (b"1\n2\n", (b"1," + b"x" * MIB, b"2,y")) == (payload.body, payload.records)


def test_a_filter_that_a_row_does_not_have_is_an_error() -> None:
    """As the service says of indexes beyond the row."""
    with pytest.raises(ObjectFailed, match=r"a filter cannot be applied: \$\[2:5\] is applied to an array of 2"):
        payloads(splitting(SplitType.LINE, SINGLE, 1, Filters(input_filter="$[2:5]")), LINES)


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: packed[:40]])
def test_what_cannot_be_unpacked_ends_in_an_error_of_its_own(damage: Callable[[bytes], bytes]) -> None:
    """Gzip's, which the queue puts into words."""
    packed = damage(gzip.compress(LINES * 100))

    with pytest.raises((EOFError, gzip.BadGzipFile)):
        list(splitting(SplitType.LINE, MULTI).payloads(lambda: gzip.GzipFile(fileobj=io.BytesIO(packed))))  # type: ignore[arg-type,return-value]
