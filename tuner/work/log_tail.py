"""Reading a job's log files while they are written."""

from collections.abc import Mapping
from pathlib import Path


class LogTail:
    """Gives what has been added to a log file since the last call.

    A process that adopts a job writes its log anew from the first line. Line n is line n at every reading, so the new
    file has the same bytes as the old one: a place in it stays good, there is only nothing to read until it has grown
    that far again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last `lines` lines that are there now."""
        content = self._content()
        kept = content.splitlines(keepends=True)[-lines:] if lines else []
        self._place += len(content) - sum(map(len, kept))

    def read(self) -> bytes:
        """The whole lines that have come since the last call; nothing while there is no file."""
        content = self._content()
        whole = content[: content.rfind(b"\n") + 1]
        self._place += len(whole)
        return whole

    def _content(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                return file.read()
        except FileNotFoundError:
            return b""


class HostLogs:
    """Gives what has been added to the logs of a job's hosts since the last call.

    Where there are several hosts, each line begins with the name of its own.
    """

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self._tails = {host: LogTail(path) for host, path in logs.items()}

    def skip_to_last(self, lines: int) -> None:
        """Begin with the last `lines` lines of each host that are there now."""
        for tail in self._tails.values():
            tail.skip_to_last(lines)

    def read(self) -> bytes:
        """The whole lines that have come since the last call, host after host."""
        if len(self._tails) == 1:
            return next(iter(self._tails.values())).read()
        return b"".join(
            b"[%s] %s" % (host.encode(), line)
            for host, tail in self._tails.items()
            for line in tail.read().splitlines(keepends=True)
        )
