"""A server that speaks S3, in a process of its own, and what tests put into it.

It is moto's: real HTTP, real boto3 on the other side, objects in memory. Signatures and permissions are not checked.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
sys.stdin.read()
"""

#: What boto3 needs to know of an account; the server takes any.
ACCOUNT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket of a running server."""

    name: str
    endpoint: str
    client: Any

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Make or replace objects, by key."""
        for key, content in objects.items():
            self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def uri(self, key: str = "") -> str:
        """The address of `key`."""
        return f"s3://{self.name}/{key}"

    def content(self) -> dict[str, bytes]:
        """All objects, by key; one that is deleted in between is not there."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        found: dict[str, bytes] = {}
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", ())]:
            with suppress(self.client.exceptions.NoSuchKey):
                found[key] = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return found


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server that lives as long as the block."""
    command = [sys.executable, "-c", _PROGRAM]
    pipe, silence = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=silence, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def make_bucket(endpoint: str, name: str) -> Bucket:
    """An empty bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"mode": "standard"}),
    )
    client.create_bucket(Bucket=name)
    return Bucket(name=name, endpoint=endpoint, client=client)


def use_s3(environment: pytest.MonkeyPatch, endpoint: str) -> None:
    """Point whatever uses boto3's own configuration at `endpoint`, for the length of a test."""
    for name, value in {**ACCOUNT, "AWS_ENDPOINT_URL_S3": endpoint}.items():
        environment.setenv(name, value)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        environment.setenv(name, "/dev/null")
