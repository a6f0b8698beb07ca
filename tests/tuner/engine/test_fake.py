"""The engine in memory: what every engine does, and what a test can do to it."""

import threading
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from engine_conformance import EngineConformance, ImageOf, lines
from engine_programs import DEAF, TALKS, Program
from network_conformance import NetworkConformance

from tuner.engine.fake import FakeEngine, FakeImage
from tuner.engine.fake_container import FakeContainer
from tuner.engine.protocol import ContainerSpec, ContainerStatus, LogFrame, Mount, Stream
from tuner.errors import ContainerNotFound, EngineRejected, EngineUnreachable, GpuUnavailable, ImageNotFound


def a_spec(image: str = "img", **settings: object) -> ContainerSpec:
    """A container of `image` with as little as possible."""
    defaults: dict[str, object] = {"name": "c", "environment": {}, "labels": {}}
    return ContainerSpec(image=image, **(defaults | settings))  # type: ignore[arg-type]


class TestConformance(EngineConformance, NetworkConformance):
    """The fake engine is an engine."""

    @pytest.fixture
    def engine(self) -> FakeEngine:
        """An engine whose containers move on when they are asked for their state."""
        return FakeEngine(auto_advance=True)

    @pytest.fixture
    def image_of(self, engine: FakeEngine) -> ImageOf:
        """Images are Python programs."""
        numbers = count(1)

        def image_of(program: Program) -> str:
            reference = f"program:{next(numbers)}"
            engine.images[reference] = program.python
            return reference

        return image_of


def two_epochs(run: FakeContainer) -> Iterator[None]:
    """Prints a line, stands still, prints another."""
    run.print("one")
    yield
    run.print("two")


def test_a_program_stands_still_at_its_yield() -> None:
    """So a test sees the container running, and says when it goes on."""
    engine = FakeEngine({"img": two_epochs})
    container_id = engine.create(a_spec())
    engine.start(container_id)
    first = engine.state(container_id).status
    engine.advance()

    assert (ContainerStatus.RUNNING, ContainerStatus.EXITED) == (first, engine.state(container_id).status)
    assert [(Stream.STDOUT, "one\n"), (Stream.STDOUT, "two\n")] == lines(engine.frames(container_id, follow=False))


def test_the_time_of_a_container_is_the_engines_clock() -> None:
    """Start, end and timestamps come from the clock given."""
    now = [1_000_000.5]
    engine = FakeEngine({"img": two_epochs}, clock=lambda: now[0])
    container_id = engine.create(a_spec())
    engine.start(container_id)
    now[0] += 60
    engine.advance("c")
    state = engine.state(container_id)

    assert (1_000_000.5, 1_000_060.5) == (state.started_at, state.finished_at)
    assert "1970-01-12T13:46:40.500000000Z" == next(engine.frames(container_id, follow=False)).timestamp


def test_a_program_reads_and_writes_the_mounted_tree(tmp_path: Path) -> None:
    """Hyperparameters come from the staged file; the model and the failure text land on this host."""

    def train(run: FakeContainer) -> int:
        run.write_model(run.hyperparameters["lr"])
        return run.fail("no luck", exit_code=3)

    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text('{"lr": "0.1"}')
    engine = FakeEngine({"img": train})
    container_id = engine.create(a_spec(mounts=(Mount(source=tmp_path, target="/opt/ml"),)))
    engine.start(container_id)

    assert 3 == engine.state(container_id).exit_code
    assert "0.1" == (tmp_path / "model" / "model.bin").read_text()
    assert "no luck" == (tmp_path / "output" / "failure").read_text()


def test_what_a_program_raises_is_its_own_failure() -> None:
    """The container exits with 1 and a traceback, as a Python program would."""

    def broken(run: FakeContainer) -> int:
        raise ValueError("bad learning rate")

    engine = FakeEngine({"img": broken})
    container_id = engine.create(a_spec())
    engine.start(container_id)

    assert 1 == engine.state(container_id).exit_code
    assert (Stream.STDERR, "ValueError: bad learning rate\n") == lines(engine.frames(container_id, follow=False))[-1]


def test_an_unreachable_engine_answers_nothing() -> None:
    """Every question raises until it is reachable again; its containers are still there then."""
    engine = FakeEngine({"img": DEAF.python})
    container_id = engine.create(a_spec())
    engine.reachable = False

    for ask in (engine.facts, lambda: engine.state(container_id), lambda: engine.containers({})):
        with pytest.raises(EngineUnreachable):
            ask()
    engine.reachable = True
    assert ContainerStatus.CREATED == engine.state(container_id).status


def test_a_follower_is_dropped_half_way() -> None:
    """Its iterator ends without an error while the container runs on: the trap of real log streams."""
    engine = FakeEngine({"img": two_epochs})
    container_id = engine.create(a_spec())
    engine.start(container_id)
    seen: list[LogFrame] = []
    follower = threading.Thread(target=lambda: seen.extend(engine.frames(container_id, follow=True)))
    follower.start()
    engine.drop_followers()
    follower.join(10)

    assert not follower.is_alive()
    assert ContainerStatus.RUNNING == engine.state(container_id).status


def test_the_next_follower_ends_after_so_many_frames() -> None:
    """A lost connection without threads: the first following reading is short, the next is whole."""
    engine = FakeEngine({"img": TALKS.python})
    container_id = engine.create(a_spec())
    engine.start(container_id)
    engine.drop_next_follower_after(1)

    assert 1 == len(list(engine.frames(container_id, follow=True)))
    assert 3 == len(list(engine.frames(container_id, follow=True)))


def test_gpus_that_are_not_there_are_refused() -> None:
    """At the check and at the start; the created container stays, as with Docker."""
    engine = FakeEngine({"img": TALKS.python}, gpus=("GPU-a",))
    engine.check_gpus("img", ("GPU-a",))
    container_id = engine.create(a_spec(gpu_ids=("GPU-b",)))

    with pytest.raises(GpuUnavailable, match="GPU-b"):
        engine.check_gpus("img", ("GPU-a", "GPU-b"))
    with pytest.raises(GpuUnavailable, match="GPU-b"):
        engine.start(container_id)
    assert ContainerStatus.CREATED == engine.state(container_id).status


def test_a_program_sees_the_gpus_it_was_given() -> None:
    """By the variable that NVIDIA's runtime sets."""

    def show(run: FakeContainer) -> None:
        run.print(run.environment["NVIDIA_VISIBLE_DEVICES"])

    engine = FakeEngine({"img": show}, gpus=("GPU-a", "GPU-b"))
    container_id = engine.create(a_spec(gpu_ids=("GPU-a", "GPU-b")))
    engine.start(container_id)

    assert [(Stream.STDOUT, "GPU-a,GPU-b\n")] == lines(engine.frames(container_id, follow=False))


def test_an_image_without_a_train_program_cannot_be_started() -> None:
    """The refusal names the entry point; the container was never running."""
    engine = FakeEngine({"img": FakeImage(program=None)})
    container_id = engine.create(a_spec(arguments=("train",)))

    with pytest.raises(EngineRejected, match="train"):
        engine.start(container_id)
    assert "train" in engine.state(container_id).error


def test_a_refusal_can_be_ordered() -> None:
    """The next call of that method raises it, the one after works again."""
    engine = FakeEngine({"img": TALKS.python})
    engine.refuse_next("create", EngineRejected("no space left on device"))

    with pytest.raises(EngineRejected, match="no space"):
        engine.create(a_spec())
    engine.create(a_spec())


def test_a_container_can_be_ended_from_outside() -> None:
    """For instance by the kernel when memory runs out."""
    engine = FakeEngine({"img": DEAF.python})
    container_id = engine.create(a_spec())
    engine.start(container_id)
    engine.finish("c", 137, oom_killed=True)
    state = engine.state(container_id)

    assert (137, True) == (state.exit_code, state.oom_killed)


def test_a_pull_finds_what_the_registry_has() -> None:
    """Afterwards the image is there; what the registry lacks is not found."""
    engine = FakeEngine()
    engine.registry["img"] = TALKS.python
    told: list[str] = []
    engine.pull("img", told.append)

    assert "Pull complete" == told[-1]
    assert engine.image("img").size_bytes > 0
    with pytest.raises(ImageNotFound):
        engine.pull("other", told.append)


def test_a_removed_container_can_still_be_looked_at() -> None:
    """What it was told is seen in `removed`; the engine itself knows it no more."""
    engine = FakeEngine({"img": DEAF.python})
    container_id = engine.create(a_spec())
    engine.start(container_id)
    engine.signal(container_id, "SIGTERM")
    engine.remove(container_id)

    assert ["SIGTERM", "SIGKILL"] == engine.removed[0].signals
    with pytest.raises(ContainerNotFound):
        engine.container("c")


@pytest.fixture
def run_labels() -> Mapping[str, str]:
    """Nothing to sweep in memory."""
    return {}
