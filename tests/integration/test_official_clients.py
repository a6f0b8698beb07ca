"""The main job's file is accepted unchanged by the official clients: boto3 and version 2 of the AWS CLI.

Both are the real ones; only the service is a stand-in on this machine, which writes down what it is sent.
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cifar10" / "tuning-job.yaml"
ARN = "arn:aws:sagemaker:eu-west-1:000000000000:hyper-parameter-tuning-job/cifar10"


@dataclass
class StubService:
    """What the stand-in was sent: the operations and their requests."""

    url: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[StubService]:
    """A stand-in for SageMaker that accepts every request and keeps it."""
    stub = StubService()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stub.received.append((self.headers["X-Amz-Target"], json.loads(body)))
            answer = json.dumps({"HyperParameterTuningJobArn": ARN}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    yield stub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which the AWS CLI finds no settings but these."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }


@pytest.fixture(scope="session")
def aws_cli() -> str:
    """The path of an AWS CLI of version 2; PATH may have one of version 1 first, which reads no YAML."""
    folders = [*os.environ["PATH"].split(os.pathsep), "/usr/local/bin", "/usr/bin"]
    found = [shutil.which("aws", path=folder) for folder in dict.fromkeys(folders)]
    for path in filter(None, found):
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=60)
        if version.stdout.startswith("aws-cli/2"):
            return path
    reason = "there is no AWS CLI of version 2: apt-get install awscli"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def example() -> dict[str, Any]:
    """The main job's file, as any YAML reader reads it."""
    loaded: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return loaded


def test_boto3_accepts_the_main_jobs_file_unchanged(service: StubService, example: dict[str, Any]) -> None:
    """What arrives at the service is what the file says, member for member."""
    client = boto3.client(
        "sagemaker",
        endpoint_url=service.url,
        region_name="eu-west-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
    )

    answer = client.create_hyper_parameter_tuning_job(**example)

    assert ARN == answer["HyperParameterTuningJobArn"]
    assert [("SageMaker.CreateHyperParameterTuningJob", example)] == service.received


def test_the_aws_cli_accepts_the_main_jobs_file_unchanged(
    service: StubService, example: dict[str, Any], aws_cli: str, environment: dict[str, str]
) -> None:
    """As people type it, and with the same result."""
    command = [aws_cli, "sagemaker", "create-hyper-parameter-tuning-job"]
    options = ["--cli-input-yaml", f"file://{EXAMPLE}", "--endpoint-url", service.url, "--output", "json"]

    done = subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert {"HyperParameterTuningJobArn": ARN} == json.loads(done.stdout)
    assert [("SageMaker.CreateHyperParameterTuningJob", example)] == service.received
