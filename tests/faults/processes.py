"""Commands of ours as processes that a test can kill, stop and hold at any point.

They are forked from the test's own process, which has imported everything already: hundreds of them are started, and
an interpreter that starts anew takes longer than a container.
"""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from command_line import wait_until
from points import Deed, Points

from tuner.cli.machine import Parts
from tuner.cli.main import main

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000
#: No command of these tests takes longer; reaching it is a loss.
DEADLINE_SECONDS = 180.0


class StillRunning(AssertionError):
    """A command did not come to its end."""


class Command:
    """``algodock ARGUMENTS`` as a process of its own.

    `folder` is for its output; `environment` is added to ours. It runs in the network namespace of the file `network`.
    At point number `at` it does `deed`. `clock` is what it takes for the time.
    """

    def __init__(
        self,
        *arguments: str,
        folder: Path,
        home: Path,
        environment: Mapping[str, str],
        network: Path,
        at: int | None = None,
        deed: Deed = Deed.DIE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.output")))
        self._output = folder / f"{number}.output"
        self._output.touch()
        self.trace = folder / f"{number}.points"
        self._waiting = folder / f"{number}.waiting"
        self.arguments = arguments
        self._network = network
        self._status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            points = Points(home, at=at, deed=deed, trace=self.trace, waiting=self._waiting)
            self._become(arguments, {**environment, "ALGODOCK_HOME": str(home), "NO_COLOR": "1"}, points, clock)

    @property
    def output(self) -> str:
        """What it has said so far, both streams."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def points(self) -> list[str]:
        """The points that it has come by."""
        return self.trace.read_text(encoding="utf-8").splitlines() if self.trace.exists() else []

    @property
    def exit_code(self) -> int | None:
        """Its exit code, that of a signal negative; None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)

    def wait(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Its exit code, once it has ended."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code) is None:
            if time.monotonic() > deadline:
                self.signal(signal.SIGABRT)
                raise StillRunning(f"still running after {seconds:g} s\n{self.output}")
            time.sleep(0.005)
        return code

    def wait_at_its_point(self) -> bool:
        """Wait until it waits at its point; False where it ended before."""
        wait_until(lambda: self._waiting.exists() or self.exit_code is not None, "a point", DEADLINE_SECONDS)
        return self.exit_code is None

    def wait_for(self, word: str, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until it has said `word`, or has ended; at most so long."""
        with suppress(AssertionError):
            wait_until(lambda: word in self.output or self.exit_code is not None, word, seconds)

    def go_on(self) -> None:
        """Let it go on from its point."""
        self._waiting.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it is there to receive one."""
        if self.exit_code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        if self.exit_code is None:
            self.kill()

    def _become(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        points: Points,
        clock: Callable[[], float],
    ) -> None:
        """In the child: be the command, and never come back."""
        code = 70
        with suppress(BaseException):
            os.setsid()
            libc = ctypes.CDLL(None)
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # none outlives a run that is given up
            libc.setns(os.open(self._network, os.O_RDONLY), _CLONE_NEWNET)
            output = os.open(self._output, os.O_WRONLY | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(output, stream)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
            sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.environ.update(environment)
            open_engine = points.install()
            try:
                code = main(arguments, replace(Parts(), open_engine=open_engine, clock=clock))
            except BaseException:  # noqa: BLE001 - a rim: whatever it is must not run on in the parent's code
                traceback.print_exc()
            sys.stdout.flush()
        os._exit(code)
