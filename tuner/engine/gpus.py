"""What is known of GPUs, and those that somebody names as the ids that containers are given. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tuner.profile import ProfileError


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """What a container can be given: a GPU, or one device of a GPU in MIG mode, which then is `part_of` that GPU.

    `uuid` stays the same across reboots; `index` may change. It is a number, of a MIG device two: ``0:1``.
    """

    uuid: str
    index: str
    name: str
    memory_bytes: int
    part_of: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuProcess:
    """A process of this machine that has memory of a GPU; `used_bytes` is None where the driver does not tell."""

    pid: int
    name: str
    used_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuMemory:
    """How full a GPU's memory is, and of whom."""

    total_bytes: int
    free_bytes: int
    processes: tuple[GpuProcess, ...] = ()


#: Tells how full the memory of the GPU with a UUID is; None where nobody knows.
ReadGpuMemory = Callable[[str], GpuMemory | None]


def choose_gpus(wanted: Sequence[str] | None, found: Sequence[Gpu]) -> tuple[str, ...]:
    """The UUIDs of `wanted` among what the driver has `found`, in the order in which they are named; None is all.

    A GPU or MIG device is named by its UUID, the beginning of a UUID that no other has, or its index. Where the driver
    has found nothing (the engine may run on another machine) the names are taken as they are: the engine refuses what
    it does not have. Raises ProfileError for an id that is unknown, ambiguous, or there twice.
    """
    if wanted is None:
        return tuple(gpu.uuid for gpu in found)
    chosen: dict[str, str] = {}
    for name in wanted:
        uuid = _find(name, found) if found else name
        if uuid in chosen:
            also = f" (also as {chosen[uuid]})" if chosen[uuid] != name else ""
            raise ProfileError(f"gpus: {name} is named twice{also}. {_there_are(found)}".rstrip())
        chosen[uuid] = name
    return tuple(chosen)


def _find(name: str, found: Sequence[Gpu]) -> str:
    exact = [gpu.uuid for gpu in found if name in {gpu.uuid, gpu.index}]
    candidates = exact or [gpu.uuid for gpu in found if gpu.uuid.startswith(name)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise ProfileError(f"gpus: {name} may be {' or '.join(candidates)}: write more of it.")
    parts = [gpu.uuid for gpu in found if name in {gpu.part_of, gpu.index.partition(":")[0]}]
    if parts:
        raise ProfileError(
            f"gpus: {name} is in MIG mode, and cannot be given as a whole. Name its devices: {', '.join(parts)}."
        )
    raise ProfileError(f"gpus: {name} is no GPU of this machine. {_there_are(found)}")


def _there_are(found: Sequence[Gpu]) -> str:
    if not found:
        return ""
    return f"There are {', '.join(f'{gpu.uuid} (index {gpu.index}, {gpu.name})' for gpu in found)}."
