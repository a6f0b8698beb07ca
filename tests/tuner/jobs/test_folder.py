"""What is staged for a container."""

import json
from pathlib import Path
from typing import Any

from job_requests import channel, training_request

from contracts.jobs import TrainingJobSpec
from tuner.jobs.folder import JobFolder, stage


def staged(tmp_path: Path, **members: Any) -> tuple[JobFolder, dict[str, tuple[str, bool]]]:
    """A job staged in a folder, and its mounts: target to (source, read-only)."""
    folder = JobFolder(tmp_path / "job")
    mounts = stage(TrainingJobSpec.from_request(training_request(**members)), folder)
    return folder, {mount.target: (str(mount.source), mount.read_only) for mount in mounts}


def test_the_staged_tree_is_what_the_contract_says(tmp_path: Path) -> None:
    """The three documented files always, each as the contract writes it."""
    data = tmp_path / "data"
    data.mkdir()
    request = {"InputDataConfig": [channel("training", data, ContentType="text/csv")]}
    folder, _ = staged(tmp_path, **request)
    config = folder.opt_ml.config

    assert ["hyperparameters.json", "inputdataconfig.json", "resourceconfig.json"] == sorted(
        path.name for path in config.iterdir()
    )
    assert {"learning_rate": "0.1"} == json.loads((config / "hyperparameters.json").read_text())
    assert {
        "training": {
            "ContentType": "text/csv",
            "RecordWrapperType": "None",
            "S3DistributionType": "FullyReplicated",
            "TrainingInputMode": "File",
        }
    } == json.loads((config / "inputdataconfig.json").read_text())
    resource = json.loads((config / "resourceconfig.json").read_text())
    assert ("algo-1", ["algo-1"], "eth0") == (
        resource["current_host"],
        resource["hosts"],
        resource["network_interface_name"],
    )


def test_the_users_data_is_mounted_where_it_lies_and_read_only(tmp_path: Path) -> None:
    """Nothing is copied, nothing can be harmed; the model and output folders can be written by any user."""
    data = tmp_path / "data"
    data.mkdir()
    folder, mounts = staged(tmp_path, InputDataConfig=[channel("training", data)])

    assert (str(data), True) == mounts["/opt/ml/input/data/training"]
    assert mounts["/opt/ml/input"][1]
    assert not mounts["/opt/ml/model"][1]
    assert 0o777 == folder.opt_ml.model.stat().st_mode & 0o777
    assert "/opt/ml/code" not in mounts


def test_a_channel_may_be_one_file(tmp_path: Path) -> None:
    """It lies in the channel's folder under its own name."""
    file = tmp_path / "data set.csv"
    file.write_text("1,2\n")
    _, mounts = staged(tmp_path, InputDataConfig=[channel("training", Path(str(file).replace(" ", "%20")))])

    assert (str(file), True) == mounts["/opt/ml/input/data/training/data set.csv"]


def test_checkpoints_are_kept_where_the_request_says(tmp_path: Path) -> None:
    """A folder of this host is used as it is; the container is told the path."""
    kept = tmp_path / "kept"
    folder, mounts = staged(tmp_path, CheckpointConfig={"S3Uri": f"file://{kept}", "LocalPath": "/ckpt"})

    assert (str(kept), False) == mounts["/ckpt"]
    assert {"LocalPath": "/ckpt"} == json.loads(folder.opt_ml.checkpoint_config.read_text())


def test_checkpoints_survive_a_second_start_of_the_job(tmp_path: Path) -> None:
    """Staging anew clears what the container is given, not what it saved to go on from."""
    request = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}
    folder, mounts = staged(tmp_path, **request)
    source, _ = mounts["/opt/ml/checkpoints"]
    (Path(source) / "epoch-1").write_text("weights")
    folder.opt_ml.model.joinpath("half").write_text("left over")
    staged(tmp_path, **request)

    assert ["epoch-1"] == [path.name for path in Path(source).iterdir()]
    assert not list(folder.opt_ml.model.iterdir())
