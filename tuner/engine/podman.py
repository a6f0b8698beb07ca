"""What Podman says and wants in another way than Docker, behind Docker's API. Pure; docs/podman.md tells the rest.

Found on Podman 4.3.1. Sources: Podman's libpod API reference, "SystemInfoLibpod"; podman-create(1), "--network".
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from tuner.engine.protocol import EngineFacts, Mount
from tuner.errors import EngineRejected, GpuUnavailable

#: A network stack of its own for each container, as a program of whoever runs Podman: no container is within reach of
#: another, nor is what listens on the loopback of the machine only.
_USER_MODE_NETWORK = "slirp4netns:allow_host_loopback=false,enable_ipv6=false"
#: The container is then itself in the network of all link-local addresses: whom it asks there is not found, and the
#: metadata of a cloud's machine is behind one of them. Names are resolved all the same, by that program.
_IN_LINK_LOCAL = ",cidr=169.254.0.0/16"


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether the engine with this answer about its version is Podman behind Docker's API."""
    return any("Podman" in part.get("Name", "") for part in version.get("Components") or ())


def podman_facts(facts: EngineFacts, told: Mapping[str, Any]) -> EngineFacts:
    """The facts with what Podman's own API has `told` of its host.

    Docker's API tells which limits the kernel knows. Which of them Podman may set depends on the groups that its user
    was given: without root none in cgroup version 1, those that systemd delegates in version 2.
    """
    host = told.get("host") or {}
    controllers: Collection[str] = host.get("cgroupControllers") or ()
    return replace(
        facts,
        is_podman=True,
        is_rootless=bool((host.get("security") or {}).get("rootless")),
        limits_memory="memory" in controllers,
        limits_cpus="cpu" in controllers,
        limits_processes="pids" in controllers,
        has_user_mode_network=bool((host.get("slirp4netns") or {}).get("executable")),
        names_interfaces=False,  # it leaves out the option for that without a word
    )


def user_mode_network(*, hides_metadata: bool) -> str:
    """The mode of a network in which a container is alone."""
    return _USER_MODE_NETWORK + (_IN_LINK_LOCAL if hides_metadata else "")


def check_gpus_wanted(gpu_ids: Collection[str]) -> None:
    """Raise GpuUnavailable where some are wanted: Podman starts the container, and says nothing of what it lacks."""
    if gpu_ids:
        raise GpuUnavailable(
            f"Podman hands out no GPUs to who asks as Docker is asked ({', '.join(gpu_ids)}). Use a Docker engine, or "
            'run without GPUs: `gpus = []` in algodock.toml, ALGODOCK_GPUS="".'
        )


def check_sources(mounts: Iterable[Mount]) -> None:
    """Raise EngineRejected where the source of a mount is missing: Podman says so only when the container starts."""
    for mount in mounts:
        if not mount.source.exists():
            raise EngineRejected(f"The container cannot be given {mount.target}: there is no {mount.source}.")
