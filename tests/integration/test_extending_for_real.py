"""A tuning job that has ended is given more trials on the real engine, by processes that are killed."""

import signal
from pathlib import Path

import pytest
from command_line import CommandLine, write_job
from job_requests import tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

LEARNS = """
rate=$(sed -n 's/.*"learning_rate": "\\([^"]*\\)".*/\\1/p' /opt/ml/input/config/hyperparameters.json)
echo "validation: accuracy=$rate"
sleep 0.3
echo model > /opt/ml/model/weights
"""


def test_extended_or_not_but_nothing_in_between(
    home: Path, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Killed right after it said so, the job goes on with the plain command, and has each trial once."""
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(LEARNS), jobs=2))
    first = algodock.run("tune", job)
    with algodock.start("tune", job, "--extend", "3") as process:
        assert process.stdout is not None
        assert any("Extended tune by 3 trials." in line for line in process.stdout)
        process.send_signal(signal.SIGKILL)
    refused = algodock.run("tune", job, "--extend", "3")
    second = algodock.run("tune", job)
    shown = algodock.summary("tune")

    assert [0, 2, 0] == [first.returncode, refused.returncode, second.returncode]
    assert "only a job that has ended is extended" in refused.stderr
    assert ("Completed", 5, 5) == (shown["status"], shown["trials_done"], shown["trials_total"])
    assert [1, 2, 3, 4, 5] == sorted(trial["place"] for trial in shown["trials"])
    assert [] == list(engine.containers({HOME_LABEL: str(home)}))
