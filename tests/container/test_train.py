"""The entry point as the platform sees it: a process with an exit code, two streams, a model or a failure file."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import fake_algorithms
import pytest

from contracts.paths import OptMlLayout

REPOSITORY = Path(__file__).resolve().parents[2]
SUPPORT = Path(fake_algorithms.__file__).parent

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def layout(tmp_path: Path) -> OptMlLayout:
    """An empty /opt/ml tree."""
    layout = OptMlLayout(tmp_path)
    layout.config.mkdir(parents=True)
    return layout


@pytest.fixture
def start(layout: OptMlLayout) -> Iterator[Start]:
    """Start ``python -m container`` on the tree, with one of the fake algorithms."""
    started: list[subprocess.Popen[str]] = []

    def start_process(*arguments: str, algorithm: str = "Learns") -> "subprocess.Popen[str]":
        variables = {
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{SUPPORT}",
            "SAGEMAKER_BASE_DIR": str(layout.root),
            "ALGODOCK_ALGORITHM": f"fake_algorithms:{algorithm}",
        }
        command = [sys.executable, "-m", "container", *arguments]
        process = subprocess.Popen(command, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.communicate()


def wait_for_line(stream: IO[str] | None, text: str) -> None:
    """Read until a line holds `text`; the test's own time limit is the deadline."""
    assert stream is not None
    assert any(text in line for line in stream), f"no line with {text!r}"


def test_training_prints_metrics_and_leaves_a_model(start: Start, layout: OptMlLayout) -> None:
    """The ordinary case: exit code 0, lines on stdout, no failure file."""
    process = start("train")

    output, _ = process.communicate()

    assert 0 == process.returncode
    assert "[Epoch 2] validation: accuracy=0.6667" in output.splitlines()
    assert "42" == (layout.model / "weights").read_text()
    assert not layout.failure.exists()


def test_hyperparameters_arrive_typed(start: Start, layout: OptMlLayout) -> None:
    """Every value is a string on the wire, with JSON's quotes when a framework estimator wrote it."""
    layout.hyperparameters.write_text('{"epochs": "\\"3\\"", "sagemaker_program": "x.py"}')

    output, _ = start("train").communicate()

    assert 3 == output.count("validation: accuracy=")


def test_a_wrong_hyperparameter_fails_with_its_name_and_no_traceback(start: Start, layout: OptMlLayout) -> None:
    """A mistake of the user's is told in a sentence: FailureReason shows 1024 characters."""
    layout.hyperparameters.write_text('{"epochs": "many", "learning_rte": "0.1"}')
    process = start("train")

    _, errors = process.communicate()

    failure = layout.failure.read_text()
    assert 1 == process.returncode
    assert "epochs='many' is not an integer" in failure
    assert "'learning_rte' is not a hyperparameter" in failure
    assert "Traceback" not in failure
    assert failure == errors


def test_a_malformed_config_file_fails_with_its_name(start: Start, layout: OptMlLayout) -> None:
    """The platform's mistakes are told as well as the user's."""
    layout.resource_config.write_text("{}")
    process = start("train")

    process.communicate()

    assert 1 == process.returncode
    assert layout.failure.read_text().startswith("resourceconfig.json: ")


def test_a_loss_that_is_no_number_fails_without_a_traceback(start: Start, layout: OptMlLayout) -> None:
    """Divergence is an outcome, not a bug."""
    process = start("train", algorithm="Diverges")

    process.communicate()

    assert 1 == process.returncode
    assert "loss became nan in epoch 1: learning_rate=10 is too large\n" == layout.failure.read_text()


def test_a_bug_fails_with_its_reason_first_and_then_the_traceback(start: Start, layout: OptMlLayout) -> None:
    """Only the beginning of the failure file is shown, so the reason comes before the traceback."""
    process = start("train", algorithm="Crashes")

    process.communicate()

    failure = layout.failure.read_text()
    assert 1 == process.returncode
    assert failure.startswith("ZeroDivisionError: no images\n\nTraceback (most recent call last):\n")
    assert "fake_algorithms.py" in failure


def test_a_failure_file_that_cannot_be_written_is_no_second_failure(start: Start, layout: OptMlLayout) -> None:
    """The reason is on stderr all the same, and so is what hindered the file."""
    layout.output.write_text("a file where the folder should be")
    process = start("train", algorithm="Diverges")

    _, errors = process.communicate()

    assert 1 == process.returncode
    assert errors.startswith("loss became nan")
    assert "cannot be written" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_training_with_a_model_and_exit_code_0(
    start: Start, layout: OptMlLayout, number: signal.Signals
) -> None:
    """SIGTERM comes from the platform, SIGINT from a terminal."""
    process = start("train", algorithm="TrainsUntilStopped")
    wait_for_line(process.stdout, "training")

    process.send_signal(number)
    output, errors = process.communicate()

    assert 0 == process.returncode
    assert "so far" == (layout.model / "weights").read_text()
    assert output.startswith("stopped on request after ")
    assert f"{number.name}: stopping as soon as possible\n" == errors


def test_a_second_signal_changes_nothing(start: Start, layout: OptMlLayout) -> None:
    """Impatient people press Ctrl-C twice."""
    process = start("train", algorithm="TrainsUntilStopped")
    wait_for_line(process.stdout, "training")

    for _ in range(2):
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()

    assert 0 == process.returncode
    assert "SIGTERM: stopping as soon as possible\n" == errors
    assert not layout.failure.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "usage: "),
        (("predict",), "unknown arguments: predict"),
        (("train", "now"), "unknown arguments: train now"),
    ],
)
def test_anything_but_train_and_serve_is_told_how_to_do_it(
    start: Start, arguments: tuple[str, ...], complaint: str
) -> None:
    """Exit code 2 and the usage on stderr, as command lines do."""
    process = start(*arguments)

    output, errors = process.communicate()

    assert (2, "") == (process.returncode, output)
    assert errors.startswith(complaint)
    assert "usage: python -m container train|serve" in errors
