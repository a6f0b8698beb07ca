"""A tuning job with two definitions on the real engine: two images, each with its own hyperparameters."""

import csv
import json
from pathlib import Path

import pytest
from command_line import CommandLine, write_job
from several_definitions import definition, several_request, texts
from shell_image import ShellAlgorithm

from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = pytest.mark.docker

#: Prints an accuracy that its one hyperparameter decides, and leaves a model that says which image made it.
PRINTS = """
set -e
value=$(sed -n 's/.*"{name}": "\\([^"]*\\)".*/\\1/p' /opt/ml/input/config/hyperparameters.json)
echo "validation: accuracy=$(awk "BEGIN {{ print {formula} }}")"
echo {name} > /opt/ml/model/weights
"""


def test_two_images_are_tuned_in_one_job(
    home: Path, shell_algorithm: ShellAlgorithm, engine: DockerEngine, tmp_path: Path
) -> None:
    """Further trials go to the better one, whose model is the best; the other's alternatives need no GPU."""
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    net, tree = (
        shell_algorithm(PRINTS.format(name=name, formula=formula))
        for name, formula in (("layers", "0.1 * $value"), ("depth", "0.5 + 0.1 * $value"))
    )
    gpu_or_not = [
        {"InstanceType": kind, "InstanceCount": 1, "VolumeSizeInGB": 1} for kind in ("ml.p3.2xlarge", "local")
    ]
    request = several_request(
        definition(
            "net",
            image=net,
            ranges=texts(layers=["1", "2", "3", "4"]),
            HyperParameterTuningResourceConfig={"InstanceConfigs": gpu_or_not, "AllocationStrategy": "Prioritized"},
        ),
        definition("tree", image=tree, ranges=texts(depth=["1", "2", "3", "4"])),
        jobs=4,
        parallel=1,
    )
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", request), "--json")
    summary = json.loads(run.stdout.splitlines()[-1])
    best = summary["best"]
    with (home / "tuning" / "tune" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert (0, "Completed") == (run.returncode, summary["status"]), run.stderr
    assert ["net", "tree", "tree", "tree"] == [row["training_job_definition"] for row in rows]
    assert "tree" == best["definition"]
    assert {"depth"} == set(best["hyperparameters"])
    assert max(float(row["objective"]) for row in rows) == best["value"]
    assert () == engine.containers({HOME_LABEL: str(home)})
