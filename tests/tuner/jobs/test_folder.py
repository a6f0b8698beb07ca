"""What is staged for a container."""

import json
from pathlib import Path
from typing import Any

import pytest
from job_requests import channel, training_request

from contracts.jobs import TrainingJobSpec
from contracts.resources import Host
from tuner.errors import ChannelError
from tuner.jobs.channel_staging import MAX_FILE_MOUNTS
from tuner.jobs.folder import JobFolder, stage


def staged(tmp_path: Path, **members: Any) -> tuple[JobFolder, dict[str, tuple[str, bool]]]:
    """A job staged in a folder, and its mounts: target to (source, read-only)."""
    folder = JobFolder(tmp_path / "job")
    mounts = stage(TrainingJobSpec.from_request(training_request(**members)), Host(), folder)
    return folder, {mount.target: (str(mount.source), mount.read_only) for mount in mounts}


def test_the_staged_tree_is_what_the_contract_says(tmp_path: Path) -> None:
    """The three documented files always, each as the contract writes it."""
    data = tmp_path / "data"
    data.mkdir()
    request = {"InputDataConfig": [channel("training", data, ContentType="text/csv")]}
    folder, _ = staged(tmp_path, **request)
    config = folder.host().opt_ml.config

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


def test_only_its_owner_looks_into_a_jobs_folder(tmp_path: Path) -> None:
    """A program that a container left there, owned by root and made to run as its owner, would make anybody root."""
    folder, _ = staged(tmp_path)

    assert 0o700 == folder.root.stat().st_mode & 0o777


def test_the_users_data_is_mounted_where_it_lies_and_read_only(tmp_path: Path) -> None:
    """Nothing is copied, nothing can be harmed; the model and output folders can be written by any user."""
    data = tmp_path / "data"
    data.mkdir()
    folder, mounts = staged(tmp_path, InputDataConfig=[channel("training", data)])

    assert (str(data), True) == mounts["/opt/ml/input/data/training"]
    assert mounts["/opt/ml/input"][1]
    assert not mounts["/opt/ml/model"][1]
    assert 0o777 == folder.host().opt_ml.model.stat().st_mode & 0o777
    assert "/opt/ml/code" not in mounts


def test_a_channel_may_be_one_file(tmp_path: Path) -> None:
    """It lies in the channel's folder under its own name."""
    file = tmp_path / "data set.csv"
    file.write_text("1,2\n")
    _, mounts = staged(tmp_path, InputDataConfig=[channel("training", Path(str(file).replace(" ", "%20")))])

    assert (str(file), True) == mounts["/opt/ml/input/data/training/data set.csv"]


def test_a_manifest_gives_the_files_that_it_lists_and_no_other(tmp_path: Path) -> None:
    """Each is mounted by itself, read-only, where its key says; one that is listed twice is one file."""
    for key in ("sub dir/a.csv", "b", "secret"):
        (tmp_path / "data" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / key).write_text(key)
    manifest = tmp_path / "m.json"
    manifest.write_text(json.dumps([{"prefix": f"file://{tmp_path}/data/"}, "sub dir/a.csv", "b", "b"]))
    entry = channel("training", manifest)
    entry["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    folder, mounts = staged(tmp_path, InputDataConfig=[entry])
    given = {target: source for target, source in mounts.items() if "/data/" in target}

    assert {
        "/opt/ml/input/data/training/sub dir/a.csv": (f"{tmp_path}/data/sub dir/a.csv", True),
        "/opt/ml/input/data/training/b": (f"{tmp_path}/data/b", True),
    } == given
    assert (folder.host().opt_ml.channel("training") / "sub dir" / "a.csv").is_file()  # where the engine puts the mount


def test_a_manifest_of_too_many_files_says_what_to_do(tmp_path: Path) -> None:
    """Before the engine chokes on it."""
    (tmp_path / "data").mkdir()
    keys = [f"part-{number}" for number in range(MAX_FILE_MOUNTS + 1)]
    for key in keys:
        (tmp_path / "data" / key).touch()
    (tmp_path / "m.json").write_text(json.dumps([{"prefix": "file://data/"}, *keys]))
    entry = channel("training", tmp_path / "m.json")
    entry["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"

    with pytest.raises(ChannelError, match=r"lists 10,001 files.*use Pipe mode"):
        staged(tmp_path, InputDataConfig=[entry])


def test_a_pipe_channel_is_a_fifo_and_no_mount(tmp_path: Path) -> None:
    """It lies in the input folder, which is mounted whole, so that later ones appear in the container as well."""
    folder, mounts = staged(tmp_path, InputDataConfig=[channel("a.b-c_1", tmp_path, InputMode="Pipe")])
    config = json.loads(folder.host().opt_ml.input_data_config.read_text())

    assert ["a.b-c_1_0"] == [path.name for path in folder.host().opt_ml.data.iterdir()]
    assert folder.host().opt_ml.channel_fifo("a.b-c_1", 0).is_fifo()
    assert not [target for target in mounts if "/data/" in target]
    assert "Pipe" == config["a.b-c_1"]["TrainingInputMode"]


def test_what_was_remembered_of_an_earlier_start_s_feeding_is_forgotten(tmp_path: Path) -> None:
    """The container starts anew, and with it epoch 0."""
    request = {"InputDataConfig": [channel("training", tmp_path, InputMode="Pipe")]}
    folder, _ = staged(tmp_path, **request)
    folder.host().feeds.mkdir()
    (folder.host().feeds / "training").write_text("F 00000000000000000005 ")
    staged(tmp_path, **request)

    assert not folder.host().feeds.exists()


def test_checkpoints_are_kept_where_the_request_says(tmp_path: Path) -> None:
    """A folder of this host is used as it is; the container is told the path."""
    kept = tmp_path / "kept"
    folder, mounts = staged(tmp_path, CheckpointConfig={"S3Uri": f"file://{kept}", "LocalPath": "/ckpt"})

    assert (str(kept), False) == mounts["/ckpt"]
    assert {"LocalPath": "/ckpt"} == json.loads(folder.host().opt_ml.checkpoint_config.read_text())


def test_checkpoints_survive_a_second_start_of_the_job(tmp_path: Path) -> None:
    """Staging anew clears what the container is given, not what it saved to go on from."""
    request = {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"}}
    folder, mounts = staged(tmp_path, **request)
    source, _ = mounts["/opt/ml/checkpoints"]
    (Path(source) / "epoch-1").write_text("weights")
    folder.host().opt_ml.model.joinpath("half").write_text("left over")
    staged(tmp_path, **request)

    assert ["epoch-1"] == [path.name for path in Path(source).iterdir()]
    assert not list(folder.host().opt_ml.model.iterdir())


def test_the_files_of_the_debugger_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    """As the request has them: the official SDK asks for both by default."""
    asked = {
        "DebugHookConfig": {"S3OutputPath": "s3://b/c"},
        "ProfilerConfig": {"ProfilingIntervalInMilliseconds": 500},
    }
    folder, _ = staged(tmp_path, **asked)
    layout = folder.host().opt_ml

    assert asked["DebugHookConfig"] == json.loads(layout.debug_hook_config.read_text())
    assert asked["ProfilerConfig"] == json.loads(layout.profiler_config.read_text())
