"""How much of this machine the container of a host gets: what its instance type has, as far as it is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.instance_types import gpus_of_instance_type, instance_size
from contracts.resources import Host, hosts_from_request
from tuner.engine.protocol import EngineFacts
from tuner.profile import HostProfile

_GIB = 2**30
#: ``/dev/shm`` of a container that the profile says nothing about: half of its memory, as Linux gives a machine. The
#: engine's own default of 64 MiB breaks the data loaders of PyTorch.
_SHM_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSize:
    """The limits of one container; None is the whole machine. `shortfall` says what its instance type has more of."""

    cpus: float | None
    memory_bytes: int | None
    shm_bytes: int
    shortfall: str | None = None


def container_size(host: Host, profile: HostProfile, machine: EngineFacts, *, containers: int) -> ContainerSize:
    """What the container of `host` gets, where `containers` run side by side.

    What the profile says wins. Else it gets what its instance type has, where the machine has that much. The processors
    are shared evenly among containers that run side by side: without a limit each would start as many threads as the
    machine has processors, and all would be several times slower.
    """
    size = instance_size(host.instance_type)
    share = machine.cpus / containers
    cpus = share if containers > 1 else None
    memory = None
    shortfalls = []
    if size is not None:
        if size.cpus <= machine.cpus:
            cpus = min(float(size.cpus), share)
        else:
            shortfalls.append(f"{size.cpus} processors, and this machine has {machine.cpus}")
        if size.memory_bytes <= machine.memory_bytes:
            memory = size.memory_bytes
        else:
            shortfalls.append(
                f"{size.memory_bytes / _GIB:.0f} GiB of memory, and this machine has {machine.memory_bytes / _GIB:.1f}"
            )
    if profile.cpus is not None:
        cpus, shortfalls = profile.cpus, [one for one in shortfalls if "processors" not in one]
    if profile.memory_bytes is not None:
        memory, shortfalls = profile.memory_bytes, [one for one in shortfalls if "memory" not in one]
    return ContainerSize(
        cpus=cpus,
        memory_bytes=memory,
        shm_bytes=profile.shm_bytes or int(_SHM_SHARE * (memory or machine.memory_bytes)),
        shortfall=f"{host.instance_type} has {' and '.join(shortfalls)}" if shortfalls else None,
    )


def gpus_of_host(host: Host, profile: HostProfile) -> int:
    """How many GPUs a host gets: what the profile says, else what its instance type has."""
    if profile.gpus_per_training_job is not None:
        return profile.gpus_per_training_job
    return gpus_of_instance_type(host.instance_type)


def gpu_count(profile: HostProfile, hosts: Sequence[Host]) -> int:
    """How many GPUs a job needs in all."""
    return sum(gpus_of_host(host, profile) for host in hosts)


def first_provided(
    alternatives: Sequence[Mapping[str, Any]], profile: HostProfile, machine: EngineFacts, gpus: int
) -> Mapping[str, Any] | None:
    """The first of `alternatives`, which are ResourceConfigs, that this machine with `gpus` GPUs can provide.

    The first of which it has all: processors and memory too. Else the first whose GPUs it has, because with less of the
    others a job is slow or small, and without GPUs it does not run. None where it has the GPUs of none.
    """
    possible = [one for one in alternatives if gpu_count(profile, hosts_from_request(one)) <= gpus]
    whole = [
        one
        for one in possible
        if all(
            container_size(host, profile, machine, containers=1).shortfall is None for host in hosts_from_request(one)
        )
    ]
    return next(iter(whole or possible), None)


def gpus_by_host(leased: Sequence[str], profile: HostProfile, hosts: Sequence[Host]) -> dict[str, tuple[str, ...]]:
    """Which of the `leased` GPUs each host gets, by its name."""
    given: dict[str, tuple[str, ...]] = {}
    position = 0
    for host in hosts:
        count = gpus_of_host(host, profile)
        given[host.name] = tuple(leased[position : position + count])
        position += count
    return given
