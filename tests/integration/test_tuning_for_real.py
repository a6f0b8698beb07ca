"""The main job on the real engine, with images that have no Python in them: run, interrupted, stopped, cleaned up."""

import csv
import json
import signal
import sqlite3
import subprocess
import tarfile
from pathlib import Path

import pytest
from command_line import CommandLine, finish, wait_until, write_job
from job_requests import channel, tuning_request
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

#: Reads its learning rate from the config file with sed, prints an accuracy from it, and writes a model.
LEARNS = """
set -e
config=/opt/ml/input/config/hyperparameters.json
rate=$(sed -n 's/.*"learning_rate": "\\([^"]*\\)".*/\\1/p' $config)
echo "started with learning rate $rate as $1 of $TRAINING_JOB_NAME" >&2
for epoch in 1 2 3; do
  echo "[Epoch $epoch] validation: accuracy=$(awk "BEGIN { print (1 - $rate) * $epoch / 3 }")"
done
cp $config /opt/ml/model/weights
echo done > /opt/ml/output/data/log
"""

#: Prints, then trains until it is told to stop; saves then.
WAITS = """
trap 'echo saved > /opt/ml/model/weights; exit 0' TERM
echo "validation: accuracy=0.5"
while true; do sleep 0.1; done
"""

#: Prints a line every tenth of a second, 30 in all.
COUNTS = """
i=0
while [ $i -lt 30 ]; do
  i=$((i + 1))
  echo "validation: accuracy=0.$(printf %03d $i)"
  sleep 0.1
done
"""


@pytest.fixture
def algodock(home: Path) -> CommandLine:
    """The command, with a home of its own; these images need no GPU, whatever the machine has."""
    return CommandLine(home, {"ALGODOCK_GPUS": ""})


def containers_of(engine: DockerEngine, home: Path) -> list[str]:
    """The names of all containers of a home."""
    return [container.name for container in engine.containers({HOME_LABEL: str(home)})]


def observations(home: Path) -> list[tuple[str, int, float]]:
    """All observations of a home, read as another program would; none as long as there is no home."""
    if not (home / "controller.lock").exists():  # made after the database
        return []
    with sqlite3.connect(home / "algodock.db") as db:
        return db.execute("SELECT training_job, line, value FROM observation ORDER BY training_job, line").fetchall()


def wait_for_observations(home: Path, count: int) -> None:
    """Wait until at least so many observations are recorded."""
    wait_until(lambda: len(observations(home)) >= count, f"{count} observations")


def wait_for_word(process: "subprocess.Popen[str]", word: str) -> None:
    """Read what a command says until it says `word`."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"ended without saying {word!r}")


def test_a_shell_script_is_tuned_from_job_file_to_model(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Table, CSV, picture and the winner's model; nothing is left on the engine."""
    image = shell_algorithm(LEARNS)
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.csv").write_text("1,2")
    job = write_job(
        tmp_path / "job.yaml", tuning_request(image=image, jobs=5, InputDataConfig=[channel("training", data)])
    )
    run = algodock.run("tune", job, "--json")
    summary = json.loads(run.stdout.splitlines()[-1])
    with (algodock.home / "tuning" / "tune" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    best = algodock.run("best", "tune", "--json")
    model = Path(json.loads(best.stdout)["model"])

    assert (0, 5) == (run.returncode, len(rows)), run.stderr
    assert "summary" == summary["event"]
    winner = min(rows, key=lambda row: float(row["learning_rate"]))
    assert winner["training_job"] == json.loads(best.stdout)["training_job"]
    assert float(winner["objective"]) == pytest.approx(1 - float(winner["learning_rate"]), abs=1e-5)
    with tarfile.open(model) as archive:
        content = archive.extractfile("weights")
        assert content is not None
        assert winner["learning_rate"] == json.load(content)["learning_rate"]
    assert "<html" in (algodock.home / "tuning" / "tune" / "report.html").read_text()
    assert 15 == len(observations(algodock.home))
    assert [] == containers_of(engine, algodock.home)


@pytest.mark.every_engine
def test_kill_9_in_the_middle_and_the_same_command_goes_on(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Running containers are adopted, every line is kept once, the number of trials is right."""
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(COUNTS), jobs=4))
    for lines in (5, 35):
        with algodock.start("tune", job) as process:
            wait_for_observations(algodock.home, lines)
            before = containers_of(engine, algodock.home)
            process.send_signal(signal.SIGKILL)
    run = algodock.run("tune", job)
    found = observations(algodock.home)
    names = {name for name, _, _ in found}

    assert run.returncode == 0, run.stderr
    assert "Going on" in run.stdout + run.stderr
    assert 2 == len(before)
    assert 4 == len(names)
    assert [(name, line, line / 1000) for name in sorted(names) for line in range(1, 31)] == found
    assert [] == containers_of(engine, algodock.home)


def test_the_first_ctrl_c_stops_gracefully(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Containers get SIGTERM and save; exit code 4; the models are there."""
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(WAITS), jobs=6))
    with algodock.start("tune", job) as process:
        wait_for_observations(algodock.home, 2)
        process.send_signal(signal.SIGINT)
        run = finish(process)
    models = list((algodock.home / "jobs").glob("*/output/model.tar.gz"))

    assert run.returncode == 4, run.stderr
    assert 2 == len(models)
    assert "Stopped" == algodock.summary("tune")["status"]
    assert [] == containers_of(engine, algodock.home)


def test_the_second_ctrl_c_detaches_and_down_cleans_up(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """A container that is deaf to SIGTERM goes on without us; `down --now` removes it, and says so."""
    deaf = "trap '' TERM\necho 'validation: accuracy=0.5'\nwhile true; do sleep 0.1; done"
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(deaf), jobs=6))
    with algodock.start("tune", job) as process:
        wait_for_observations(algodock.home, 2)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: algodock.summary("tune")["status"] == "Stopping", "the stop to be recorded")
        process.send_signal(signal.SIGINT)
        run = finish(process)
    left = containers_of(engine, algodock.home)
    down = algodock.run("down", "--yes", "--now")

    assert (130, 2) == (run.returncode, len(left)), run.stderr
    assert down.returncode == 0, down.stderr
    assert [] == containers_of(engine, algodock.home)
    assert "Stopped" == algodock.summary("tune")["status"]


def test_a_second_command_follows_and_takes_over(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Two runs with one name are one job: the second follows the first, and finishes it when the first dies."""
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(COUNTS), jobs=3))
    with algodock.start("tune", job) as first:
        wait_for_observations(algodock.home, 1)
        with algodock.start("tune", job) as second:
            wait_for_word(second, f"process {first.pid} works")
            first.send_signal(signal.SIGKILL)
            run = finish(second)

    assert run.returncode == 0, run.stderr
    assert 90 == len(observations(algodock.home))


def test_stop_from_another_terminal(algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path) -> None:
    """The command that works the home carries it out; both end."""
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(WAITS), jobs=6))
    with algodock.start("tune", job) as process:
        wait_for_observations(algodock.home, 2)
        stop = algodock.run("stop", "tune")
        run = finish(process)

    assert (0, 4) == (stop.returncode, run.returncode), stop.stderr + run.stderr


def test_logs_show_what_a_trial_printed(algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path) -> None:
    """Both streams, cleaned of what would steer the terminal."""
    script = "echo out; echo err >&2; printf 'a\\033[31mred\\033[0m\\n'; echo 'validation: accuracy=0.5'"
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(script), jobs=1))
    algodock.run("tune", job)
    (trial,) = (algodock.home / "jobs").iterdir()
    logs = algodock.run("logs", trial.name)

    assert ["ared", "err", "out", "validation: accuracy=0.5"] == sorted(logs.stdout.splitlines())


def test_metrics_survive_everything_that_a_log_can_be(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, tmp_path: Path
) -> None:
    """Progress bars, broken UTF-8, a very long line, several matches, an unfinished last line."""
    script = r"""
printf 'validation: accuracy=0.1\r'
printf 'validation: accuracy=0.2\r\n'
printf '\377\376 validation: accuracy=0.3\n'
head -c 100000 /dev/zero | tr '\0' x; printf ' validation: accuracy=0.4\n'
printf 'validation: accuracy=0.5 validation: accuracy=0.6\n'
printf 'validation: accu' ; sleep 0.3 ; printf 'racy=0.7\n'
printf 'validation: accuracy=0.8'
"""
    job = write_job(tmp_path / "job.yaml", tuning_request(image=shell_algorithm(script), jobs=1))
    run = algodock.run("tune", job)

    assert run.returncode == 0, run.stderr
    assert [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8] == [value for _, _, value in observations(algodock.home)]
