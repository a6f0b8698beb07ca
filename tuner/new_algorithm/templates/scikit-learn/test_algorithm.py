"""The algorithm without a container, in a second: `pytest`. `algodock check` looks at the image."""

import re
import shutil
from pathlib import Path

import algorithm

from container.algorithm import StopRequest
from container.app import create_app
from container.environment import read_environment
from contracts.hyperparameters import decode_hyperparameters
from contracts.paths import OptMlLayout

HERE = Path(__file__).parent


def train(folder):
    """Train as in a container, with `folder` as its /opt/ml; return the folder of the model."""
    layout = OptMlLayout(folder)
    shutil.copytree(HERE / "data", layout.data)
    hyperparameters = decode_hyperparameters({"epochs": "10"}, algorithm.hyperparameters)
    algorithm.fit(read_environment(layout, {}), hyperparameters, StopRequest())
    return layout.model


def test_it_learns_and_prints_its_metrics(tmp_path, capsys):
    """A line for each epoch, with what tuning-job.yaml looks for; the last one is good."""
    model = train(tmp_path)
    losses = re.findall(r"validation: loss=([0-9.]+)", capsys.readouterr().out)

    assert len(losses) == 10
    assert float(losses[-1]) < 0.5
    assert (model / "model.joblib").exists()


def test_it_serves_what_it_trained(tmp_path):
    """A CSV in, a row of probabilities for each of its rows out."""
    client = create_app(algorithm.load(train(tmp_path))).test_client()
    body = (HERE / "request.csv").read_bytes()
    answer = client.post("/invocations", data=body, content_type="text/csv").get_json()

    labels = [one["predicted_label"] for one in answer["predictions"]]
    assert labels == ["cultivar-1", "cultivar-2", "cultivar-3"]


def test_it_refuses_what_is_no_instance(tmp_path):
    """The caller's mistake is a 400, with a text."""
    client = create_app(algorithm.load(train(tmp_path))).test_client()
    answer = client.post("/invocations", json={"instances": [[1, 2]]})

    assert (answer.status_code, "expecting 13 features" in answer.text) == (400, True)
