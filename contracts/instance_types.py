"""What an instance type brings: processors, memory, NVIDIA GPUs. Source: the tables of AWS, by family and size.

Within a family, memory follows the number of virtual processors, and these follow the size: 2 for ``large``, 4 for
``xlarge``, 4 n for ``<n>xlarge``. Where a type departs from that, it stands in a table of its own.
"""

import re
from dataclasses import dataclass

_GIB = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceSize:
    """What one instance has."""

    cpus: int
    memory_bytes: int
    gpus: int = 0


#: Memory in GiB for each virtual processor, by family.
_GIB_PER_CPU: dict[str, float] = {
    **dict.fromkeys(("t2", "t3", "m4", "m5", "m5d", "m6i", "m6id", "m7i", "g4dn", "g5", "g6"), 4.0),
    **dict.fromkeys(("c5", "c5d", "c6i", "c6id", "c7i"), 2.0),
    **dict.fromkeys(("r5", "r5d", "r6i", "r6id", "r7i", "g6e"), 8.0),
    "c4": 1.875,
    "c5n": 2.625,
}
#: Types whose processors (virtual ones) or memory (GiB) do not follow from family and size.
_OTHER_SIZES: dict[str, tuple[int, float]] = {
    "ml.t2.medium": (2, 4),
    "ml.t3.medium": (2, 4),
    "ml.c4.8xlarge": (36, 60),
    "ml.c5n.9xlarge": (36, 96),
    "ml.c5n.18xlarge": (72, 192),
    "ml.p2.xlarge": (4, 61),
    "ml.p2.8xlarge": (32, 488),
    "ml.p2.16xlarge": (64, 732),
    "ml.p3.2xlarge": (8, 61),
    "ml.p3.8xlarge": (32, 244),
    "ml.p3.16xlarge": (64, 488),
    "ml.p3dn.24xlarge": (96, 768),
    "ml.p4d.24xlarge": (96, 1152),
    "ml.p4de.24xlarge": (96, 1152),
    "ml.p5.4xlarge": (16, 256),
    "ml.p5.48xlarge": (192, 2048),
    "ml.p5e.48xlarge": (192, 2048),
    "ml.p5en.48xlarge": (192, 2048),
}
#: GPUs by type, for the types whose GPUs a container sees as NVIDIA devices.
_GPUS: dict[str, int] = {
    **{f"ml.{family}.{size}": 1 for family in ("g4dn", "g5", "g6", "g6e") for size in ("xlarge", "2xlarge", "4xlarge")},
    **{f"ml.{family}.{size}": 1 for family in ("g4dn", "g5", "g6", "g6e") for size in ("8xlarge", "16xlarge")},
    **{f"ml.{family}.12xlarge": 4 for family in ("g4dn", "g5", "g6", "g6e")},
    **{f"ml.{family}.24xlarge": 4 for family in ("g5", "g6", "g6e")},
    **{f"ml.{family}.48xlarge": 8 for family in ("g5", "g6", "g6e")},
    "ml.p2.xlarge": 1,
    "ml.p2.8xlarge": 8,
    "ml.p2.16xlarge": 16,
    "ml.p3.2xlarge": 1,
    "ml.p3.8xlarge": 4,
    "ml.p3.16xlarge": 8,
    "ml.p3dn.24xlarge": 8,
    **{f"ml.{family}.24xlarge": 8 for family in ("p4d", "p4de")},
    "ml.p5.4xlarge": 1,
    **{f"ml.{family}.48xlarge": 8 for family in ("p5", "p5e", "p5en")},
    "local_gpu": 1,
}
_TYPE = re.compile(r"ml\.(?P<family>[a-z0-9]+)\.(?:(?P<large>large)|(?P<times>\d*)xlarge)")
_GPU_FAMILY = re.compile(r"ml\.(p\d|g\d)")


def gpus_of_instance_type(instance_type: str) -> int:
    """How many NVIDIA GPUs a host of `instance_type` brings; 0 for a CPU type, 1 for a GPU type not in the table."""
    return _GPUS.get(instance_type, 1 if _GPU_FAMILY.match(instance_type) else 0)


def instance_size(instance_type: str) -> InstanceSize | None:
    """What an instance of that type has; None where it is not known, and for ``local``, which is this host."""
    gpus = gpus_of_instance_type(instance_type)
    if instance_type in _OTHER_SIZES:
        cpus, gib = _OTHER_SIZES[instance_type]
        return InstanceSize(cpus=cpus, memory_bytes=int(gib * _GIB), gpus=gpus)
    found = _TYPE.fullmatch(instance_type)
    if found is None or found["family"] not in _GIB_PER_CPU:
        return None
    cpus = 2 if found["large"] else 4 * int(found["times"] or 1)
    return InstanceSize(cpus=cpus, memory_bytes=int(cpus * _GIB_PER_CPU[found["family"]] * _GIB), gpus=gpus)
