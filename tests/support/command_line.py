"""The command `algodock` as users start it: a process of its own, with a home of its own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

#: No command of these tests takes longer; reaching it is a failure.
_DEADLINE_SECONDS = 600.0


class CommandLine:
    """Starts ``algodock`` with `home`; `environment` is added to this process's own."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._environment = {**os.environ, "ALGODOCK_HOME": str(home), "NO_COLOR": "1", **(environment or {})}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command; its two outputs are pipes."""
        return subprocess.Popen(
            [sys.executable, "-m", "tuner", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def start_into(self, output: IO[bytes], *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command whose standard output goes to a file, byte by byte."""
        return subprocess.Popen([sys.executable, "-m", "tuner", *arguments], stdout=output, env=self._environment)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        with self.start(*arguments) as process:
            return finish(process)

    def summary(self, name: str) -> dict[str, Any]:
        """What ``algodock show NAME --json`` says."""
        shown: dict[str, Any] = json.loads(self.run("show", name, "--json").stdout)
        return shown


def finish(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    """Wait for the end of a started command; its output is what was not read of it yet.

    Not `communicate`: that loses the lines which iterating over the output has taken into its buffer already.
    """
    too_late = threading.Event()

    def end() -> None:
        too_late.set()
        process.kill()

    watch = threading.Timer(_DEADLINE_SECONDS, end)
    watch.start()
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.append(_rest(process.stderr)))
    reader.start()
    output = _rest(process.stdout)
    reader.join()
    process.wait()
    watch.cancel()
    if too_late.is_set():
        raise AssertionError(f"still running after {_DEADLINE_SECONDS:g} s\n{output}\n{errors[0]}")
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors[0])


def _rest(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.read()


def wait_until(reached: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait by condition; `what` says what was waited for in vain."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(0.05)


def write_job(path: Path, request: Mapping[str, Any]) -> str:
    """A job file with `request` in it; return its path."""
    path.write_text(yaml.safe_dump(dict(request), sort_keys=False))
    return str(path)


@contextmanager
def served(algodock: CommandLine, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`algodock serve` once it is in service, and the address that it says; killed at the end if it is there still."""
    with algodock.start("serve", *arguments, "--json") as process:
        try:
            yield process, str(wait_for_event(process, "in_service")["url"])
        finally:
            process.kill()


def wait_for_event(process: "subprocess.Popen[str]", kind: str) -> dict[str, Any]:
    """Read events until one of this kind comes."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        event: dict[str, Any] = json.loads(line)
        if event["event"] == kind:
            return event
    assert process.stderr is not None
    raise AssertionError(f"ended without {kind!r}\n{seen}\n{process.stderr.read()}")
