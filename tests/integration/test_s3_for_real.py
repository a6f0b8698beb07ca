"""Jobs whose data, results and checkpoints are in S3: real containers, real boto3, a real server that speaks S3."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine, write_job
from faulty_proxy import Fault, FaultyProxy
from job_requests import channel, training_request, tuning_request
from s3_fixtures import bucket, proxy, s3_endpoint
from s3_server import ACCOUNT, Bucket
from shell_image import ShellAlgorithm

__all__ = ["bucket", "proxy", "s3_endpoint"]

pytestmark = pytest.mark.docker

#: Says what is in each kind of channel, and leaves a model, some output and a checkpoint.
LOOKS = """
cd /opt/ml/input/data
echo "file $(find file -type f | sort | xargs cat)"
echo "pipe $(cat pipe_0)"
echo "credentials ${AWS_ACCESS_KEY_ID:-none}"
touch file/mine 2> /dev/null || echo "read-only"
cat /opt/ml/checkpoints/before
mkdir /opt/ml/model/deep
echo model > /opt/ml/model/deep/m
echo other > /opt/ml/output/data/o
echo after > /opt/ml/checkpoints/after
rm /opt/ml/checkpoints/before
"""


@pytest.fixture
def algodock(home: Path, proxy: FaultyProxy) -> CommandLine:
    """The command, with a home and an account of its own."""
    return CommandLine(home, {"ALGODOCK_GPUS": "", **ACCOUNT, "AWS_ENDPOINT_URL_S3": proxy.address})


def in_s3(name: str, bucket: Bucket, key: str, **members: Any) -> dict[str, Any]:
    """A channel that reads `key`."""
    entry = channel(name, Path("/unused"), **members)
    entry["DataSource"]["S3DataSource"]["S3Uri"] = bucket.uri(key)
    return entry


def outputs(bucket: Bucket, compression: str) -> dict[str, Any]:
    """Where results and checkpoints go."""
    return {
        "OutputDataConfig": {"S3OutputPath": bucket.uri("out"), "CompressionType": compression},
        "CheckpointConfig": {"S3Uri": bucket.uri("ckpt")},
    }


def members_of(archive: bytes) -> set[str]:
    """The files in a ``.tar.gz``."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name for member in tar if member.isfile()}


@pytest.mark.parametrize("compression", ["GZIP", "NONE"])
@pytest.mark.every_engine
def test_a_job_reads_from_s3_and_writes_to_it(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, bucket: Bucket, tmp_path: Path, *, compression: str
) -> None:
    """All modes, results and checkpoints; the container never sees a credential."""
    manifest = json.dumps([{"prefix": bucket.uri("d/")}, "b", "a"])
    bucket.put({"d/a": b"A", "d/b": b"B", "d/c": b"C", "m": manifest.encode(), "ckpt/before": b"before\n"})
    manifest_member = {"S3DataType": "ManifestFile"}
    piped = in_s3("pipe", bucket, "m", InputMode="Pipe")
    piped["DataSource"]["S3DataSource"].update(manifest_member)
    channels = [in_s3("file", bucket, "d"), piped]
    request = training_request(
        "job", image=shell_algorithm(LOOKS), InputDataConfig=channels, **outputs(bucket, compression)
    )
    run = algodock.run("train", write_job(tmp_path / "job.yaml", request))
    assert 0 == run.returncode, run.stdout + run.stderr
    log = (algodock.home / "jobs" / "job" / "logs" / "algo-1.log").read_text()
    left = {key: content for key, content in bucket.content().items() if key.startswith(("out/", "ckpt/"))}

    assert "file ABC\npipe BA\ncredentials none\nread-only\nbefore\n" == log
    assert b"after\n" == left.pop("ckpt/after")
    if compression == "NONE":
        assert {"out/job/output/model/deep/m": b"model\n", "out/job/output/data/o": b"other\n"} == left
    else:
        assert {"out/job/output/model.tar.gz": {"deep/m"}, "out/job/output/output.tar.gz": {"o"}} == {
            key: members_of(content) for key, content in left.items()
        }


def test_trials_share_one_download(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, bucket: Bucket, proxy: FaultyProxy, tmp_path: Path
) -> None:
    """However many there are."""
    bucket.put({f"d/{number}": b"x" for number in range(5)})
    image = shell_algorithm('echo "validation: accuracy=$(cat /opt/ml/input/data/train/* | wc -c)"')
    request = tuning_request("search", image=image, jobs=3, InputDataConfig=[in_s3("train", bucket, "d")])
    run = algodock.run("tune", write_job(tmp_path / "job.yaml", request))

    assert 0 == run.returncode, run.stdout + run.stderr
    assert 5 == len([one for one in proxy.requests if one.method == "GET" and "/d/" in one.path])


def test_a_job_whose_data_cannot_be_had_fails_with_what_to_do(
    algodock: CommandLine, shell_algorithm: ShellAlgorithm, bucket: Bucket, proxy: FaultyProxy, tmp_path: Path
) -> None:
    """The container never starts."""
    bucket.put({"d/a": b"A"})
    proxy.always(Fault(status=403))
    image = shell_algorithm("echo started")
    request = training_request("job", image=image, InputDataConfig=[in_s3("train", bucket, "d")])
    run = algodock.run("train", write_job(tmp_path / "job.yaml", request))
    text = " ".join((run.stdout + run.stderr).split())

    assert 1 == run.returncode
    assert f"ClientError: channel 'train': {bucket.uri('d/a')}: access is denied" in text
    assert not (algodock.home / "jobs" / "job" / "logs" / "algo-1.log").exists()
