"""``python -m container train`` or ``serve``: the entry point of an image. SageMaker passes the one argument."""

import importlib
import io
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from container.algorithm import StopRequest
from container.cpus import limit_threads
from container.train import train

USAGE = """usage: python -m container train|serve

  train   train the algorithm as /opt/ml/input/config says; model to /opt/ml/model, failure to /opt/ml/output/failure
  serve   answer GET /ping and POST /invocations on port 8080 with the model in /opt/ml/model
"""
EXIT_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Do what `arguments` say; returns the exit code of the process."""
    match list(arguments):
        case ["train"]:
            stop = stop_on_signals()
            _write_line_by_line()
            limit_threads(os.environ)
            return train(os.environ, stop)
        case ["serve"]:
            leave_on_signals()
            _write_line_by_line()
            # Not at the top: whoever only trains needs neither flask nor gunicorn in the image.
            code: int = importlib.import_module("container.serve").serve(os.environ)
            return code
        case []:
            complaint = ""
        case words:
            complaint = f"unknown arguments: {' '.join(words)}\n"
    print(complaint + USAGE, end="", file=sys.stderr)
    return EXIT_USAGE


def stop_on_signals() -> StopRequest:
    """A stop request that SIGTERM (the platform) and SIGINT (Ctrl-C) set.

    Done before anything slow: the kernel discards a signal to process 1 of a container that has nothing installed for
    it, and the platform would wait its 120 seconds for nothing.
    """
    stop = StopRequest()
    # Taken in one bytecode: a signal that arrives while another is being handled finds it gone already.
    first = itertools.repeat(True, 1)

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        stop.set()
        if next(first, False):
            os.write(sys.stderr.fileno(), f"{signal.Signals(number).name}: stopping as soon as possible\n".encode())

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def leave_on_signals() -> None:
    """Leave at SIGTERM and SIGINT as long as the server, which brings its own ways, is not there yet."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


def _write_line_by_line() -> None:
    """Without this, stdout that is a pipe keeps its lines for kilobytes, and metrics come late or never."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
