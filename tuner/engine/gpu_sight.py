"""Which GPUs a container sees from inside: a look, and what it is held against. Pure.

Source: NVIDIA driver README, "The /proc Interface": a file with the UUID for each GPU; NVIDIA's container toolkit shows
a container those of its own GPUs only. Where no driver is seen (an engine of tests that hands out ids alone, or MIG
devices, which have no file of their own) the look proves which ids were given, and not that a GPU works.
"""

import re
from collections.abc import Sequence

from tuner.engine.wire import NO_DEVICES
from tuner.errors import GpuUnavailable

#: The shell that looks, of the image itself.
SHELL = "/bin/sh"
#: What it runs: the ids that the container was told, then what the driver shows it.
LOOK = 'echo "given=$NVIDIA_VISIBLE_DEVICES"; cat /proc/driver/nvidia/gpus/*/information 2>/dev/null; true'

_GIVEN = re.compile(r"^given=(.*)$", re.MULTILINE)
_SHOWN = re.compile(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)\s*$", re.MULTILINE)


def check_sight(seen: str, gpu_ids: Sequence[str]) -> None:
    """Raise GpuUnavailable where a container that was to have `gpu_ids` has `seen` others, by the output of `LOOK`."""
    given = _GIVEN.search(seen)
    if given is not None and given[1] != (",".join(gpu_ids) or NO_DEVICES):
        raise _others(gpu_ids, given[1] or "none")
    shown = _SHOWN.findall(seen)
    if shown and all(one.startswith("GPU-") for one in gpu_ids):
        known = [uuid for uuid in shown if any(uuid.startswith(one) for one in gpu_ids)]
        if len(known) != len(shown) or len(shown) != len(gpu_ids):
            raise _others(gpu_ids, ", ".join(shown))


def _others(gpu_ids: Sequence[str], seen: str) -> GpuUnavailable:
    return GpuUnavailable(
        f"A container that was given the GPUs {', '.join(gpu_ids) or 'none'} sees {seen}. "
        "Is NVIDIA's container toolkit up to date, and does its configuration leave the choice to the engine?"
    )
