"""The real Docker engine: what every engine does, and what only a real one can show."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from engine_conformance import EngineConformance, ImageOf, eventually, lines, run, unique_name
from engine_programs import UNTIL_GO
from network_conformance import NetworkConformance
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import ContainerSpec, ContainerStatus, LogFrame, Mount, Stream
from tuner.errors import EngineRejected

pytestmark = pytest.mark.docker

#: More than the connections that the SDK keeps by default, and than the controller will ever need for a job's limit.
FOLLOWERS = 60


class TestConformance(EngineConformance, NetworkConformance):
    """The Docker engine is an engine."""

    @pytest.fixture
    def image_of(self, shell_algorithm: ShellAlgorithm) -> ImageOf:
        """Images are shell scripts."""
        return lambda program: shell_algorithm(program.script)


@pytest.fixture
def create(engine: DockerEngine, run_labels: Mapping[str, str]) -> Callable[..., str]:
    """Creates a container of an image and returns its id."""

    def create(image: str, **settings: object) -> str:
        defaults = {"name": unique_name(), "arguments": ("train",), "environment": {}, "labels": run_labels}
        return engine.create(ContainerSpec(image=image, **(defaults | settings)))  # type: ignore[arg-type]

    return create


def printed(engine: DockerEngine, container_id: str) -> str:
    """What the container prints on its standard output until it ends."""
    assert run(engine, container_id) == 0
    return "".join(text for stream, text in lines(engine.frames(container_id, follow=False)) if stream is Stream.STDOUT)


@pytest.mark.parametrize(
    ("script", "settings", "expected"),
    [
        pytest.param("grep NoNewPrivs /proc/self/status | cut -f 2", {}, "1\n", id="no new privileges"),
        pytest.param("ls /sys/class/net", {"network": False}, "lo\n", id="no network but itself"),
        pytest.param("hostname", {"hostname": "ip-10-0-0-1"}, "ip-10-0-0-1\n", id="host name"),
        pytest.param(
            "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d ' ' -f 2", {"shm_bytes": 2**20}, "1024\n", id="shm"
        ),
        pytest.param("exec cat /proc/1/comm", {}, "cat\n", id="the program is PID 1, no init before it"),
        pytest.param("[ -t 1 ] || echo plain", {}, "plain\n", id="no terminal"),
    ],
)
def test_a_container_gets_what_its_spec_says(
    engine: DockerEngine,
    create: Callable[..., str],
    shell_algorithm: ShellAlgorithm,
    *,
    script: str,
    settings: Mapping[str, object],
    expected: str,
) -> None:
    """Seen from inside the container."""
    assert expected == printed(engine, create(shell_algorithm(script), **settings))


def test_a_container_cannot_start_more_processes_than_allowed(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm
) -> None:
    """A fork bomb ends in the container that it was lit in."""
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 30 & done; exit 0"
    container_id = create(shell_algorithm(script), pids_limit=4)

    assert run(engine, container_id) != 0
    assert "fork" in "".join(text for _, text in lines(engine.frames(container_id, follow=False)))


def test_a_container_that_outgrows_its_memory_is_told_from_one_that_was_killed(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm
) -> None:
    """Exit code 137 either way; the engine knows that it was the memory."""
    container_id = create(shell_algorithm("exec tail /dev/zero"), memory_bytes=16 * 2**20)

    assert run(engine, container_id) == 137
    assert engine.state(container_id).oom_killed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(("nowhere",), '"nowhere" cannot be run.*not found in'), (("/etc/passwd",), '"/etc/passwd".*permission denied')],
)
def test_an_entry_point_that_cannot_be_run_is_named(
    engine: DockerEngine, create: Callable[..., str], shell_image: str, arguments: tuple[str, ...], expected: str
) -> None:
    """An image that does not follow the contract; its container was never running, and Docker remembers why."""
    container_id = create(shell_image, arguments=arguments)

    with pytest.raises(EngineRejected, match=expected):
        engine.start(container_id)
    state = engine.state(container_id)
    assert (ContainerStatus.CREATED, None) == (state.status, state.exit_code)
    assert arguments[0] in state.error or engine.facts().is_podman


def test_an_images_entry_point_is_kept_and_gets_the_argument(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm
) -> None:
    """As `docker run IMAGE train` does."""
    image = shell_algorithm('echo "$@"', 'ENTRYPOINT ["/usr/local/bin/train", "fixed"]')

    assert ("/usr/local/bin/train", "fixed") == engine.image(image).entry_point
    assert "fixed train\n" == printed(engine, create(image))
    assert "mine\n" == printed(engine, create(image, entry_point=("/bin/echo",), arguments=("mine",)))


def test_many_logs_are_followed_at_once(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Each follower holds a connection; the engine still answers questions meanwhile."""
    container_id = create(shell_algorithm(UNTIL_GO.script), mounts=(Mount(source=tmp_path, target="/opt/ml"),))
    engine.start(container_id)
    seen: list[list[LogFrame]] = [[] for _ in range(FOLLOWERS)]

    def follow(mine: list[LogFrame]) -> None:
        mine.extend(engine.frames(container_id, follow=True))

    followers = [threading.Thread(target=follow, args=(mine,)) for mine in seen]
    for follower in followers:
        follower.start()
    eventually(lambda: engine.state(container_id).status is ContainerStatus.RUNNING)
    (tmp_path / "go").touch()
    for follower in followers:
        follower.join(30)

    eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)
    whole = list(engine.frames(container_id, follow=False))

    assert [whole[: len(mine)] for mine in seen] == seen
    assert {whole[0]} == {mine[0] for mine in seen}


def test_no_output_is_lost_however_much_there_is(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm
) -> None:
    """Once it has ended, a reading has every line.

    A follower may have ended early: Docker 20.10 breaks off one that is behind when the container ends, in order and
    without a sign (2 of 25 times with this very program). What it did deliver is the beginning, without a gap.
    """
    container_id = create(shell_algorithm("seq 1 100000"))
    engine.start(container_id)
    followed = list(engine.frames(container_id, follow=True))
    eventually(lambda: engine.state(container_id).status is ContainerStatus.EXITED)
    whole = list(engine.frames(container_id, follow=False))

    assert b"".join(b"%d\n" % number for number in range(1, 100_001)) == b"".join(frame.payload for frame in whole)
    assert followed == whole[: len(followed)]


def test_a_log_reader_that_stops_early_frees_its_connection(
    engine: DockerEngine, create: Callable[..., str], shell_algorithm: ShellAlgorithm
) -> None:
    """Closing the iterator of a running container does not wait for more output."""
    container_id = create(shell_algorithm("echo one; while :; do sleep 0.1; done"))
    engine.start(container_id)
    frames = engine.frames(container_id, follow=True)
    first = next(frames)
    frames.close()  # type: ignore[attr-defined] # the Docker engine's is a generator

    assert b"one\n" == first.payload
    assert ContainerStatus.RUNNING == engine.state(container_id).status


@pytest.mark.parametrize("internal", [False, True], ids=["a network", "an internal network"])
def test_containers_of_a_private_network_find_each_other(
    engine: DockerEngine,
    create: Callable[..., str],
    shell_algorithm: ShellAlgorithm,
    run_labels: Mapping[str, str],
    internal: bool,
) -> None:
    """By their aliases, on any port; whether the network leads elsewhere is another matter."""
    network = unique_name()
    engine.create_network(network, run_labels, internal=internal)
    try:
        speaks = create(
            shell_algorithm("exec nc -ll -p 7777 -e echo hello"), private_network=network, aliases=("algo-1",)
        )
        asks = create(
            shell_algorithm("until nc algo-1 7777 </dev/null; do sleep 0.1; done"),
            private_network=network,
            aliases=("algo-2",),
        )
        engine.start(speaks)
        assert "hello\n" == printed(engine, asks)
        engine.remove(speaks)
        engine.remove(asks)
    finally:
        engine.remove_network(network)
