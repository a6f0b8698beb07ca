"""What was seen of one run of an image."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tuner.jobs.log_lines import LogLine

#: Exit codes of a process that a signal killed, with no chance to say why: 128 + ILL, ABRT, BUS, FPE, KILL, SEGV.
CRASHES = frozenset({132, 134, 135, 136, 137, 139})

_NUMBER = re.compile(r"\d+(?:[.:,]\d+)*")
_SHOWN = 200
#: A first line later than this part of a run's time is late.
_LATE = 0.8
#: Lines that come within this part of a run come all at once.
_AT_ONCE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A symbolic link below the model folder: its path there, and what it points to."""

    path: str
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run. All times are in seconds since the container started.

    `exit_code` is None where the check had to kill it; `refusal` is the engine's text where it could not be started.
    `failure` is the failure file's text, None without one; `model_folder` is where its model is on this host.
    `signalled_at` is when the first signal was sent, None where the run was over before. `epochs_read` says
    of each Pipe channel, for each FIFO that was opened, whether all of it was taken.
    """

    exit_code: int | None
    seconds: float
    refusal: str = ""
    lines: Sequence[LogLine] = ()
    line_times: Sequence[float] = ()
    unfinished_output: bool = False
    failure: str | None = None
    failure_is_utf8: bool = True
    model_files: Sequence[str] = ()
    model_folder: Path | None = None
    model_links: Sequence[Link] = ()
    checkpoint_files: Sequence[str] = ()
    output_files: Sequence[str] = ()
    signalled_at: float | None = None
    epochs_read: Mapping[str, Sequence[bool]] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0

    @property
    def printed_at_its_end(self) -> bool:
        """Whether its lines came all at once, and late: out of a buffer, or after a long start and little work."""
        first, last = min(self.line_times, default=0.0), max(self.line_times, default=0.0)
        return first >= _LATE * self.seconds and last - first <= _AT_ONCE * self.seconds

    @property
    def texts(self) -> list[str]:
        """The lines of its log."""
        return [line.text for line in self.lines]

    @property
    def words(self) -> str:
        """What came back, in a line for people."""
        if self.refusal:
            return f"the container could not be started: {self.refusal}"
        ended = "no end" if self.exit_code is None else f"exit code {self.exit_code}"
        parts = [f"{ended} after {self.seconds:.1f} s"]
        if self.failure is not None:
            parts.append(f"failure file: {shortened(self.failure)!r}")
        if self.lines and self.lines[-1].text.strip() not in (self.failure or ""):
            parts.append(f"last line: {shortened(self.lines[-1].text)!r}")
        if not self.lines:
            parts.append("nothing was printed")
        return "; ".join(parts)


def shortened(text: str) -> str:
    """`text` in one line that is not too long for a table."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


def reason_given(run: Run, good: Run) -> str:
    """What `run` says of why it failed: its failure file, and what its log has that a good run's has not."""
    usual = {_shape(text) for text in good.texts}
    news = [text for text in run.texts if text.strip() and _shape(text) not in usual]
    return "\n".join([*([run.failure] if run.failure and run.failure.strip() else []), *news])


def fails_clearly(run: Run, good: Run) -> bool:
    """Whether `run` ended by itself, not with exit code 0, and said something about it."""
    return bool(run.exit_code) and run.exit_code not in CRASHES and bool(reason_given(run, good))


def has_come_to_its_end(run: Run, good: Run) -> bool:
    """Whether `run` ended well, and printed as much as a good run or the line with which that ends.

    Toolkits print a line for each hyperparameter, of which runs have more and fewer. Numbers in the last line may be
    others; where it is a line of progress, there have to be as many.
    """
    usual, seen = ([_shape(text) for text in one.texts if text.strip()] for one in (good, run))
    is_whole = len(seen) >= len(usual) or seen.count(usual[-1]) >= usual.count(usual[-1])
    return run.is_good and is_whole


def _shape(text: str) -> str:
    """A line without its numbers, so that progress of different runs looks the same."""
    return _NUMBER.sub("0", text.strip())
