"""Ctrl-C, `stop` and `down`: how jobs end before their time."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands_in_process import Run

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer, Program
from tuner.engine.isolation import APART_LABEL, APART_NETWORK
from tuner.engine.protocol import HOME_LABEL, ContainerSpec
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store


def endless(container: FakeContainer) -> Iterator[None]:
    """Runs until SIGTERM, on which it ends well."""
    container.on_signal("SIGTERM", lambda: 0)
    container.print("accuracy=0.5")
    while True:
        yield


def deaf(container: FakeContainer) -> Iterator[None]:
    """Runs until SIGKILL."""
    while True:
        yield


def interrupting(*numbers: signal.Signals) -> Program:
    """A program that sends these signals to `algodock`, one at each step, and runs until SIGTERM.

    Of several containers the first that comes to it sends one.
    """
    left = iter(numbers)

    def program(container: FakeContainer) -> Iterator[None]:
        for number in left:
            yield
            os.kill(os.getpid(), number)
        container.on_signal("SIGTERM", lambda: 0)
        while True:
            yield

    return program


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interruption_stops_the_job_and_waits(
    run: Run, training_file: Path, engine: FakeEngine, number: signal.Signals
) -> None:
    """The containers get SIGTERM; the exit code is that of a stopped job."""
    engine.images["algorithm:1"] = interrupting(number)

    outcome = run("train", training_file)

    assert 4 == outcome.code
    assert "Stopping: containers get SIGTERM and up to 120 s." in outcome.out
    assert ["SIGTERM"] == engine.removed[0].signals


def test_the_second_interruption_detaches_and_says_how_to_come_back(
    run: Run, training_file: Path, engine: FakeEngine
) -> None:
    """The container goes on, and `stop` takes the job to its end."""
    engine.images["algorithm:1"] = _interrupt_twice

    outcome = run("train", training_file)

    assert 130 == outcome.code
    assert "`algodock stop one` waits until it has" in outcome.err
    assert 1 == len(engine.containers({}))


def _interrupt_twice(container: FakeContainer) -> Iterator[None]:
    container.on_signal("SIGTERM", lambda: os.kill(os.getpid(), signal.SIGINT))
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        yield


def test_a_closed_terminal_detaches_at_once(run: Run, tuning_file: Path, engine: FakeEngine) -> None:
    """Nothing is stopped: the containers go on, and the same command goes on with the job."""
    engine.images["algorithm:1"] = interrupting(signal.SIGHUP)

    outcome = run("tune", tuning_file)

    assert 130 == outcome.code
    assert f"`algodock tune {tuning_file}` goes on with digits" in outcome.err
    assert [[], []] == [engine.container(one.container_id).signals for one in engine.containers({})]


def test_signals_are_answered_as_before_once_a_command_is_over(run: Run, tuning_file: Path) -> None:
    """Whoever calls `main` keeps their own ways with Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)

    run("tune", tuning_file)

    assert before == signal.getsignal(signal.SIGINT)


@pytest.fixture
def running_job(run: Run, tuning_file: Path, engine: FakeEngine) -> str:
    """A tuning job with two running trials that nobody works."""
    engine.images["algorithm:1"] = interrupting(signal.SIGHUP)
    assert 130 == run("tune", tuning_file).code
    return "digits"


def test_stop_does_the_work_where_nobody_else_does(run: Run, running_job: str, engine: FakeEngine) -> None:
    """It waits until the job is stopped and its containers are gone."""
    outcome = run("stop", running_job)

    assert (0, "") == (outcome.code, outcome.err)
    assert "digits is Stopped." in outcome.out
    assert () == tuple(engine.containers({}))


def test_stop_leaves_the_work_to_the_process_that_does_it(run: Run, running_job: str, home: Path) -> None:
    """While another process holds the home, `stop` only asks and waits."""
    lock = ControllerLock(home / "controller.lock")
    lock.acquire()
    waits = iter(range(3))

    def sleep(_seconds: float) -> None:
        if next(waits, None) is None:
            lock.release()

    outcome = run("stop", running_job, sleep=sleep)

    assert 0 == outcome.code
    assert "takes over if it ends" in outcome.out


def test_ctrl_c_while_stop_waits_does_not_wait_any_longer(run: Run, training_file: Path, engine: FakeEngine) -> None:
    """The job stays asked to stop."""
    engine.images["algorithm:1"] = _interrupt_twice
    run("train", training_file)

    outcome = run("stop", "one")

    assert 130 == outcome.code
    assert "`algodock stop one` waits again." in outcome.err


def test_what_has_ended_cannot_be_stopped(run: Run, tuning_file: Path) -> None:
    """The text is the service's."""
    run("tune", tuning_file)

    outcome = run("stop", "digits")

    assert 2 == outcome.code
    assert "The request was rejected because the tuning job is in status Completed." in outcome.err


def test_down_asks_first(run: Run, running_job: str, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A no changes nothing."""
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: "n")

    outcome = run("down")

    assert 0 == outcome.code
    assert "1 unfinished job (digits), 2 containers" in outcome.out
    assert "Nothing was changed." in outcome.out
    assert 2 == len(engine.containers({}))


def test_down_stops_all_jobs_and_leaves_no_container(
    run: Run, running_job: str, engine: FakeEngine, home: Path, store: Store
) -> None:
    """Also containers that no job knows of; containers of other homes stay."""
    for name, of in (("stray", str(home)), ("foreign", "/another/home")):
        spec = ContainerSpec(name=name, image="algorithm:1", environment={}, labels={HOME_LABEL: of})
        engine.create(spec)

    outcome = run("down", "--yes")

    assert 0 == outcome.code
    assert "1 container that no job knew removed" in outcome.out
    assert ["foreign"] == [one.name for one in engine.containers({})]
    assert "Stopped" == store.tuning_job("digits").status


def test_down_leaves_the_network_of_all_homes_where_another_has_just_begun_to_use_it(
    run: Run, running_job: str, engine: FakeEngine
) -> None:
    """It looked for others' containers a moment before: here there is one whose label it does not see."""
    engine.create_network(APART_NETWORK, {APART_LABEL: "true"}, internal=False)
    engine.create(
        ContainerSpec(name="new", image="algorithm:1", environment={}, labels={}, private_network=APART_NETWORK)
    )

    outcome = run("down", "--yes")

    assert 0 == outcome.code, outcome.out
    assert [APART_NETWORK] == [network.name for network in engine.networks({APART_LABEL: "true"})]


def test_down_now_does_not_wait_for_containers_that_ignore_sigterm(
    run: Run, training_file: Path, engine: FakeEngine, store: Store
) -> None:
    """They are killed, and their jobs are Stopped all the same."""
    engine.images["algorithm:1"] = _hang_up_and_be_deaf
    run("train", training_file)

    outcome = run("down", "--yes", "--now")

    assert 0 == outcome.code
    assert "Stopped" == store.training_job("one").status
    assert "SIGKILL" in engine.removed[0].signals


def _hang_up_and_be_deaf(container: FakeContainer) -> Iterator[None]:
    yield
    os.kill(os.getpid(), signal.SIGHUP)
    yield from deaf(container)


@pytest.mark.parametrize("content", [None, "this is no database"])
def test_down_works_when_the_database_is_gone(
    run: Run, running_job: str, engine: FakeEngine, home: Path, content: str | None
) -> None:
    """The label on the containers is enough."""
    for path in home.glob("algodock.db*"):
        path.unlink()
    if content is not None:
        (home / "algodock.db").write_text(content)

    outcome = run("down", "--yes")

    assert 0 == outcome.code
    assert () == tuple(engine.containers({}))


def test_down_with_nothing_to_do_says_so(run: Run) -> None:
    """It does not ask either."""
    outcome = run("down")

    assert 0 == outcome.code
    assert "Nothing of " in outcome.out


def test_down_removes_what_was_downloaded_when_it_is_told_to(run: Run, home: Path) -> None:
    """And says how much room that gave; without the option nothing is touched."""
    kept = home / "cache" / "objects" / "ab" / "cd"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(100_000))
    run("down", "--yes")
    before = kept.exists()
    outcome = run("down", "--yes", "--cache")

    assert (0, True, False) == (outcome.code, before, kept.exists())
    assert "had been downloaded from S3" in outcome.out
