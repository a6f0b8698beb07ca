"""Fixtures for all tests: the real engine, tiny images, and a sweep that leaves nothing of ours behind.

What a test makes on an engine is found again by two labels: `RUN_LABEL` with this run's id (put `run_labels` into what
you create yourself), and the label of the home, which the product puts on its containers: homes of tests lie below
pytest's own temporary folder.
"""

import itertools
import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import hypothesis
import pytest
from shell_image import RUN_LABEL, BusyboxMissingError, ShellAlgorithm, import_shell_image

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, Engine
from tuner.errors import EngineError, EngineUnreachable

# An example that is slow because the machine is busy is no failure.
hypothesis.settings.register_profile("algodock", deadline=None, print_blob=True)
hypothesis.settings.load_profile("algodock")

# `nohup make test` begins with this signal ignored, and a program that is told to ignore it does.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

#: What `shell_image` does.
GREETING = 'echo "hello from $0"'


@pytest.fixture(scope="session")
def run_id() -> str:
    """What tells this run of the tests from all others, also those at the same time on the same engine."""
    return secrets.token_hex(4)


@pytest.fixture(scope="session")
def run_labels(run_id: str) -> Mapping[str, str]:
    """The labels that each container of a test carries, so that it is removed whatever happens."""
    return {RUN_LABEL: run_id}


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder below which all homes of this run lie."""
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of its own for each test; not yet made."""
    return tmp_path / "home"


def absent(reason: str) -> None:
    """Skip the test because the machine lacks something; in CI, where nothing may be lacking, fail it."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine(run_id: str, homes: Path) -> Iterator[DockerEngine]:
    """The container engine of this machine; without one the test is skipped, in CI it fails."""
    real = DockerEngine()
    try:
        real.facts()
    except EngineUnreachable as exc:
        absent(str(exc))
    yield real
    sweep(real, run_id, homes)
    real.close()


@pytest.fixture(scope="session")
def gpu_hook_engine() -> Iterator[DockerEngine]:
    """A private engine that accepts GPU requests without a GPU: it shows which ids a container was given, no more."""
    folder = tempfile.mkdtemp(prefix="adgpu-", dir="/tmp")  # short: it holds a socket
    program = Path(__file__).parents[1] / "bootstrap" / "gpu-hook-engine.sh"
    started = subprocess.run(
        [program, "start", folder, str(os.getpid())], capture_output=True, text=True, check=False, timeout=120
    )
    if started.returncode:
        Path(folder).rmdir()
        absent(f"no engine for GPU requests: {started.stderr.strip()}")
    with DockerEngine(started.stdout.strip()) as real:
        yield real
    subprocess.run([program, "stop", folder], check=True, timeout=120)


@pytest.fixture(scope="session")
def shell_image(engine: DockerEngine, run_id: str, homes: Path) -> Iterator[str]:
    """The reference of a tiny image with no Python in it; its ``train`` prints a greeting and ends well."""
    with shell_images(engine, run_id, homes) as make:
        yield make(GREETING)


@pytest.fixture
def gpu_hook_algorithm(gpu_hook_engine: DockerEngine, run_id: str, homes: Path) -> Iterator[ShellAlgorithm]:
    """Like `shell_algorithm`, on the engine of `gpu_hook_engine`."""
    with shell_images(gpu_hook_engine, run_id, homes) as make:
        yield make


@pytest.fixture
def shell_algorithm(engine: DockerEngine, run_id: str, homes: Path) -> Iterator[ShellAlgorithm]:
    """Makes an image whose ``train`` is the shell script given, in a fraction of a second; removed after the test."""
    with shell_images(engine, run_id, homes) as make:
        yield make


class shell_images:  # noqa: N801 - used like a function, in `with`
    """Images of shell scripts on `engine`, removed at the end of the block, after the containers that stand on them."""

    _numbers = itertools.count(1)

    def __init__(self, engine: DockerEngine, run_id: str, homes: Path) -> None:
        self._engine, self._run_id, self._homes = engine, run_id, homes
        self._made: list[str] = []
        self._api = docker.APIClient(base_url=engine.host)

    def __enter__(self) -> ShellAlgorithm:
        return self._make

    def _make(self, script: str, *changes: str) -> str:
        tag = f"{self._run_id}-{next(self._numbers)}"
        try:
            reference = import_shell_image(
                self._api, "algodock-test/shell", tag, script, labels={RUN_LABEL: self._run_id}, changes=changes
            )
        except BusyboxMissingError as exc:
            absent(str(exc))
            raise
        self._made.append(reference)
        return reference

    def __exit__(self, *_: object) -> None:
        sweep(self._engine, self._run_id, self._homes)
        for reference in self._made:
            try:
                self._api.remove_image(reference, force=True)
            except docker.errors.ImageNotFound:  # a test may remove its own
                continue
        self._api.close()


@pytest.fixture(autouse=True)
def _swept(request: pytest.FixtureRequest, run_id: str, homes: Path) -> Iterator[None]:
    """After a test that used an engine, remove what it left there, pass or fail."""
    names = [name for name in ("engine", "gpu_hook_engine") if name in request.fixturenames]
    used = [request.getfixturevalue(name) for name in names]
    yield
    for real in used:
        if isinstance(real, DockerEngine):  # a fake leaves nothing behind
            sweep(real, run_id, homes)


def sweep(engine: Engine, run_id: str, homes: Path) -> None:
    """Remove all containers and networks that carry this run's id, or whose home lies below `homes`."""
    try:
        found = engine.containers({})
    except EngineUnreachable:
        return
    for container in found:
        if _is_ours(container.labels, run_id, homes):
            try:
                engine.remove(container.container_id)
            except EngineError as exc:
                pytest.fail(f"left behind on the engine: {container.name}: {exc}")
    for network in engine.networks({}):
        if _is_ours(network.labels, run_id, homes):
            engine.remove_network(network.network_id)


def _is_ours(labels: Mapping[str, str], run_id: str, homes: Path) -> bool:
    home = labels.get(HOME_LABEL)
    return labels.get(RUN_LABEL) == run_id or (home is not None and Path(home).is_relative_to(homes))
