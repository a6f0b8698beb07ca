"""Servers of these tests, each ended after its test, whatever became of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from serve_process import Server, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server; two workers, unless said otherwise."""
    started: list[Server] = []

    def start_server(algorithm: str = "Doubles", workers: int = 2, **variables: str) -> Server:
        variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers), **variables}
        started.append(Server(tmp_path, algorithm, variables))
        return started[-1]

    yield start_server
    for server in started:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


@pytest.fixture
def server(start: Start) -> Server:
    """A server that is ready."""
    return start().wait_until_ready()
