"""Numbers the places at which a process of ours can die, and lets it die, or wait, at one of them.

The product has no hooks for this. A place, here a *point*, is right before every change of a file of the home, right
before and after every call of the engine, and right before and after every statement that begins, makes or ends a
transaction of the store. They are found by Python's audit events, by a connection class of sqlite3's own factory, and
by a subclass of the engine.
"""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import LogFrame
from tuner.profile import HostProfile

#: Audit events of Python's file functions that change something; the first argument is a path.
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
#: How far a Pipe channel is is noted a hundred times a second while it waits for a reader: no places to be numbered.
_NOTES_OF_FEEDS = "/feeds/"
_STATEMENTS = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT", "CREATE")
#: The calls of an engine that change something or decide something.
_CALLS = ("image", "create", "start", "state", "containers", "frames", "signal", "remove", "facts")


class Deed(StrEnum):
    """What a process does at its point."""

    DIE = "die"
    WAIT = "wait"


class Points:
    """Counts the points of this process. At number `at` it does `deed`; each is written to `trace`, one a line.

    A waiting process makes the file `waiting` and goes on when that has been removed.
    """

    def __init__(self, home: Path, *, at: int | None, deed: Deed, trace: Path, waiting: Path) -> None:
        self._home = f"{home}/"
        self._at = at
        self._deed = deed
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        self._waiting = waiting
        self._lock = threading.Lock()
        self._count = 0
        self._inside = threading.local()

    def install(self) -> Callable[[HostProfile], DockerEngine]:
        """Begin to count; returns what opens the engine of this process."""
        sys.addaudithook(self._audit)
        connect = sqlite3.connect
        points = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                return points._around(sql, lambda: super(Connection, self).execute(sql, *parameters))

            def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                return points._around(sql, lambda: super(Connection, self).executemany(sql, *parameters))

        def connect_counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
            made: sqlite3.Connection = connect(*arguments, **{"factory": Connection, **options})
            return made

        sqlite3.connect = connect_counted  # type: ignore[assignment] # in this process only, which has no other purpose
        return lambda profile: _counted_engine(self, profile.docker_host)

    def reach(self, what: str) -> None:
        """Be at a point."""
        with self._lock:
            self._count += 1
            number = self._count
            os.write(self._trace, f"{what}\n".encode())
        if number != self._at:
            return
        if self._deed is Deed.DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        self._wait()

    def _wait(self) -> None:
        self._waiting.touch()
        while self._waiting.exists():
            time.sleep(0.005)

    def _around(self, sql: str, do: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        verb = sql.lstrip().split(" ", 1)[0].upper()
        if verb not in _STATEMENTS:
            return do()
        self.reach(f"before {' '.join(sql.split()[:3])}")
        done = do()
        if verb in {"BEGIN", "COMMIT"}:
            self.reach(f"after {verb}")
        return done

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if getattr(self._inside, "now", False):
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITING:
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        text = os.fsdecode(path)
        if text.startswith(self._home) and _NOTES_OF_FEEDS not in text:
            self._inside.now = True  # what a point itself does is none
            try:
                self.reach(f"before {event} {text.removeprefix(self._home)}")
            finally:
                self._inside.now = False


def _counted_engine(points: Points, host: str | None) -> DockerEngine:
    def counted(name: str) -> Callable[..., Any]:
        def call(self: DockerEngine, *arguments: Any, **options: Any) -> Any:
            points.reach(f"before engine.{name}")
            answer = getattr(DockerEngine, name)(self, *arguments, **options)
            points.reach(f"after engine.{name}")
            return _counted_frames(points, answer) if name == "frames" else answer

        return call

    kind = type("CountedEngine", (DockerEngine,), {name: counted(name) for name in _CALLS})
    return kind(host)  # type: ignore[no-any-return] # a class made from names


def _counted_frames(points: Points, frames: Iterator[LogFrame]) -> Iterator[LogFrame]:
    for frame in frames:
        points.reach("before a frame of a log")
        yield frame
