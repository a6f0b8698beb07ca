"""What a run left behind: the lines of its output, and its files on this host."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tuner.conformance.observation import Link
from tuner.conformance.staging import Staged
from tuner.engine.protocol import LogFrame
from tuner.errors import ContainerNotFound
from tuner.jobs.log_lines import LineAssembler, LogLine

#: How much of a text that a container wrote is read, in bytes.
_TEXT_BYTES = 64 * 1024


def read_lines(frames: Iterator[LogFrame]) -> tuple[list[LogLine], bool]:
    """The lines in `frames`, and whether the last of a stream lacks its newline."""
    assembler = LineAssembler()
    lines: list[LogLine] = []
    last: dict[str, bytes] = {}
    with suppress(ContainerNotFound):
        for frame in frames:
            lines += assembler.feed(frame)
            last[frame.stream] = frame.payload
    lines += assembler.finish()
    return lines, any(payload and not payload.endswith(b"\n") for payload in last.values())


def left_by_training(staged: Staged) -> Mapping[str, object]:
    """The members of a Run that are about files."""
    failure, is_utf8 = text_in(staged.layout.failure)
    model = staged.layout.model
    return {
        "failure": failure,
        "failure_is_utf8": is_utf8,
        "model_files": files_below(model),
        "model_folder": model,
        "model_links": links_below(model),
        "output_files": files_below(staged.layout.output_data),
        "checkpoint_files": files_below(staged.checkpoints),
    }


def links_below(folder: Path) -> list[Link]:
    """The symbolic links below `folder`."""
    return [
        Link(path=str(path.relative_to(folder)), target=os.readlink(path))  # noqa: PTH115 - as text, as it stands
        for path in sorted(folder.rglob("*"))
        if path.is_symlink()
    ]


def files_below(folder: Path) -> list[str]:
    """The files below `folder` that hold something, newest last; links are not followed."""
    if not folder.is_dir():
        return []
    found: list[tuple[int, str]] = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # renamed by the container in this instant
            status = path.lstat()
            if path.is_file() and not path.is_symlink() and status.st_size:
                found.append((status.st_mtime_ns, str(path.relative_to(folder))))
    return [name for _, name in sorted(found)]


def text_in(path: Path) -> tuple[str | None, bool]:
    """The text of a file (None without one), and whether it is UTF-8. Links are not followed: images may plant them."""
    if path.is_symlink() or not path.is_file():
        return None, True
    with path.open("rb") as file:
        content = file.read(_TEXT_BYTES)
    try:
        return content.decode(), True
    except UnicodeDecodeError as error:
        cut = len(content) == _TEXT_BYTES and error.start > _TEXT_BYTES - 4
        return content.decode(errors="replace"), cut
