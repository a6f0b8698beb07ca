"""Fixtures for tests that need S3; a conftest.py names those it wants."""

import itertools
import threading
from collections.abc import Iterator

import pytest
from faulty_proxy import FaultyProxy
from s3_server import Bucket, make_bucket, s3_server, use_s3

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a server for all tests of this run."""
    with s3_server() as address:
        yield address


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultyProxy]:
    """What stands between the server and whoever asks it, and does what a test tells it."""
    with FaultyProxy(s3_endpoint) as one:
        yield one


@pytest.fixture
def bucket(s3_endpoint: str, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket of its own for each test; the code under test reaches it through `proxy`, the test directly."""
    use_s3(monkeypatch, proxy.address)
    return make_bucket(s3_endpoint, f"bucket-{next(_numbers)}")


@pytest.fixture
def called_off() -> threading.Event:
    """What a transfer is called off with."""
    return threading.Event()
