"""Jobs on several hosts, interrupted jobs and processing jobs in real containers that have nothing but a shell."""

import tarfile
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, finish, wait_until, write_job
from job_requests import training_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL, HOST_LABEL

pytestmark = pytest.mark.docker

TWO_HOSTS = {"InstanceType": "ml.t3.medium", "InstanceCount": 2}

#: Which host this container is, from its resourceconfig.json.
ME = r"""
me=$(sed 's/.*"current_host": "\([^"]*\)".*/\1/' /opt/ml/input/config/resourceconfig.json)
"""

#: Each host has a number, the second sends its own to the first over the private network, which adds them up; both end.
#: A listening nc that is not told what to run closes its side at once, as its input is empty, and the sender may leave
#: at that before it has sent anything.
SUM = (
    ME
    + """
if [ "$me" = algo-1 ]; then
  mkdir -p /tmp
  nc -l -p 7777 -e sh -c 'read other; echo $other >/tmp/other'
  read other </tmp/other
  echo "validation: accuracy=0.$((2 + other))"
  echo $((2 + other)) > /opt/ml/model/sum
else
  until echo 3 | nc algo-1 7777; do sleep 0.1; done
fi
"""
)

#: The first host waits for ever, as a peer in a collective operation would; the second says that it is there.
WAITS = ME + 'echo "here is $me"; while :; do sleep 0.1; done'

#: Counts to four with a checkpoint at each step, and waits at two until it has been interrupted.
COUNTS = """
mkdir -p /opt/ml/checkpoints
n=$(cat /opt/ml/checkpoints/n 2>/dev/null || echo 0)
[ -z "$(ls /opt/ml/model)" ] || exit 9
began=$n
while [ $n -lt 4 ]; do
  n=$((n + 1))
  echo $n > /opt/ml/checkpoints/n
  echo $n > /opt/ml/model/n
  echo "step $n: validation: accuracy=0.$n"
  [ $n -eq 2 ] && [ $began -eq 0 ] && while :; do sleep 0.1; done
done
true
"""


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


def job_file(tmp_path: Path, image: str, **members: Any) -> str:
    """The file of a training job without channels."""
    return write_job(tmp_path / "job.yaml", training_request("job", image=image, **members))


def log(algodock: CommandLine, host: str = "algo-1") -> list[str]:
    """The lines of a host's log."""
    path = algodock.home / "jobs" / "job" / "logs" / f"{host}.log"
    return path.read_text().splitlines() if path.exists() else []


def nothing_is_left(engine: DockerEngine, home: Path) -> bool:
    """Whether the engine has neither containers nor networks of the home."""
    labels = {HOME_LABEL: str(home)}
    return not engine.containers(labels) and not engine.networks(labels)


@pytest.mark.every_engine
@pytest.mark.parametrize("isolated", [False, True], ids=["connected", "isolated"])
def test_two_hosts_train_together_over_their_network(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path, isolated: bool
) -> None:
    """They find each other by the names in resourceconfig.json, also where nothing else can be reached."""
    job = job_file(tmp_path, shell_algorithm(SUM), ResourceConfig=TWO_HOSTS, EnableNetworkIsolation=isolated)
    run = algodock.run("train", job)

    assert 0 == run.returncode, run.stdout + run.stderr
    with tarfile.open(algodock.home / "jobs" / "job" / "output" / "model.tar.gz") as tar:
        assert b"5\n" == tar.extractfile("sum").read()  # type: ignore[union-attr]
    assert 0.5 == algodock.summary("job")["metrics"]["validation:accuracy"]["last"]
    assert nothing_is_left(engine, algodock.home)


def test_a_host_that_is_killed_has_the_job_start_again_as_often_as_it_may(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """By somebody, which is no doing of its own; the other hosts are ended, though they would wait for ever."""
    job = job_file(
        tmp_path,
        shell_algorithm(f"trap 'exit 1' TERM; {WAITS}"),
        ResourceConfig=TWO_HOSTS,
        RetryStrategy={"MaximumRetryAttempts": 1},
    )
    with algodock.start("train", job) as process:
        for lives in (1, 2):
            wait_until(lambda lives=lives: ["here is algo-2"] * lives == log(algodock, "algo-2"), "the second host")  # type: ignore[misc]
            (second,) = engine.containers({HOME_LABEL: str(algodock.home), HOST_LABEL: "algo-2"})
            engine.signal(second.container_id, "SIGKILL")
        run = finish(process)
    summary = algodock.summary("job")

    assert (1, "Failed") == (run.returncode, summary["status"])
    assert summary["failure_reason"].startswith("InternalServerError: lost for the 2nd time: ")
    assert nothing_is_left(engine, algodock.home)


def test_a_job_on_one_host_finds_itself_by_its_name(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """The official toolkit waits a quarter of an hour for that; with and without a network."""
    script = "grep -c '^127.0.0.1[[:space:]]*algo-1$' /etc/hosts"
    for isolated in (False, True):
        job = job_file(tmp_path, shell_algorithm(script), EnableNetworkIsolation=isolated)
        run = algodock.run("train", job, *(["--again"] if isolated else []))

        assert 0 == run.returncode, run.stdout + run.stderr
    assert ["1", "1"] == [
        (algodock.home / "jobs" / name / "logs" / "algo-1.log").read_text().splitlines()[0] for name in ("job", "job-2")
    ]


def test_an_interrupted_job_goes_on_from_its_checkpoint(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """With a new container, an empty model folder, and one log."""
    job = job_file(
        tmp_path,
        shell_algorithm(COUNTS),
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
        CheckpointConfig={"S3Uri": f"file://{tmp_path}/kept"},
    )
    with algodock.start("train", job) as process:
        wait_until(lambda: 2 == len(log(algodock)), "two steps")
        interrupted = algodock.run("interrupt", "job", "--no-notice")
        run = finish(process)
    summary = algodock.summary("job")

    assert (0, 0) == (interrupted.returncode, run.returncode), interrupted.stderr + run.stderr
    assert [f"step {n}: validation: accuracy=0.{n}" for n in range(1, 5)] == log(algodock)
    assert 4 == summary["metrics"]["validation:accuracy"]["count"]
    assert ["Pending", "Starting", "Training", "Interrupted", "Starting", "Training", "Uploading", "Completed"] == [
        transition["status"] for transition in summary["transitions"]
    ]


def test_a_container_gets_what_its_instance_type_has(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Half of its memory as /dev/shm; what the machine lacks is said."""
    script = "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d ' ' -f 2"
    image = shell_algorithm(script)
    job = job_file(tmp_path, image, ResourceConfig={"InstanceType": "ml.t3.medium", "InstanceCount": 1})
    small = algodock.run("train", job)
    job = job_file(tmp_path, image, ResourceConfig={"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 1})
    large = algodock.run("train", job, "--again", "--gpus-per-job", "0")

    assert (0, [str(2 * 2**20)]) == (small.returncode, log(algodock)), small.stdout + small.stderr
    assert 0 == large.returncode, large.stdout + large.stderr
    assert "ml.p4d.24xlarge has 96 processors, and this machine has" in large.stdout


@pytest.mark.every_engine
def test_a_processing_job_shares_its_input_among_its_hosts(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Each cleans its share; what they wrote comes together."""
    (tmp_path / "raw").mkdir()
    for name in "abc":
        (tmp_path / "raw" / name).write_text(f"{name}\n")
    script = """
    cd /opt/ml/processing
    for f in raw/*; do tr a-z A-Z < $f > clean/${f#raw/}; done
    ls raw > /opt/ml/output/message
    """
    image = shell_algorithm(script, 'CMD ["train"]')
    job = write_job(
        tmp_path / "job.yaml",
        {
            "ProcessingJobName": "job",
            "AppSpecification": {"ImageUri": image},
            "ProcessingInputs": [
                {
                    "InputName": "raw",
                    "S3Input": {
                        "S3Uri": f"file://{tmp_path}/raw",
                        "LocalPath": "/opt/ml/processing/raw",
                        "S3DataType": "S3Prefix",
                        "S3InputMode": "File",
                        "S3DataDistributionType": "ShardedByS3Key",
                    },
                }
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "clean",
                        "S3Output": {
                            "S3Uri": f"file://{tmp_path}/clean",
                            "LocalPath": "/opt/ml/processing/clean",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
            "ProcessingResources": {"ClusterConfig": {**TWO_HOSTS, "VolumeSizeInGB": 1}},
        },
    )
    run = algodock.run("process", job)

    assert 0 == run.returncode, run.stdout + run.stderr
    assert {"a": "A\n", "b": "B\n", "c": "C\n"} == {
        path.name: path.read_text() for path in (tmp_path / "clean").iterdir()
    }
    assert "a\nc\nb\n" == algodock.summary("job")["exit_message"]
    assert nothing_is_left(engine, algodock.home)
