"""What every engine does: inherited by the tests of each implementation of `tuner.engine.protocol.Engine`.

A subclass brings the fixtures `engine`, `image_of` (makes an image that runs a `Program`) and `run_labels`.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from engine_programs import COPIES, DEAF, GREETS, LONG_LINE, OBEYS, SHOWS, TALKS, UNTIL_GO, WRITES, Program

from tuner.engine.protocol import Address, ContainerSpec, ContainerStatus, Engine, LogFrame, Mount, Stream
from tuner.errors import ContainerNotFound, EngineRejected, ImageNotFound, NameTaken

#: How long a container may take to do what a test waits for, in seconds.
DEADLINE_SECONDS = 30.0

_numbers = count(1)


#: Makes an image that runs a program, and returns its reference.
ImageOf = Callable[[Program], str]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fail after DEADLINE_SECONDS."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def run(engine: Engine, container_id: str) -> int:
    """Start a container, wait for its end, and return its exit code."""
    engine.start(container_id)
    eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)
    exit_code = engine.state(container_id).exit_code
    assert exit_code is not None
    return exit_code


def lines(frames: Iterator[LogFrame] | Sequence[LogFrame]) -> list[tuple[Stream, str]]:
    """The outputs as text, a frame an entry."""
    return [(frame.stream, frame.payload.decode()) for frame in frames]


class EngineConformance:
    """The tests that every engine passes."""

    @pytest.fixture
    def create(self, engine: Engine, image_of: ImageOf, run_labels: Mapping[str, str]) -> Iterator[Callable[..., str]]:
        """Creates a container of a program and returns its id; removed after the test, which frees its ports."""
        made: list[str] = []

        def create(program: Program, **settings: object) -> str:
            defaults = {"name": unique_name(), "arguments": ("train",), "environment": {}, "labels": run_labels}
            made.append(engine.create(ContainerSpec(image=image_of(program), **(defaults | settings))))  # type: ignore[arg-type]
            return made[-1]

        yield create
        for container_id in made:
            engine.remove(container_id)

    def test_it_is_known_what_a_container_has_written(
        self, engine: Engine, create: Callable[..., str], tmp_path: Path, run_labels: Mapping[str, str]
    ) -> None:
        """Beside its mounts and on its log; of its mounts those that it can write to."""
        (tmp_path / "input").mkdir()
        mounts = (
            Mount(source=tmp_path, target="/opt/ml/model"),
            Mount(source=tmp_path / "input", target="/opt/ml/input", read_only=True),
        )
        container_id = create(WRITES, mounts=mounts)
        run(engine, container_id)
        found = engine.writings(container_id)

        assert found.layer_bytes >= 300_000
        assert found.log_bytes is None or found.log_bytes >= len("written\n")
        assert {"/opt/ml/model": tmp_path} == found.folders
        assert not found.volumes
        assert run_labels.items() <= found.labels.items()

    def test_a_container_goes_from_created_to_exited(self, engine: Engine, create: Callable[..., str]) -> None:
        """Its exit code is the program's, and the engine says when it started and ended."""
        container_id = create(TALKS)
        before = engine.state(container_id)
        exit_code = run(engine, container_id)
        after = engine.state(container_id)

        assert (ContainerStatus.CREATED, None, None) == (before.status, before.exit_code, before.started_at)
        assert 5 == exit_code
        assert after.started_at is not None
        assert after.finished_at is not None
        assert after.started_at <= after.finished_at
        assert not after.oom_killed

    def test_both_outputs_are_read_in_order(self, engine: Engine, create: Callable[..., str]) -> None:
        """Each frame says which output it came from; the timestamps do not run backwards."""
        container_id = create(TALKS)
        run(engine, container_id)
        frames = list(engine.frames(container_id, follow=False))

        assert [(Stream.STDOUT, "one\n"), (Stream.STDERR, "two\n"), (Stream.STDOUT, "three\n")] == lines(frames)
        assert sorted(frame.timestamp for frame in frames) == [frame.timestamp for frame in frames]

    def test_a_second_reading_gives_the_same_frames(self, engine: Engine, create: Callable[..., str]) -> None:
        """Order, cut and timestamps are the same whenever, and however, the log is read."""
        container_id = create(LONG_LINE)
        run(engine, container_id)
        first = list(engine.frames(container_id, follow=False))

        assert first == list(engine.frames(container_id, follow=False))
        assert first == list(engine.frames(container_id, follow=True))

    def test_a_long_line_comes_in_pieces_without_losing_a_byte(
        self, engine: Engine, create: Callable[..., str]
    ) -> None:
        """A frame is not a line; the last line need not be complete."""
        container_id = create(LONG_LINE)
        run(engine, container_id)
        payloads = [frame.payload for frame in engine.frames(container_id, follow=False)]

        assert b"x" * 40_000 + b"\nend" == b"".join(payloads)
        assert len(payloads) > 2

    def test_following_delivers_output_while_the_container_runs(
        self, engine: Engine, create: Callable[..., str], tmp_path: Path
    ) -> None:
        """The first line arrives before the program goes on; the iterator ends with the container.

        What it delivers is the beginning of the log, not surely all of it: see `Engine.frames`.
        """
        container_id = create(UNTIL_GO, mounts=(Mount(source=tmp_path, target="/opt/ml"),))
        engine.start(container_id)
        seen: list[LogFrame] = []
        follower = threading.Thread(target=lambda: seen.extend(engine.frames(container_id, follow=True)))
        one_by_one = engine.frames(container_id, follow=True)
        first = next(one_by_one)
        follower.start()
        running = engine.state(container_id).status
        (tmp_path / "go").touch()
        eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)
        follower.join(DEADLINE_SECONDS)

        assert ContainerStatus.RUNNING == running
        whole = list(engine.frames(container_id, follow=False))
        followed = [first, *one_by_one]

        assert ["waiting\n", "going\n"] == [text for _, text in lines(whole)]
        assert whole[: len(seen)] == seen
        assert whole[: len(followed)] == followed
        assert not follower.is_alive()

    def test_a_created_container_has_no_output(self, engine: Engine, create: Callable[..., str]) -> None:
        """Reading the log of one that never started gives nothing, and no error."""
        assert [] == list(engine.frames(create(TALKS), follow=False))

    def test_sigterm_reaches_the_program(self, engine: Engine, create: Callable[..., str]) -> None:
        """The program is PID 1 and ends in its own way."""
        container_id = create(OBEYS)
        engine.start(container_id)
        eventually(lambda: bool(list(engine.frames(container_id, follow=False))))
        engine.signal(container_id, "SIGTERM")
        eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)

        assert 7 == engine.state(container_id).exit_code

    def test_sigkill_ends_a_program_that_ignores_sigterm(self, engine: Engine, create: Callable[..., str]) -> None:
        """Its exit code is then 137."""
        container_id = create(DEAF)
        engine.start(container_id)
        eventually(lambda: bool(list(engine.frames(container_id, follow=False))))
        engine.signal(container_id, "SIGTERM")
        still = engine.state(container_id).status
        engine.signal(container_id, "SIGKILL")
        eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)

        state = engine.state(container_id)

        assert ContainerStatus.RUNNING == still
        assert 137 == state.exit_code
        # Some engines tell that there were signals, and not which: of the last one the exit code tells.
        assert ["SIGTERM", "SIGKILL"][-1 if engine.facts().is_podman else 0 :] == list(
            engine.signals(container_id, state)
        )

    def test_an_engine_came_up_before_its_containers(self, engine: Engine, create: Callable[..., str]) -> None:
        """Where it tells; and nobody has sent a signal to one that ends by itself."""
        container_id = create(TALKS)
        run(engine, container_id)
        state, came_up = engine.state(container_id), engine.started_at()

        assert state.started_at is not None
        assert came_up is None or came_up < state.started_at
        assert [] == list(engine.signals(container_id, state))

    def test_a_signal_to_an_ended_container_is_no_error(self, engine: Engine, create: Callable[..., str]) -> None:
        """It may have ended a moment before."""
        container_id = create(TALKS)
        run(engine, container_id)
        engine.signal(container_id, "SIGTERM")

        assert 5 == engine.state(container_id).exit_code

    def test_removing_kills_and_is_no_error_twice(self, engine: Engine, create: Callable[..., str]) -> None:
        """After it the container is unknown."""
        container_id = create(DEAF)
        engine.start(container_id)
        engine.remove(container_id)
        engine.remove(container_id)

        with pytest.raises(ContainerNotFound):
            engine.state(container_id)

    def test_containers_are_found_by_all_their_labels(
        self, engine: Engine, create: Callable[..., str], run_labels: Mapping[str, str]
    ) -> None:
        """Created and ended ones are found too; one that lacks a label is not."""
        mark = unique_name()
        other = create(TALKS, labels={**run_labels, "mark": mark, "kind": "b"})
        name = unique_name()
        wanted = create(TALKS, name=name, labels={**run_labels, "mark": mark, "kind": "a=1, b"})
        run(engine, other)
        (found,) = engine.containers({"mark": mark, "kind": "a=1, b"})

        assert (wanted, name, ContainerStatus.CREATED) == (found.container_id, found.name, found.status)
        assert "a=1, b" == found.labels["kind"]
        assert {wanted, other} == {one.container_id for one in engine.containers({"mark": mark})}

    def test_a_name_is_given_once(self, engine: Engine, create: Callable[..., str]) -> None:
        """A second container of the same name is refused, and the text names it."""
        name = unique_name()
        create(TALKS, name=name)

        with pytest.raises(NameTaken, match=name):
            create(TALKS, name=name)

    def test_mounts_are_read_and_written(self, engine: Engine, create: Callable[..., str], tmp_path: Path) -> None:
        """A read-only mount can be read only; the other's files are on this host afterwards."""
        (tmp_path / "in").mkdir()
        (tmp_path / "out").mkdir()
        (tmp_path / "in" / "word").write_text("hello")
        mounts = (
            Mount(source=tmp_path / "in", target="/opt/ml/input", read_only=True),
            Mount(source=tmp_path / "out", target="/opt/ml/output"),
        )
        exit_code = run(engine, create(COPIES, mounts=mounts))

        assert 0 == exit_code
        assert "hello" == (tmp_path / "out" / "word").read_text()
        assert not (tmp_path / "in" / "other").exists()

    def test_a_missing_mount_source_is_refused(
        self, engine: Engine, create: Callable[..., str], tmp_path: Path
    ) -> None:
        """The engine does not make folders of its own, and the text names the one that is missing."""
        with pytest.raises(EngineRejected, match="nowhere"):
            create(COPIES, mounts=(Mount(source=tmp_path / "nowhere", target="/opt/ml/input"),))

        assert not (tmp_path / "nowhere").exists()

    def test_the_environment_is_passed_verbatim(self, engine: Engine, create: Callable[..., str]) -> None:
        """Blanks, quotes and equals signs arrive as they are; without GPUs the container is told so."""
        greeting = 'say "hi" = it\'s $HOME'
        container_id = create(SHOWS, environment={"GREETING": greeting})
        run(engine, container_id)

        assert [(Stream.STDOUT, f"{greeting} void\n")] == lines(engine.frames(container_id, follow=False))

    def test_a_published_port_is_reached_on_this_host(self, engine: Engine, create: Callable[..., str]) -> None:
        """On the loopback, where the engine says, as soon as the program listens."""
        container_id = create(GREETS, published_ports={8080: 0})
        engine.start(container_id)
        address = engine.address(container_id, 8080)
        heard: list[bytes] = []
        caller = threading.Thread(target=lambda: heard.append(greeting(address)))
        caller.start()
        eventually(lambda: engine.state(container_id).status is ContainerStatus.RUNNING and bool(heard))
        caller.join()

        assert ("127.0.0.1", [b"hello\n"]) == (address.host, heard)

    def test_a_port_of_this_host_may_be_chosen_and_is_given_once(
        self, engine: Engine, create: Callable[..., str]
    ) -> None:
        """A second container that wants it is refused at its start, and the text names the port."""
        port = free_port()
        first, second = (create(DEAF, published_ports={8080: port}) for _ in range(2))
        engine.start(first)

        with pytest.raises(EngineRejected, match=r"(?i)address already in use|port is already allocated"):
            engine.start(second)
        assert port == engine.address(first, 8080).port

    def test_a_port_that_is_not_published_has_no_address(self, engine: Engine, create: Callable[..., str]) -> None:
        """Nor has one of a container that does not run: not yet, or no longer."""
        published = create(TALKS, published_ports={8080: 0})
        with pytest.raises(EngineRejected, match="8080"):
            engine.address(published, 8080)
        run(engine, published)
        other = create(DEAF)
        engine.start(other)

        for container_id in (published, other):
            with pytest.raises(EngineRejected, match="8080"):
                engine.address(container_id, 8080)

    def test_an_unknown_image_is_not_found(self, engine: Engine, run_labels: Mapping[str, str]) -> None:
        """Asking for it, and creating from it, both name the image."""
        reference = "algodock-test/no-such-image:1"
        spec = ContainerSpec(name=unique_name(), image=reference, environment={}, labels=run_labels)

        with pytest.raises(ImageNotFound, match=reference):
            engine.image(reference)
        with pytest.raises(ImageNotFound, match=reference):
            engine.create(spec)

    def test_an_unknown_container_is_not_found(self, engine: Engine) -> None:
        """Each question about it says so."""
        name = unique_name()

        for ask in (
            lambda: engine.start(name),
            lambda: engine.state(name),
            lambda: engine.address(name, 8080),
            lambda: engine.signal(name, "SIGTERM"),
            lambda: list(engine.frames(name, follow=False)),
            lambda: list(engine.frames(name, follow=True)),
        ):
            with pytest.raises(ContainerNotFound):
                ask()

    def test_an_image_is_described(self, engine: Engine, image_of: ImageOf) -> None:
        """Its digest, size and architecture are known."""
        facts = engine.image(image_of(TALKS))

        assert facts.digest.startswith("sha256:")
        assert facts.size_bytes > 0
        assert facts.architecture

    def test_the_engine_describes_itself(self, engine: Engine) -> None:
        """Version, processors, memory and time are known."""
        facts = engine.facts()

        assert facts.version
        assert facts.cpus > 0
        assert facts.memory_bytes > 0
        assert facts.system_time > 0

    def test_asking_for_no_gpu_is_always_granted(self, engine: Engine, image_of: ImageOf) -> None:
        """The check with no ids asks for nothing."""
        engine.check_gpus(image_of(TALKS), ())


def greeting(address: Address) -> bytes:
    """What a program says to whoever connects to it; waits until one listens."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((address.host, address.port), timeout=5) as connection:
            if heard := connection.recv(100):
                return heard
        time.sleep(0.01)
    return b""


def free_port() -> int:
    """A port of this host that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def unique_name() -> str:
    """A container name that no other test has, on an engine that several runs may share."""
    return f"algodock-test-{time.time_ns():x}-{next(_numbers)}"
