"""A home for transform jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_fixtures import bucket, proxy, s3_endpoint
from transform_home import BatchServer, TransformHome

__all__ = ["bucket", "proxy", "s3_endpoint"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[TransformHome]:
    """A home of its own for each test; its containers answer with what they are sent."""
    made = TransformHome(tmp_path, BatchServer())
    yield made
    made.close()


@pytest.fixture
def home_with_gpus(tmp_path: Path) -> Iterator[TransformHome]:
    """The same on a machine with two GPUs."""
    made = TransformHome(tmp_path, BatchServer(), gpus=("gpu-1", "gpu-2"))
    yield made
    made.close()
