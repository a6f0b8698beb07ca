r"""Frames of a container's output become numbered lines. Pure.

What a line is:

- ``\n``, ``\r\n`` and a lone ``\r`` end one: a progress bar that redraws itself with ``\r`` gives a line at each
  redraw, so that the numbers in it are seen while it runs. An empty redraw is no line.
- Each of the two streams has its own unfinished line. Lines are numbered from 1 in the order in which they end. The
  engine stores frames in one fixed order, so line n is line n at every reading.
- Bytes that are not UTF-8 become U+FFFD. ANSI escape sequences and control characters other than tab are taken out:
  they would hide numbers from a regular expression, and a container could steer the user's terminal with them.
- A line of more than MAX_LINE_BYTES is cut there, and goes on as the next line (CloudWatch cuts at the same length).
- What is left without an ending when the container has ended is a line too.

Nearly all frames are one ordinary line each. `LineAssembler.feed_block` takes many of those at once, as one text, and
falls back to one by one where a block has anything else in it; both ways give the same lines.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import methodcaller

from tuner.engine.protocol import FrameBlock, LogFrame, Stream

#: CloudWatch's limit on one log event.
MAX_LINE_BYTES = 262_144

# Control sequences (CSI), operating-system commands (OSC, which end in BEL or ESC \), and two-byte escapes: ECMA-48.
# None spans lines.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")
_CONTROLS_AND_ENDINGS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x80-\x9f]")
# The controls of one byte, and the first byte of those of two, U+0080 to U+009F (and of letters beyond ASCII).
_SUSPICIOUS = bytes({*range(0x20), 0x7F, 0xC2} - set(b"\t\n"))
_ENDS_LINE = methodcaller("endswith", b"\n")
_ENDINGS = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """One line of a container's output. `timestamp` is the engine's, of the frame in which the line ended."""

    number: int
    stream: Stream
    timestamp: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LineBlock:
    """Lines that follow each other, in columns. `text` has them all, each with a newline at its end.

    `first` is the number of the first; `timestamps` are as in `LogLine`, as ASCII bytes.
    """

    first: int
    text: str
    timestamps: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.timestamps)


class LineAssembler:
    """Cuts frames into lines, whatever the frames' borders are. One object a container.

    The first line has the number behind `after`. `cut_lines` counts those that were cut for their length.
    """

    def __init__(self, after: int = 0) -> None:
        self._unfinished: dict[Stream, bytes] = dict.fromkeys(Stream, b"")
        self._timestamps: dict[Stream, str] = dict.fromkeys(Stream, "")
        self._number = after
        self.cut_lines = 0

    def feed_block(self, block: FrameBlock) -> LineBlock:
        """The lines that end in `block`."""
        joined = b"".join(block.payloads)
        if any(self._unfinished.values()) or not _is_ordinary(block.payloads, joined):
            return self._in_columns([line for frame in block.frames() for line in self.feed(frame)])
        text = joined.decode(errors="replace")
        if len(joined.translate(None, _SUSPICIOUS)) != len(joined):
            text = _CONTROLS.sub("", _ESCAPES.sub("", text))
        first = self._number + 1
        self._number += len(block.payloads)
        return LineBlock(first=first, text=text, timestamps=block.timestamps)

    def finish_block(self) -> LineBlock:
        """What is left unfinished when the container has ended."""
        return self._in_columns(list(self.finish()))

    def _in_columns(self, lines: Sequence[LogLine]) -> LineBlock:
        return LineBlock(
            first=self._number + 1 - len(lines),
            text="".join(f"{line.text}\n" for line in lines),
            timestamps=[line.timestamp.encode() for line in lines],
        )

    def feed(self, frame: LogFrame) -> Iterator[LogLine]:
        """The lines that end in `frame`."""
        pending = self._unfinished[frame.stream] + frame.payload
        self._timestamps[frame.stream] = frame.timestamp
        start = 0
        for ending in _ENDINGS.finditer(pending):
            if ending.group() == b"\r" and ending.end() == len(pending):
                break  # the next frame may bring the \n of a \r\n
            yield from self._lines(frame.stream, pending[start : ending.start()], ending.group())
            start = ending.end()
        pending = pending[start:]
        while len(pending) > MAX_LINE_BYTES:
            self.cut_lines += 1
            yield self._line(frame.stream, pending[:MAX_LINE_BYTES])
            pending = pending[MAX_LINE_BYTES:]
        self._unfinished[frame.stream] = pending

    def finish(self) -> Iterator[LogLine]:
        """What is left unfinished when the container has ended."""
        for stream in Stream:
            rest = self._unfinished[stream].removesuffix(b"\r")
            self._unfinished[stream] = b""
            if rest:
                yield from self._lines(stream, rest, b"")

    def _lines(self, stream: Stream, content: bytes, ending: bytes) -> Iterator[LogLine]:
        if not content and ending == b"\r":
            return
        for start in range(0, max(len(content), 1), MAX_LINE_BYTES):
            self.cut_lines += start > 0
            yield self._line(stream, content[start : start + MAX_LINE_BYTES])

    def _line(self, stream: Stream, content: bytes) -> LogLine:
        self._number += 1
        return LogLine(
            number=self._number,
            stream=stream,
            timestamp=self._timestamps[stream],
            text=printable(content.decode(errors="replace")),
        )


def _is_ordinary(payloads: Sequence[bytes], joined: bytes) -> bool:
    """Whether each of `payloads` is one line that ends in a newline, and none is too long."""
    return (
        b"\r" not in joined
        and joined.count(b"\n") == len(payloads)
        and all(map(_ENDS_LINE, payloads))
        and (len(joined) <= MAX_LINE_BYTES or max(map(len, payloads)) <= MAX_LINE_BYTES)
    )


def printable(text: str) -> str:
    """`text` without ANSI escape sequences and control characters other than tab."""
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    return _CONTROLS_AND_ENDINGS.sub("", text)
