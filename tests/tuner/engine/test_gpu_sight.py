"""What a container sees of GPUs, held against what it was given."""

import pytest

from tuner.engine.gpu_sight import check_sight
from tuner.errors import GpuUnavailable


def shown(*uuids: str) -> str:
    """What the driver shows a container, as it writes it."""
    return "".join(
        f"Model: \t\t NVIDIA H100\nIRQ:   \t\t 42\nGPU UUID: \t {uuid}\nBus Type: \t PCIe\n" for uuid in uuids
    )


@pytest.mark.parametrize(
    ("seen", "gpu_ids"),
    [
        ("given=GPU-aa,GPU-bb\n" + shown("GPU-bb", "GPU-aa"), ("GPU-aa", "GPU-bb")),
        ("given=GPU-aa\n", ("GPU-aa",)),
        ("given=0\n" + shown("GPU-aa"), ("0",)),
        ("given=MIG-cc\n" + shown("GPU-aa"), ("MIG-cc",)),
        ("given=void\n", ()),
        ("", ("GPU-aa",)),
    ],
)
def test_exactly_those_that_were_given_are_well(seen: str, gpu_ids: tuple[str, ...]) -> None:
    """Where no driver or no shell is there, no more than what there is can be held against them."""
    check_sight(seen, gpu_ids)


@pytest.mark.parametrize(
    ("seen", "sees"),
    [
        ("given=all\n", "all"),
        ("given=\n", "none"),
        ("given=GPU-aa\n" + shown("GPU-aa", "GPU-bb"), "GPU-aa, GPU-bb"),
        ("given=GPU-aa\n" + shown("GPU-bb"), "GPU-bb"),
    ],
)
def test_any_others_are_refused(seen: str, sees: str) -> None:
    """A job could use what somebody else has leased."""
    with pytest.raises(GpuUnavailable, match=f"was given the GPUs GPU-aa sees {sees}\\."):
        check_sight(seen, ("GPU-aa",))
