"""What an instance type brings, by cases from the tables of AWS."""

import pytest

from contracts.instance_types import InstanceSize, gpus_of_instance_type, instance_size

GIB = 2**30


@pytest.mark.parametrize(
    ("instance_type", "gpus"),
    [
        ("local", 0),
        ("local_gpu", 1),
        ("ml.m5.large", 0),
        ("ml.p3.8xlarge", 4),
        ("ml.g5.48xlarge", 8),
        ("ml.g9.huge", 1),
    ],
)
def test_an_instance_type_tells_how_many_gpus_it_brings(instance_type: str, gpus: int) -> None:
    """A GPU family that is newer than the table brings one."""
    assert gpus == gpus_of_instance_type(instance_type)


@pytest.mark.parametrize(
    ("instance_type", "cpus", "gib", "gpus"),
    [
        ("ml.m5.large", 2, 8, 0),
        ("ml.m5.4xlarge", 16, 64, 0),
        ("ml.c5.xlarge", 4, 8, 0),
        ("ml.c5.18xlarge", 72, 144, 0),
        ("ml.c5n.18xlarge", 72, 192, 0),
        ("ml.r5.24xlarge", 96, 768, 0),
        ("ml.t3.medium", 2, 4, 0),
        ("ml.g4dn.xlarge", 4, 16, 1),
        ("ml.g5.12xlarge", 48, 192, 4),
        ("ml.g6e.2xlarge", 8, 64, 1),
        ("ml.p3.2xlarge", 8, 61, 1),
        ("ml.p4d.24xlarge", 96, 1152, 8),
    ],
)
def test_an_instance_type_tells_its_size(instance_type: str, cpus: int, gib: int, gpus: int) -> None:
    """Processors, memory and GPUs as AWS lists them."""
    assert InstanceSize(cpus=cpus, memory_bytes=gib * GIB, gpus=gpus) == instance_size(instance_type)


@pytest.mark.parametrize("instance_type", ["local", "local_gpu", "ml.z9.large", "ml.m5.huge", "m5.large", ""])
def test_a_type_that_is_not_known_has_no_size(instance_type: str) -> None:
    """Nothing is made up: the container gets the whole machine."""
    assert instance_size(instance_type) is None
