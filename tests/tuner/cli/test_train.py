"""`algodock train`: one training job, with its log as it comes."""

from collections.abc import Iterator
from pathlib import Path

from commands_in_process import Run

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer


def test_the_log_is_printed_and_then_what_came_of_it(run: Run, training_file: Path, home: Path) -> None:
    """The container's lines come as they are; metrics and files follow."""
    outcome = run("train", training_file)

    assert (0, "") == (outcome.code, outcome.err)
    assert "epoch 1: accuracy=0.25\nepoch 2: accuracy=0.5\n" in outcome.out
    assert "one is Completed after" in outcome.out
    assert str(home / "jobs" / "one" / "output" / "model.tar.gz") in outcome.out


def test_json_lines_have_the_log_the_metrics_and_a_summary(run: Run, training_file: Path) -> None:
    """Each line of the container is an event of its own."""
    events = run("train", training_file, "--json").events

    assert ["epoch 1: accuracy=0.25", "epoch 2: accuracy=0.5"] == [e["line"] for e in events if e["event"] == "log"]
    summary = events[-1]
    assert ("summary", "Completed") == (summary["event"], summary["status"])
    assert (2, 0.5, 0.25) == tuple(
        summary["metrics"]["validation:accuracy"][key] for key in ("count", "last", "minimum")
    )


def test_a_job_that_fails_is_exit_code_1_with_its_reason(run: Run, training_file: Path, engine: FakeEngine) -> None:
    """The reason is the failure file's text, in the service's form."""
    engine.images["algorithm:1"] = lambda container: container.fail("no such file: train.rec", exit_code=3)

    outcome = run("train", training_file)

    assert 1 == outcome.code
    assert "one is Failed" in outcome.out
    assert "AlgorithmError: no such file: train.rec, exit code: 3" in outcome.out


def test_a_job_that_runs_too_long_is_exit_code_4(run: Run, training_file: Path, engine: FakeEngine) -> None:
    """It is Stopped, and the message says by what."""

    def endless(container: FakeContainer) -> Iterator[None]:
        container.on_signal("SIGTERM", lambda: 0)
        while True:
            yield

    engine.images["algorithm:1"] = endless
    seconds = iter(range(1_700_000_000, 1_800_000_000, 1000))

    outcome = run("train", training_file, clock=lambda: float(next(seconds)))

    assert 4 == outcome.code
    assert "one is Stopped (MaxRuntimeExceeded)" in outcome.out


def test_a_name_is_used_once_and_again_gives_the_next(run: Run, training_file: Path) -> None:
    """As for tuning jobs."""
    run("train", training_file)

    refused = run("train", training_file)
    again = run("train", training_file, "--again")

    assert 2 == refused.code
    assert "a training job with this name already exists (one)" in refused.err
    assert "--again" in refused.err
    assert (0, True) == (again.code, "Started one-2." in again.out)


def test_a_job_in_progress_is_gone_on_with(run: Run, training_file: Path, engine: FakeEngine) -> None:
    """A container that is running already is adopted, and its log printed from the beginning."""

    def lose_the_engine_once(container: FakeContainer) -> Iterator[None]:
        container.print("first line")
        yield
        engine.reachable = False
        yield
        container.print("last line")

    engine.images["algorithm:1"] = lose_the_engine_once
    assert 3 == run("train", training_file).code
    engine.reachable = True

    outcome = run("train", training_file)

    assert 0 == outcome.code
    assert "Going on with one, which is Training." in outcome.out
    assert "first line\nlast line\n" in outcome.out.replace("-- Training\n", "")
    assert 1 == len(engine.removed)
