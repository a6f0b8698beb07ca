"""The container engine dies in the middle of a tuning job, and comes back."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from command_line import CommandLine, finish, wait_until, write_job
from job_requests import tuning_request
from private_engine import PrivateEngine
from shell_image import import_shell_image

from tuner.engine.docker_engine import DockerEngine

pytestmark = [pytest.mark.docker, pytest.mark.docker_only("a Docker engine of the test's own is killed")]

COUNTS = "for i in 1 2 3 4 5 6 7 8 9; do echo validation: accuracy=0.$i; sleep 0.3; done"


@pytest.fixture
def private_engine(engine: DockerEngine) -> Iterator[PrivateEngine]:
    """An engine of this test's own; where there is no ordinary one there is nothing to make it from."""
    private = PrivateEngine()
    private.start()
    yield private
    private.close()


def test_a_dead_engine_is_waited_for_and_the_job_goes_on(
    private_engine: PrivateEngine, home: Path, tmp_path: Path
) -> None:
    """The command says what it waits for; trials whose containers died are over, the others run, the job completes."""
    api = docker.APIClient(base_url=private_engine.host)
    image = import_shell_image(api, "algodock-test/shell", "away", COUNTS, labels={})
    api.close()
    algodock = CommandLine(home, {"DOCKER_HOST": private_engine.host, "ALGODOCK_GPUS": ""})
    job = write_job(tmp_path / "job.yaml", tuning_request(image=image, jobs=4))
    said: list[str] = []
    with algodock.start("tune", job) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "epoch" in line and "of" not in line:
                private_engine.kill()
                break
        for line in process.stdout:
            said.append(line)
            if "Trying again" in line:
                private_engine.start()
                break
        run = finish(process)
    summary = algodock.summary("tune")

    assert run.returncode == 0, "".join(said) + run.stdout + run.stderr
    assert "answers again" in run.stdout + run.stderr
    assert "Completed" == summary["status"]
    assert 4 == len(list((home / "jobs").iterdir()))


def test_a_command_that_was_killed_with_its_engine_goes_on_later(
    private_engine: PrivateEngine, home: Path, tmp_path: Path
) -> None:
    """The power plug: everything is gone at once; later both start again, and the same command completes the job."""
    api = docker.APIClient(base_url=private_engine.host)
    image = import_shell_image(api, "algodock-test/shell", "plug", COUNTS, labels={})
    api.close()
    algodock = CommandLine(home, {"DOCKER_HOST": private_engine.host, "ALGODOCK_GPUS": ""})
    job = write_job(tmp_path / "job.yaml", tuning_request(image=image, jobs=4))
    with algodock.start("tune", job) as process:
        wait_until(lambda: any(home.glob("jobs/*/logs/algo-1.log")), "a first trial")
        private_engine.kill()
        process.kill()
    private_engine.start()
    run = algodock.run("tune", job)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "Completed" == algodock.summary("tune")["status"]
    assert 4 == len(list((home / "jobs").iterdir()))
