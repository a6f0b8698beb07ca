"""What can be seen of the Docker engine's adapter without an engine: errors, and a connection that breaks."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import docker
import pytest
import requests
import urllib3

from tuner.engine import docker_engine
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.docker_errors import engine_errors, translation
from tuner.errors import ContainerNotFound, EngineError, EngineFailed, EngineRejected, EngineUnreachable, ImageNotFound


def exceptions_of(module: ModuleType) -> list[type[Exception]]:
    """All classes of errors, not of warnings, that a module defines."""
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)]
    own = [one for one in found if one.__module__ == module.__name__]
    return [one for one in own if not issubclass(one, Warning)]


FOREIGN = [
    *exceptions_of(docker.errors),
    *exceptions_of(requests.exceptions),
    *exceptions_of(urllib3.exceptions),
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_each_error_of_the_libraries_below_is_one_of_ours(foreign: type[Exception]) -> None:
    """An error that a new version of them brings fails here until it is mapped."""
    ours = translation(foreign)

    assert ours is not None
    assert issubclass(ours, EngineError)


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (docker.errors.ImageNotFound, ImageNotFound),
        (docker.errors.NotFound, ContainerNotFound),
        (docker.errors.APIError, EngineRejected),
        (docker.errors.InvalidVersion, EngineUnreachable),
        (requests.exceptions.ConnectionError, EngineUnreachable),
        (requests.exceptions.ReadTimeout, EngineUnreachable),
        (requests.exceptions.ChunkedEncodingError, EngineUnreachable),
        (urllib3.exceptions.ProtocolError, EngineUnreachable),
        (BrokenPipeError, EngineUnreachable),
        (TypeError, None),
    ],
)
def test_a_refusal_is_told_from_an_engine_that_is_not_there(
    foreign: type[Exception], ours: type[EngineError] | None
) -> None:
    """The first has an answer; and a mistake of ours is neither."""
    assert ours == translation(foreign)


def server_error(said: str) -> docker.errors.APIError:
    """An answer with the status of an engine's own failure."""
    answer = requests.Response()
    answer.status_code = 500
    return docker.errors.APIError("500", response=answer, explanation=said)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("container 1f: container 1f does not exist in database: no such container", ContainerNotFound),
        ("open /run/1f: input/output error", EngineFailed),
    ],
)
def test_a_container_that_goes_while_the_engine_answers_is_gone(said: str, ours: type[EngineError]) -> None:
    """Podman says so under the status of its own failures."""
    with pytest.raises(EngineError, match=f"container 1f: {said}") as caught, engine_errors("container 1f", "here"):
        raise server_error(said)
    assert ours is type(caught.value)


def test_a_missing_socket_is_explained(tmp_path: Path) -> None:
    """Where it was looked for, and what to do."""
    address = f"unix://{tmp_path}/no.sock"

    with pytest.raises(EngineUnreachable) as caught:
        DockerEngine(address).facts()
    assert (
        f"No container engine answers at {address}: nothing listens there. "
        "Start it (`sudo systemctl start docker`, or `make setup` in a checkout), or set DOCKER_HOST."
    ) == str(caught.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "foo://bar", "tcp://"])
def test_an_address_that_leads_nowhere_is_explained(address: str) -> None:
    """Refused, or not an address at all."""
    with pytest.raises(EngineUnreachable, match="set DOCKER_HOST"):
        DockerEngine(address).facts()


def test_a_socket_that_may_not_be_used_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The remedy is the group, not starting what runs already."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)  # tests may run as root, whom nothing is forbidden

    with pytest.raises(EngineUnreachable, match="usermod -aG docker"):
        DockerEngine(f"unix://{tmp_path}/docker.sock").facts()


def test_the_environment_says_where_the_engine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the `docker` command; an address given wins over it."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")

    assert "tcp://elsewhere:2375" == DockerEngine().host
    assert "unix:///my.sock" == DockerEngine("unix:///my.sock").host


#: A piece of a log as the engine sends it: header, timestamp, payload.
FRAME = b"\x01\0\0\0\0\0\0\x24" + b"2026-11-24T05:41:17.123456789Z hello"


class TestBrokenConnections:
    """A server that speaks just enough of the engine's API to break off in the middle of a log."""

    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[list[bytes]]:
        """What the server sends of a log before it closes the connection; empty for a whole, well-ended one."""
        body: list[bytes] = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "e.sock"))
        listener.listen()
        server = threading.Thread(target=self._serve, args=(listener, body), daemon=True)
        server.start()
        yield body
        listener.shutdown(socket.SHUT_RDWR)
        server.join(10)
        listener.close()

    @staticmethod
    def _serve(listener: socket.socket, body: list[bytes]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the fixture has ended
                return
            with connection:
                request = connection.recv(65536)
                if not request:  # only looked whether somebody listens
                    continue
                if b"/version" in request:
                    answer = b'{"ApiVersion": "1.41"}'
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
                else:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    connection.sendall(b"".join(body))

    @pytest.mark.parametrize("follow", [True, False])
    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param([b"24\r\n", FRAME[:20]], id="inside a chunk"),
            pytest.param([b"2c\r\n", FRAME, b"\r\n"], id="between chunks"),
            pytest.param([b"14\r\n", FRAME[:20], b"\r\n0\r\n\r\n"], id="ended in order, inside a frame"),
        ],
    )
    def test_a_log_that_breaks_off_is_an_error(
        self, served: list[bytes], tmp_path: Path, broken: list[bytes], follow: bool
    ) -> None:
        """It never looks like the end of the container's output."""
        served += broken

        with DockerEngine(f"unix://{tmp_path}/e.sock") as engine, pytest.raises(EngineUnreachable):
            list(engine.frames("c", follow=follow))

    def test_a_log_that_ends_in_order_is_whole(self, served: list[bytes], tmp_path: Path) -> None:
        """The same server, without the break."""
        served += [b"2c\r\n", FRAME, b"\r\n0\r\n\r\n"]
        with DockerEngine(f"unix://{tmp_path}/e.sock") as engine:
            payloads = [frame.payload for frame in engine.frames("c", follow=True)]

        assert [b"hello"] == payloads

    @pytest.mark.parametrize(("refusals", "is_made"), [(1, True), (4, True), (5, False)])
    def test_a_network_is_asked_for_again_where_an_interface_went(
        self, served: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, is_made: bool
    ) -> None:
        """Podman looks at all interfaces while those of other containers come and go; it is not asked for ever."""
        asked: list[str] = []

        def create_network(_: object, name: str, *__: object, **___: object) -> dict[str, str]:
            asked.append(name)
            if len(asked) <= refusals:
                raise server_error("route ip+net: no such network interface")
            return {"Id": "1f"}

        monkeypatch.setattr(docker.APIClient, "create_network", create_network)
        with (
            DockerEngine(f"unix://{tmp_path}/e.sock") as engine,
            nullcontext() if is_made else pytest.raises(EngineFailed),
        ):
            assert "1f" == engine.create_network("n", {}, internal=True)

        assert ["n"] * min(refusals + 1, 5) == asked


def test_the_sdk_is_imported_by_the_adapter_and_its_errors_alone() -> None:
    """Everything of it ends at the adapter; whoever else imports it would have to translate its errors too."""
    tuner = Path(docker_engine.__file__).parents[1]
    importing = [
        path.relative_to(tuner).as_posix()
        for path in tuner.rglob("*.py")
        if re.search(r"^\s*(import|from) docker\b", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert ["engine/connection.py", "engine/docker_engine.py", "engine/docker_errors.py"] == sorted(importing)
