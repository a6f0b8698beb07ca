r"""Frames into lines: whatever the cut, the same lines."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.engine.frames import encoded
from tuner.engine.protocol import LogFrame, Stream
from tuner.jobs import log_lines
from tuner.jobs.log_lines import MAX_LINE_BYTES, LineAssembler, LogLine, printable


def frames(*pieces: bytes, stream: Stream = Stream.STDOUT) -> list[LogFrame]:
    """Frames of one stream, a second apart."""
    return [
        LogFrame(stream=stream, timestamp=f"2026-01-01T00:00:{i:02d}.000000000Z", payload=piece)
        for i, piece in enumerate(pieces)
    ]


def lines_of(given_frames: Iterable[LogFrame]) -> list[LogLine]:
    """All lines, the unfinished last one included."""
    assembler = LineAssembler()
    lines = [line for frame in given_frames for line in assembler.feed(frame)]
    return [*lines, *assembler.finish()]


def texts(*pieces: bytes) -> list[str]:
    """The lines of one stream as texts."""
    return [line.text for line in lines_of(frames(*pieces))]


@given(
    content=st.lists(
        st.sampled_from([b"a", b"acc=0.5", b"\n", b"\r", b"\r\n", b"\xc3\xa9", b"\xff", b"\x1b[1m", b""])
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 60)),
)
def test_any_cut_of_a_stream_gives_the_same_lines(content: bytes, cuts: list[int]) -> None:
    """Frames have no meaning: only the bytes count."""
    borders = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [content[a:b] for a, b in pairwise(borders)]

    assert texts(content) == texts(*pieces)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\n\nafter blanks\n", ["", "", "after blanks"]),
        (b" 10%\r 20%\r100%\n", [" 10%", " 20%", "100%"]),
        (b"\r 10%\r\r 20%", [" 10%", " 20%"]),
        (b"no end", ["no end"]),
        (b"bar\r", ["bar"]),
        (b"", []),
        (b"caf\xc3\xa9 \xff\xfe!\n", ["café \ufffd\ufffd!"]),
        (b"\x1b[32mgreen\x1b[0m \x1b]0;title\x07acc=\x1b[1m0.5\x1b[0m\n", ["green acc=0.5"]),
        (b"tab\tstays, bell\x07 and null\x00 go\n", ["tab\tstays, bell and null go"]),
    ],
)
def test_lines_are_cut_and_cleaned(output: bytes, expected: list[str]) -> None:
    """The table of the module's documentation, by example."""
    assert expected == texts(output)


def test_each_stream_has_its_own_unfinished_line() -> None:
    """A warning on stderr in the middle of a line on stdout does not tear it."""
    mixed = [
        *frames(b"accuracy="),
        *frames(b"warning!\n", stream=Stream.STDERR),
        *frames(b"0.5\n"),
    ]

    assert [(1, "stderr", "warning!"), (2, "stdout", "accuracy=0.5")] == [
        (line.number, line.stream, line.text) for line in lines_of(mixed)
    ]


def test_a_line_carries_the_time_at_which_it_ended() -> None:
    """A progress bar of an hour is of now, not of an hour ago."""
    (line,) = lines_of(frames(b"begin", b" end\n"))

    assert line.timestamp == "2026-01-01T00:00:01.000000000Z"


def test_a_very_long_line_is_cut_and_goes_on() -> None:
    """Memory stays bounded for a container that never ends its line."""
    cut = texts(b"x" * (MAX_LINE_BYTES + 10) + b"\n", b"next\n")

    assert [MAX_LINE_BYTES, 10, 4] == [len(line) for line in cut]


def test_an_endless_line_is_seen_before_it_ends() -> None:
    """What is longer than a line can be does not wait for its ending."""
    assembler = LineAssembler()
    (frame,) = frames(b"y" * (3 * MAX_LINE_BYTES + 1))

    assert 3 == len(list(assembler.feed(frame)))


@given(
    content=st.lists(
        st.tuples(
            st.sampled_from(Stream),
            st.lists(
                st.sampled_from(
                    [
                        b"acc=0.5",
                        b"\n",
                        b"\n",
                        b"\r",
                        b"\r\n",
                        b"\xc3\xa9",
                        b"\xe2\x82",
                        b"\xc2\x85",
                        b"\x1b[1m",
                        b"\x1b]0;t",
                        b"\x07",
                        b"x" * 9,
                    ]
                )
            ).map(b"".join),
        )
    ),
    borders=st.sets(st.integers(0, 20)),
    longest=st.sampled_from([7, MAX_LINE_BYTES]),
)
def test_blocks_give_the_lines_of_their_frames(
    content: list[tuple[Stream, bytes]], borders: set[int], longest: int
) -> None:
    """However frames make blocks: taken in at once or one by one, the lines, numbers and times are the same."""
    sent = [
        LogFrame(stream=stream, timestamp=f"2026-01-01T00:00:{i % 60:02d}.000000000Z", payload=payload)
        for i, (stream, payload) in enumerate(content)
    ]
    ends = sorted({0, len(sent), *(border for border in borders if border < len(sent))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_lines, "MAX_LINE_BYTES", longest)
        assembler = LineAssembler()
        blocks = [assembler.feed_block(encoded(sent[a:b])) for a, b in pairwise(ends)]
        blocks.append(assembler.finish_block())
        expected = lines_of(sent)

    assert [(line.number, line.timestamp, line.text) for line in expected] == [
        (block.first + i, block.timestamps[i].decode(), text)
        for block in blocks
        for i, text in enumerate(block.text.split("\n")[:-1])
    ]


def test_lines_that_are_cut_are_counted() -> None:
    """The ledger says how many."""
    assembler = LineAssembler()
    list(assembler.feed(frames(b"x" * (2 * MAX_LINE_BYTES + 1) + b"\n")[0]))

    assert 2 == assembler.cut_lines


@given(st.text())
def test_what_is_printable_cannot_steer_a_terminal(text: str) -> None:
    """Nothing that a terminal obeys is left."""
    assert not any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 for c in printable(text))
