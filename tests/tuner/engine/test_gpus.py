"""The GPUs that somebody names, and those that are there."""

from collections.abc import Sequence

import pytest

from tuner.engine.gpus import Gpu, choose_gpus
from tuner.profile import ProfileError


def gpu(uuid: str, index: str, part_of: str | None = None) -> Gpu:
    """A GPU of which nothing else matters."""
    return Gpu(uuid=uuid, index=index, name="Fake", memory_bytes=1, part_of=part_of)


#: Two GPUs whose ids begin alike, and one in MIG mode with two devices.
FOUND = (
    gpu("GPU-5a4f", "0"),
    gpu("GPU-5b11", "1"),
    gpu("MIG-1111", "2:0", "GPU-91c2"),
    gpu("MIG-2222", "2:1", "GPU-91c2"),
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, ("GPU-5a4f", "GPU-5b11", "MIG-1111", "MIG-2222")),
        ((), ()),
        (("GPU-5b11", "GPU-5a4f"), ("GPU-5b11", "GPU-5a4f")),
        (("1",), ("GPU-5b11",)),
        (("2:1", "0"), ("MIG-2222", "GPU-5a4f")),
        (("GPU-5a", "MIG-1"), ("GPU-5a4f", "MIG-1111")),
    ],
)
def test_gpus_are_named_by_uuid_index_or_the_beginning_of_a_uuid(
    wanted: Sequence[str] | None, expected: tuple[str, ...]
) -> None:
    """What comes out are UUIDs, which stay the same when indices change."""
    assert expected == choose_gpus(wanted, FOUND)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (("7",), r"7 is no GPU of this machine\. There are GPU-5a4f \(index 0, Fake\), GPU-5b11 \(index 1"),
        (("GPU-5",), "GPU-5 may be GPU-5a4f or GPU-5b11: write more of it"),
        (("0", "GPU-5a4f"), r"GPU-5a4f is named twice \(also as 0\)"),
        (("1", "1"), r"1 is named twice\. There are"),
        (("GPU-91c2",), "GPU-91c2 is in MIG mode, .* Name its devices: MIG-1111, MIG-2222"),
        (("2",), "2 is in MIG mode"),
    ],
)
def test_what_is_unknown_ambiguous_or_there_twice_is_refused(wanted: Sequence[str], complaint: str) -> None:
    """The text names those that there are."""
    with pytest.raises(ProfileError, match=complaint):
        choose_gpus(wanted, FOUND)


def test_without_a_driver_here_names_are_taken_as_they_are() -> None:
    """The engine may run on another machine, and knows better."""
    assert ("0", "GPU-z") == choose_gpus(["0", "GPU-z"], ())
    with pytest.raises(ProfileError, match=r"GPU-z is named twice\.$"):
        choose_gpus(["GPU-z", "GPU-z"], ())
