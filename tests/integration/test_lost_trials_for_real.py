"""A trial whose container somebody removes each time it starts, on the real engine: it costs no trial."""

from contextlib import suppress
from pathlib import Path

import pytest
from command_line import CommandLine, finish, wait_until, write_job
from job_requests import tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, JOB_LABEL
from tuner.errors import ContainerNotFound
from tuner.store.sqlite_store import Store

pytestmark = [pytest.mark.docker, pytest.mark.every_engine]

#: Half a second, so that there is time to take the container away.
LEARNS = """
echo "validation: accuracy=0.5"
sleep 0.5
echo model > /opt/ml/model/weights
"""


def test_a_trial_that_loses_every_container_is_tried_again_as_another(
    home: Path, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """With its configuration; as many trials as asked for come to a model, and nothing is left on the engine."""
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    request = tuning_request(
        image=shell_algorithm(LEARNS), jobs=3, parallel=1, RetryStrategy={"MaximumRetryAttempts": 1}
    )
    job = write_job(tmp_path / "job.yaml", request)

    def second_is_lost() -> bool:
        with Store(home / "algodock.db") as store:
            second = next((trial for trial in store.training_jobs() if trial.trial_index == 2), None)
        for container in () if second is None else engine.containers({JOB_LABEL: second.name}):
            with suppress(ContainerNotFound):
                engine.remove(container.container_id)
        return second is not None and second.is_finished

    with algodock.start("tune", job) as process:
        wait_until(lambda: second_is_lost() or process.poll() is not None, "the loss of trial 2", 120)
        run = finish(process)
    shown = algodock.summary("tune")
    trials = {trial["trial"]: trial for trial in shown["trials"]}

    assert 0 == run.returncode, run.stderr
    assert "trial 3 started in place of trial 2: learning_rate " in run.stdout
    assert (3, 3) == (shown["trials_done"], shown["trials_total"])
    assert [(1, False), (2, True), (2, False), (3, False)] == [
        (trials[index]["place"], trials[index]["lost"]) for index in (1, 2, 3, 4)
    ]
    assert trials[2]["failure_reason"].startswith("InternalServerError: lost for the 2nd time: ")
    assert trials[2]["hyperparameters"] == trials[3]["hyperparameters"]
    assert all(trials[index]["model"] for index in (1, 3, 4))
    assert [] == list(engine.containers({HOME_LABEL: str(home)}))
