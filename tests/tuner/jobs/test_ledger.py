"""The ledger of a log: what was read is counted once, whatever happens to who reads it."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import training_request

from contracts.jobs import Interruption, JobKind, SecondaryStatus
from tuner.engine.fake_container import FakeContainer
from tuner.errors import ContainerNotFound, StoreError
from tuner.store.ledger_table import LedgerEntry

MakeHome = Callable[..., HomeOfFakes]

SPOT: dict[str, Any] = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200},
}


def three_epochs(run: FakeContainer) -> Iterator[None]:
    """A line with a number and one without at each epoch; obeys SIGTERM."""
    run.on_signal("SIGTERM", lambda: 143)
    for epoch in range(1, 4):
        run.print(f"epoch {epoch}: validation: accuracy=0.{epoch}")
        run.print("saved")
        yield
    run.print("validation: accuracy=.")


def counts(entry: LedgerEntry) -> tuple[int, ...]:
    """Frames, lines, matched lines, numbers and gaps."""
    return entry.frames, entry.lines, entry.matched_lines, entry.captures, entry.gaps


def begun(make_home: MakeHome, **members: Any) -> HomeOfFakes:
    """A home whose job has printed its first number, which is recorded."""
    home = make_home(three_epochs)
    home.store.create_training_job(training_request(**members), now=home.clock())
    home.step_until(lambda: bool(home.store.ledger(JobKind.TRAINING, "job-1")))
    home.step_until(lambda: bool(home.store.training_job("job-1").metrics))
    return home


def ended(home: HomeOfFakes) -> list[LedgerEntry]:
    """The job's ledger at its end."""
    home.engine.auto_advance = True
    home.run("job-1")
    return home.store.ledger(JobKind.TRAINING, "job-1")


def test_all_that_was_printed_is_counted_and_read_back(make_home: MakeHome) -> None:
    """A line that a pattern matches without a number in it is matched, and no observation."""
    (entry,) = ended(begun(make_home))

    assert (7, 7, 4, 3, 0) == counts(entry)
    assert entry.is_read_back
    assert 3 * (len("epoch 1: validation: accuracy=0.1\n") + len("saved\n")) + 23 == entry.bytes
    assert 0 == entry.reconnections


def test_a_process_that_takes_over_counts_nothing_twice(make_home: MakeHome) -> None:
    """It reads the log from its beginning; the entry is what has been read of the log, not by whom."""
    home = begun(make_home)
    home.restart()
    home.step_until(lambda: home.store.ledger(JobKind.TRAINING, "job-1")[0].reconnections == 1)
    home.restart()
    (entry,) = ended(home)

    assert (7, 7, 4, 3, 0) == counts(entry)
    assert 2 == entry.reconnections
    assert 3 == len(home.store.observations("job-1"))


def test_a_job_that_was_interrupted_has_an_entry_for_each_container(make_home: MakeHome) -> None:
    """Together they are the log of the host."""
    home = begun(make_home, **SPOT)
    home.store.request_interruption("job-1", Interruption.WITH_NOTICE)
    home.step_until(lambda: SecondaryStatus.INTERRUPTED in {one.status for one in home.store.transitions("job-1")})
    first, second = ended(home)

    assert (0, first.lines) == (first.first_line, second.first_line)
    assert (7, 0, True) == (second.lines, second.gaps, second.is_read_back)


def test_a_log_that_lost_lines_is_said_in_the_ledger_and_in_a_warning(make_home: MakeHome) -> None:
    """Somebody let the engine rotate the log: the job goes on, and its owner is told."""
    home = begun(make_home)
    del home.engine.container(home.container_of("job-1")).frames[0]
    (entry,) = ended(home)
    (warning,) = home.store.warnings("job-1")

    assert 1 == entry.gaps
    assert "lines of the log of algo-1 may be missing" in warning


def test_observations_and_ledger_are_written_together_or_not_at_all(
    make_home: MakeHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the entry cannot be written, the observations are not there either."""
    home = begun(make_home)
    (entry,) = home.store.ledger(JobKind.TRAINING, "job-1")
    before = home.store.observations("job-1")

    def full(_entry: LedgerEntry) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(home.store, "_write_ledger", full)
    home.engine.advance()
    with pytest.raises(StoreError):
        home.step_until(lambda: False, most=50)

    assert before == home.store.observations("job-1")
    assert [entry] == home.store.ledger(JobKind.TRAINING, "job-1")


def test_a_log_that_went_with_its_container_is_unknown_and_no_gap(make_home: MakeHome) -> None:
    """Somebody removed it before a line was read: the entry stays not read back, and the job starts again."""
    home = make_home(three_epochs)
    for _ in range(2):
        home.engine.refuse_next("log", ContainerNotFound("it is being removed"))
    home.store.create_training_job(training_request(), now=home.clock())
    home.step_until(lambda: home.store.training_job("job-1").status is SecondaryStatus.TRAINING)
    home.engine.remove(home.container_of("job-1"))
    home.step_until(lambda: bool(home.store.training_job("job-1").losses))
    entries = home.store.ledger(JobKind.TRAINING, "job-1")

    assert [(0, 0, 0, 0, 0)] == [counts(entry) for entry in entries]
    assert not entries[0].is_read_back
