"""A session on a fake engine, whose images are Python functions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tuner import Session
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.profile import HostProfile


def learns(run: FakeContainer) -> Iterator[None]:
    """Three epochs whose accuracy is best at a learning rate of 0.1, and a model."""
    rate = float(run.hyperparameters["learning_rate"])
    for epoch in (1, 2, 3):
        run.print(f"[Epoch {epoch}] validation: accuracy={epoch / 4 - abs(rate - 0.1):.6f}")
        yield
    run.write_model(f"weights of {rate}")


def fails(run: FakeContainer) -> int:
    """Prints the objective, then writes a failure file and exits 1."""
    run.print("validation: accuracy=0.99")
    return run.fail("no images in /opt/ml/input/data/training")


def waits(run: FakeContainer) -> Iterator[None]:
    """Goes on until SIGTERM."""
    run.print("waiting")
    run.on_signal("SIGTERM", lambda: 0)
    while True:
        yield


class FastClock:
    """Goes on a second each time somebody looks, so that nothing has to be waited for."""

    def __init__(self) -> None:
        self._now = 1_790_000_000.0

    def __call__(self) -> float:
        """The time now, in seconds since the epoch."""
        self._now += 1
        return self._now


@pytest.fixture
def clock() -> FastClock:
    """The clock of the session and of its engine."""
    return FastClock()


@pytest.fixture
def engine(clock: FastClock) -> FakeEngine:
    """An engine with an image that learns, one that fails, one that never ends."""
    return FakeEngine({"team/cifar10:1": learns, "fails": fails, "waits": waits}, clock=clock, auto_advance=True)


@pytest.fixture
def said() -> list[str]:
    """What the session has told people, line by line."""
    return []


@pytest.fixture
def session(tmp_path: Path, engine: FakeEngine, clock: FastClock, said: list[str]) -> Iterator[Session]:
    """A session with a home of its own, on the fake engine."""
    with Session(
        HostProfile(home=tmp_path / "home"), engine=engine, gpus=(), say=said.append, clock=clock, poll_seconds=0.01
    ) as session:
        yield session
    engine.drop_followers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, for a channel."""
    path = tmp_path / "data"
    path.mkdir()
    (path / "train.rec").write_bytes(b"images")
    return path
