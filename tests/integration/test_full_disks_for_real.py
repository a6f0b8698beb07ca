"""Containers that fill the disks of their host, on small disks of the test's own: the home's, and a whole engine's."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import docker
import pytest
from command_line import CommandLine, finish, write_job
from job_requests import training_request
from private_engine import PrivateEngine
from shell_image import import_shell_image
from small_disks import small_disk

from tuner.engine.docker_engine import DockerEngine

pytestmark = [pytest.mark.docker, pytest.mark.docker_only("a Docker engine of the test's own has a small disk")]

_MEGABYTES = 128
#: Half of the disk, so that its last quarter is left for a busy machine to notice.
_PROFILE = 'free_disk = "64m"'

#: Each writes little by little, for ever: a test cannot be quicker than a program that fills a disk at once.
PRINTS = "while :; do head -c 600000 /dev/zero | tr '\\0' x | fold -w 4000; sleep 0.2; done"
WRITES = "i=0; while :; do head -c 1000000 /dev/zero >/{place}/$i; i=$((i + 1)); sleep 0.1; done"
#: Works beside them, writes a little, and comes to its end.
WORKS = "i=0; while [ $i -lt 40 ]; do echo $i; sleep 0.2; i=$((i + 1)); done; echo done >/opt/ml/model/weights"


@pytest.fixture(scope="module")
def cramped(request: pytest.FixtureRequest, engine: DockerEngine) -> Iterator[tuple[Path, str]]:
    """A small disk with everything on it, homes and an engine with a storage driver: the folder, and its address."""
    folder = Path(mkdtemp(prefix="adfull-", dir="/tmp"))
    try:
        with small_disk(folder, _MEGABYTES):
            private = PrivateEngine(f"--storage-driver={request.param}", images=folder / "engine")
            private.start()
            try:
                yield folder, private.host
            finally:
                private.close()
    finally:
        folder.rmdir()


Train = Callable[[str], tuple[str, str]]


@pytest.fixture
def beside(cramped: tuple[Path, str], tmp_path: Path) -> Iterator[Train]:
    """Runs a script and WORKS side by side in a home on the small disk; returns why it failed, and how WORKS ended."""
    folder, host = cramped
    home = folder / "home"
    home.mkdir()
    (home / "algodock.toml").write_text(_PROFILE)

    def run(script: str) -> tuple[str, str]:
        api = docker.APIClient(base_url=host)
        images = {
            name: import_shell_image(api, "algodock-test/full", name, text, labels={})
            for name, text in (("bad", script), ("good", WORKS))
        }
        api.close()
        algodock = CommandLine(home, {"DOCKER_HOST": host, "ALGODOCK_GPUS": ""})
        files = [
            write_job(tmp_path / f"{name}.yaml", training_request(name, image=image)) for name, image in images.items()
        ]
        with algodock.start("train", files[1]) as good:
            bad = algodock.run("train", files[0])
            finish(good)
        assert 1 == bad.returncode, bad.stdout + bad.stderr
        return algodock.summary("bad")["failure_reason"], algodock.summary("good")["status"]

    yield run
    shutil.rmtree(home)


@pytest.mark.parametrize(
    ("cramped", "script", "named"),
    [
        ("overlay2", PRINTS, "its log"),
        ("overlay2", WRITES.format(place="opt/ml/model"), "/opt/ml/model"),
        ("overlay2", WRITES.format(place="tmp"), "files outside of what is mounted"),
        ("vfs", WRITES.format(place="tmp"), "files outside of what is mounted"),
    ],
    ids=["log", "model", "layer", "layer of copies"],
    indirect=["cramped"],
)
def test_who_fills_the_disk_fails_alone(beside: Train, script: str, named: str) -> None:
    """Through its log, below /opt/ml, or anywhere else: it is stopped in time, told why, and the other job lives."""
    reason, other = beside(script)

    assert reason.startswith("AlgorithmError: stopped for filling the disk at ")
    assert f" in {named}" in reason
    assert "Completed" == other
