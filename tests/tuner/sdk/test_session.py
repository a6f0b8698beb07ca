"""A session: the loop, Ctrl-C, and another process on the same home."""

import os
import signal
import threading
from pathlib import Path

import pytest

import tuner
from tuner import Estimator, HyperparameterTuner, Session
from tuner.engine.fake import FakeEngine
from tuner.errors import EngineUnreachable, ResourceNotFound
from tuner.store.lock import ControllerLock
from tuner.work.interruptions import Detached


def begin(session: Session, image: str = "waits", name: str = "endless") -> None:
    """Submit a training job and let it begin."""
    Estimator(image, sagemaker_session=session, hyperparameters={"learning_rate": 0.1}).fit(wait=False, job_name=name)


class Presses:
    """Presses Ctrl-C in chosen rounds of a run."""

    def __init__(self, *rounds: int) -> None:
        self.rounds = rounds
        self.round = 0

    def __call__(self) -> None:
        self.round += 1
        for _ in range(self.rounds.count(self.round)):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_stops_the_job_gracefully(session: Session) -> None:
    """The container gets SIGTERM, the run goes on until the job is Stopped."""
    begin(session)
    session.run_until_finished("endless", Presses(2))

    assert "Stopped" == session.store.training_job("endless").primary_status


def test_the_second_ctrl_c_leaves_the_container_running(session: Session) -> None:
    """Detached: the job is there to come back to, and its container goes on."""
    begin(session)
    with pytest.raises(Detached):
        session.run_until_finished("endless", Presses(2, 2))

    assert not session.store.training_job("endless").is_finished


def test_python_code_sees_the_second_ctrl_c_as_keyboard_interrupt(session: Session, said: list[str]) -> None:
    """What a notebook expects; it is told how to come back."""
    begin(session)
    tuner_job = Estimator.attach("endless", session).latest_training_job
    assert tuner_job is not None
    session.run_until_finished = _raise_detached  # type: ignore[method-assign, assignment] # what the loop does after two presses

    with pytest.raises(KeyboardInterrupt):
        tuner_job.wait(logs="None")
    assert "Estimator.attach('endless').latest_training_job.wait()" in said[-1]


def _raise_detached(*_: object) -> None:
    raise Detached


def test_python_interrupts_as_before_once_the_run_is_over(session: Session) -> None:
    """The handler is put back."""
    before = signal.getsignal(signal.SIGINT)
    begin(session, "team/cifar10:1", "short")
    session.run_until_finished("short")

    assert before is signal.getsignal(signal.SIGINT)


def test_a_run_in_another_thread_works_without_signals(tmp_path: Path, engine: FakeEngine, said: list[str]) -> None:
    """Python delivers signals to the main thread only; the run must not trip over that."""
    ended: list[bool] = []

    def work() -> None:
        with Session(
            tuner.HostProfile(home=tmp_path / "other"),
            engine=engine,
            gpus=(),
            say=said.append,
            poll_seconds=0.01,
        ) as session:
            begin(session, "team/cifar10:1", "short")
            session.run_until_finished("short")
            ended.append(session.is_finished("short"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=60)

    assert [True] == ended


def test_a_run_follows_while_another_process_works_the_home_and_takes_over(session: Session, said: list[str]) -> None:
    """Nothing is done twice; when the lock comes free, the run goes on by itself."""
    begin(session, "team/cifar10:1", "short")
    other = ControllerLock(session.profile.lock)
    other.acquire()
    rounds = 0

    def free_the_lock_later() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 5:
            assert not session.is_finished("short")
            other.release()

    session.run_until_finished("short", free_the_lock_later)

    assert "Completed" == session.store.training_job("short").primary_status
    assert any("Following it" in line for line in said)


def test_two_jobs_of_a_home_are_worked_by_one_run(session: Session) -> None:
    """Waiting for one job works all of them."""
    begin(session, "team/cifar10:1", "one")
    begin(session, "team/cifar10:1", "two")
    session.run_until_finished("one")
    session.run_until_finished("two")

    assert ["Completed", "Completed"] == [job.primary_status for job in session.store.training_jobs()]


def test_an_engine_that_never_answered_is_an_error_at_once(session: Session, engine: FakeEngine) -> None:
    """Nothing is recorded: the image cannot even be looked at."""
    engine.reachable = False

    with pytest.raises(EngineUnreachable):
        begin(session)
    assert [] == session.store.training_jobs()


def test_an_engine_that_comes_back_finds_its_jobs_going_on(
    session: Session, engine: FakeEngine, said: list[str]
) -> None:
    """A restart of the daemon in the middle of a job costs nothing but time."""
    begin(session, "team/cifar10:1", "short")
    rounds = 0

    def away_for_a_while() -> None:
        nonlocal rounds
        rounds += 1
        engine.reachable = rounds not in range(1, 4)

    session.run_until_finished("short", away_for_a_while)

    assert "Completed" == session.store.training_job("short").primary_status


def test_waiting_for_a_job_that_does_not_exist_says_so(session: Session) -> None:
    """And takes no lock."""
    with pytest.raises(ResourceNotFound, match="There is no training job called nobody"):
        session.run_until_finished("nobody")


def test_a_session_without_gpus_given_asks_the_profile(tmp_path: Path) -> None:
    """A profile that names GPUs is believed."""
    with Session(tuner.HostProfile(home=tmp_path, gpus=("GPU-1", "GPU-2"))) as session:
        assert ("GPU-1", "GPU-2") == session.gpus


def test_the_default_session_is_that_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimator("image") needs nothing more: the home is that of the commands."""
    monkeypatch.setenv("ALGODOCK_HOME", str(tmp_path / "here"))
    from tuner.sdk.session import default_session

    default_session.cache_clear()
    session = HyperparameterTuner(Estimator("image"), "m", {}).sagemaker_session

    assert tmp_path / "here" == session.profile.home
    assert session is Estimator("other").sagemaker_session
    session.close()
    default_session.cache_clear()
