"""The programs that the conformance suite of engines runs, each in two languages: for real containers and fake ones."""

from collections.abc import Iterator
from dataclasses import dataclass

from tuner.engine.fake_container import FakeContainer
from tuner.engine.fake_container import Program as PythonProgram
from tuner.engine.protocol import Stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program in two languages: what ``train`` does in a real container, and in a fake one."""

    script: str
    python: PythonProgram


def _talks(run: FakeContainer) -> int:
    run.print("one")
    run.print("two", stream=Stream.STDERR)
    run.print("three")
    return 5


# The pauses keep the two outputs in order: each goes to the engine through a pipe of its own.
TALKS = Program(script="echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; exit 5", python=_talks)


def _writes(run: FakeContainer) -> None:
    run.layer_bytes = 300_000
    run.print("written")


WRITES = Program(script="head -c 300000 /dev/zero >/tmp/more; echo written", python=_writes)


def _until_go(run: FakeContainer) -> Iterator[None]:
    run.print("waiting")
    while not run.path("/opt/ml/go").exists():
        yield
    run.print("going")


UNTIL_GO = Program(script="echo waiting; until [ -e /opt/ml/go ]; do sleep 0.02; done; echo going", python=_until_go)


def _obeys(run: FakeContainer) -> Iterator[None]:
    run.on_signal("SIGTERM", lambda: 7)
    run.print("ready")
    while True:
        yield


OBEYS = Program(script="trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done", python=_obeys)


def _deaf(run: FakeContainer) -> Iterator[None]:
    run.print("ready")
    while True:
        yield


DEAF = Program(script="trap '' TERM; echo ready; while :; do sleep 0.02; done", python=_deaf)


def _copies(run: FakeContainer) -> int:
    text = run.path("/opt/ml/input/word").read_text()
    run.write("/opt/ml/output/word", text)
    try:
        run.write("/opt/ml/input/other", "x")
    except OSError:
        return 0
    return 1


COPIES = Program(script="cp /opt/ml/input/word /opt/ml/output/word && ! touch /opt/ml/input/other", python=_copies)


def _shows(run: FakeContainer) -> None:
    run.print(f"{run.environment['GREETING']} {run.environment['NVIDIA_VISIBLE_DEVICES']}")


SHOWS = Program(script='echo "$GREETING $NVIDIA_VISIBLE_DEVICES"', python=_shows)


def _long_line(run: FakeContainer) -> None:
    run.write_output(b"x" * 40_000 + b"\nend")


LONG_LINE = Program(script="head -c 40000 /dev/zero | tr '\\0' x; echo; printf end", python=_long_line)


def _greets(run: FakeContainer) -> Iterator[None]:
    listening = run.socket_of(8080)
    listening.listen()
    listening.setblocking(False)
    while True:
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            yield
            continue
        with connection:
            connection.sendall(b"hello\n")


GREETS = Program(script="exec nc -ll -p 8080 -e echo hello", python=_greets)
