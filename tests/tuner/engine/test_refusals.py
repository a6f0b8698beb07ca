"""Why a container could not be started: what is the engine's trouble, and what is the image's or the request's."""

import pytest

from tuner.engine.refusals import start_refusal
from tuner.errors import EngineFailed, EngineRejected, GpuUnavailable


@pytest.mark.parametrize(
    ("reason", "is_failure", "refusal"),
    [
        ("could not select device driver", False, GpuUnavailable),
        ("container is marked for removal and cannot be started", False, EngineFailed),
        ("failed to mount overlay: no such file or directory", True, EngineFailed),
        ("exec format error", True, EngineRejected),
        ("port is already allocated", False, EngineRejected),
    ],
)
def test_who_is_to_blame_for_a_refusal(reason: str, is_failure: bool, refusal: type[EngineRejected]) -> None:
    """The kind tells whether a fresh container may help."""
    assert refusal is type(start_refusal(reason, is_failure=is_failure))
