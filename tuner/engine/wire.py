"""Our values from and to the JSON of the Docker Engine API (1.41 and later). Pure.

Source: Docker Engine API reference, "ContainerCreate", "ContainerInspect", "ImageInspect", "SystemInfo".
"""

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuner.engine.isolation import ENGINES_OWN, METADATA_ADDRESS, Isolation
from tuner.engine.protocol import (
    Address,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    ContainerSummary,
    EngineFacts,
    ImageFacts,
    NetworkSummary,
    Writings,
)

#: The variable by which NVIDIA's container runtime is told which GPUs to show.
VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
#: Its value for no GPU at all.
NO_DEVICES = "void"

#: Where published ports are reached: from this host only, for what a container serves is nobody else's.
LOOPBACK = "127.0.0.1"

#: Each key that the daemon would otherwise fill in from its own defaults for this driver: its rotation would throw away
#: lines that were not read yet, its non-blocking mode would drop them. "No limit" cannot be said, only a large one.
_LOG_OPTIONS = {"max-size": "1000g", "max-file": "1", "compress": "false", "mode": "blocking"}

_NANOSECONDS = 1_000_000_000
_SIGNALS = frozenset(signal.Signals)
#: The exit code of what a signal has ended, less the signal's number.
_SIGNALLED = 128
_FRACTION = re.compile(r"\.(\d+)")

_STATUSES = {
    "created": ContainerStatus.CREATED,
    "configured": ContainerStatus.CREATED,  # Podman's, as the next one: not created in every respect yet
    "initialized": ContainerStatus.CREATED,
    "running": ContainerStatus.RUNNING,
    "stopping": ContainerStatus.RUNNING,  # Podman's: told to end, and not at its end
    "paused": ContainerStatus.RUNNING,
    "restarting": ContainerStatus.RUNNING,
}


def container_request(
    spec: ContainerSpec, isolation: Isolation = ENGINES_OWN, *, log_driver: str = "json-file"
) -> dict[str, Any]:
    """The body of a request that creates a container from `spec`, kept apart as `isolation` says.

    The container gets nothing beyond `spec`: no new privileges, no terminal (which would merge its two outputs), no
    init in front of it (the image's entry point is PID 1 and gets the signals itself, as the contract says).
    """
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": [f"{name}={value}" for name, value in sorted(_environment(spec).items())],
        "Labels": spec.all_labels,
        "Tty": False,
        "OpenStdin": False,
        "HostConfig": _host_config(spec, isolation, log_driver),
    }
    if spec.entry_point is not None:
        body["Entrypoint"] = list(spec.entry_point)
    if spec.arguments is not None:
        body["Cmd"] = list(spec.arguments)
    if spec.user is not None:
        body["User"] = spec.user
    if spec.hostname is not None:
        body["Hostname"] = spec.hostname
    if (network := _network(spec, isolation)) is not None:
        endpoint: dict[str, Any] = {}
        if spec.private_network is not None:
            endpoint["Aliases"] = list(spec.aliases)
        if isolation.hides_metadata:
            endpoint["IPAMConfig"] = {"LinkLocalIPs": [METADATA_ADDRESS]}
        body["NetworkingConfig"] = {"EndpointsConfig": {network: endpoint}}
    if spec.published_ports:
        body["ExposedPorts"] = {_tcp(port): {} for port in spec.published_ports}
    return body


def _network(spec: ContainerSpec, isolation: Isolation) -> str | None:
    """The network of ours that a container is in; None for the engine's own, or for none at all."""
    return spec.private_network or (isolation.network if spec.network else None)


def _environment(spec: ContainerSpec) -> dict[str, str]:
    # The engine itself appends the variable for GPUs that it hands out, but behind the one of an image built on CUDA
    # ("all"), and the first of two is what most programs see. Saying it here replaces the image's, and a job's own: a
    # job that could name its GPUs here could take those that another job has leased.
    return {**spec.environment, VISIBLE_DEVICES: ",".join(spec.gpu_ids) or NO_DEVICES}


def _host_config(spec: ContainerSpec, isolation: Isolation, log_driver: str) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "Init": False,
        "LogConfig": {"Type": log_driver, "Config": dict(_LOG_OPTIONS)},
        "Mounts": [
            {"Type": "bind", "Source": str(m.source.absolute()), "Target": m.target, "ReadOnly": m.read_only}
            for m in spec.mounts
        ],
        "PidsLimit": spec.pids_limit,
        "SecurityOpt": ["no-new-privileges"],
        **_resources(spec, isolation),
    }
    if spec.gpu_ids:
        settings["DeviceRequests"] = [{"DeviceIDs": list(spec.gpu_ids), "Capabilities": [["gpu"]]}]
    if isolation.capabilities is not None:
        settings |= {"CapDrop": ["ALL"], "CapAdd": list(isolation.capabilities)}
    if (network := _network(spec, isolation)) is not None:
        settings["NetworkMode"] = network
    elif not spec.network:
        settings["NetworkMode"] = "none"
    elif isolation.network_mode is not None:
        settings["NetworkMode"] = isolation.network_mode
    if spec.private_network is None and spec.aliases:
        settings["ExtraHosts"] = [f"{alias}:{LOOPBACK}" for alias in spec.aliases]
    if spec.published_ports:
        settings["PortBindings"] = {
            _tcp(port): [{"HostIp": LOOPBACK, "HostPort": str(host_port or "")}]
            for port, host_port in spec.published_ports.items()
        }
    return settings


def _resources(spec: ContainerSpec, isolation: Isolation) -> dict[str, Any]:
    """The limits of a container."""
    settings: dict[str, Any] = {}
    if isolation.oom_score is not None:
        settings["OomScoreAdj"] = isolation.oom_score
    if (memory := spec.memory_bytes or isolation.memory_bytes) is not None:
        settings["Memory"] = settings["MemorySwap"] = memory  # equal: no swap on top
    if spec.cpus is not None:
        settings["NanoCpus"] = round(spec.cpus * _NANOSECONDS)
    if spec.shm_bytes is not None:
        settings["ShmSize"] = spec.shm_bytes
    return settings


def within_limits(spec: ContainerSpec, engine: EngineFacts) -> ContainerSpec:
    """`spec` without the limits that `engine` cannot hold a container to; `algodock doctor` warns of them."""
    return replace(
        spec,
        memory_bytes=spec.memory_bytes if engine.limits_memory else None,
        cpus=spec.cpus if engine.limits_cpus else None,
    )


def label_filter(labels: Mapping[str, str | None]) -> list[str]:
    """The filter of a listing for what carries all of `labels`; a value of None is any."""
    return [name if value is None else f"{name}={value}" for name, value in labels.items()]


def container_state(inspected: Mapping[str, Any]) -> ContainerState:
    """The state in what the engine says of a container."""
    state = inspected["State"]
    status = _status(state["Status"])
    return ContainerState(
        status=status,
        exit_code=int(state["ExitCode"]) if status is ContainerStatus.EXITED else None,
        oom_killed=bool(state.get("OOMKilled")),
        started_at=seconds(state.get("StartedAt", "")),
        finished_at=seconds(state.get("FinishedAt", "")),
        error=state.get("Error") or "",
        memory_limit_bytes=(inspected.get("HostConfig") or {}).get("Memory") or None,
    )


def is_removed_unended(inspected: Mapping[str, Any]) -> bool:
    """Whether a container is being removed that has not ended: its exit code is 0 then, and means nothing."""
    state = inspected["State"]
    return state["Status"] == "removing" and seconds(state.get("FinishedAt", "")) is None


def writings(inspected: Mapping[str, Any], *, log_bytes: int | None) -> Writings:
    """What a container has written, in what the engine says of it when asked for sizes too."""
    mounts = inspected.get("Mounts") or ()
    return Writings(
        layer_bytes=int(inspected.get("SizeRw") or 0),
        log_bytes=log_bytes,
        volumes=_written_places(mounts, "volume"),
        folders=_written_places(mounts, "bind"),
        labels=dict((inspected.get("Config") or {}).get("Labels") or {}),
    )


def _written_places(mounts: Sequence[Mapping[str, Any]], kind: str) -> dict[str, Path]:
    return {one["Destination"]: Path(one["Source"]) for one in mounts if one["Type"] == kind and one["RW"]}


def log_path(inspected: Mapping[str, Any]) -> Path | None:
    """Where the engine keeps its log of a container; None where it does not say."""
    path = inspected.get("LogPath")
    return Path(path) if path else None


def signal_name(event: Mapping[str, Any]) -> str:
    """The signal of an event of the kind "kill"; engines write its number, some its name, some nothing."""
    text = str(((event.get("Actor") or {}).get("Attributes") or {}).get("signal", ""))
    return signal.Signals(int(text)).name if text.isdigit() and int(text) in _SIGNALS else text


def signals_until(events: Iterable[Mapping[str, Any]], state: ContainerState, last: float) -> tuple[str, ...]:
    """The signals of `events` of the kind "kill" up to the moment `last`, to a container that has ended so.

    Podman tells that there was a signal, and not which: of the last one the exit code tells.
    """
    names = [signal_name(event) for event in events if event.get("timeNano", 0) <= last * _NANOSECONDS]
    if names and not names[-1] and state.exit_code is not None and state.exit_code - _SIGNALLED in _SIGNALS:
        names[-1] = signal.Signals(state.exit_code - _SIGNALLED).name
    return tuple(name for name in names if name)


def _status(name: str) -> ContainerStatus:
    return _STATUSES.get(name, ContainerStatus.EXITED)  # exited, stopped, removing, dead


def published_address(inspected: Mapping[str, Any], port: int) -> Address | None:
    """Where `port` of a container is reached; None where it is not published, or the container does not run."""
    if _status(inspected["State"]["Status"]) is not ContainerStatus.RUNNING:  # Podman tells where it was, or will be
        return None
    bindings = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    for binding in bindings.get(_tcp(port)) or ():
        return Address(host=binding["HostIp"], port=int(binding["HostPort"]))
    return None


def _tcp(port: int) -> str:
    return f"{port}/tcp"


def container_summary(listed: Mapping[str, Any]) -> ContainerSummary:
    """One container of a listing."""
    names = listed.get("Names") or [""]
    return ContainerSummary(
        container_id=listed["Id"],
        name=str(names[0]).removeprefix("/"),
        labels=dict(listed.get("Labels") or {}),
        status=_status(listed["State"]),
        created_at=float(listed.get("Created", 0)),
    )


def network_summary(listed: Mapping[str, Any]) -> NetworkSummary:
    """One network of a listing."""
    return NetworkSummary(
        network_id=listed["Id"],
        name=listed["Name"],
        labels=dict(listed.get("Labels") or {}),
        internal=bool(listed.get("Internal")),
    )


def image_facts(inspected: Mapping[str, Any]) -> ImageFacts:
    """What the engine says of an image."""
    config = inspected.get("Config") or {}
    return ImageFacts(
        digest=inspected["Id"],
        size_bytes=int(inspected.get("Size", 0)),
        entry_point=tuple(config.get("Entrypoint") or ()),
        command=tuple(config.get("Cmd") or ()),
        user=config.get("User") or "",
        architecture=inspected.get("Architecture") or "",
        labels=dict(config.get("Labels") or {}),
        operating_system=inspected.get("Os") or "",
        environment=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
    )


def engine_facts(answered: Mapping[str, Any], api_version: str) -> EngineFacts:
    """What the engine says of itself, talked to in `api_version`."""
    return EngineFacts(
        name=answered.get("Name", ""),
        version=answered.get("ServerVersion", ""),
        api_version=api_version,
        storage_driver=answered.get("Driver", ""),
        root=answered.get("DockerRootDir", ""),
        cpus=int(answered.get("NCPU", 0)),
        memory_bytes=int(answered.get("MemTotal", 0)),
        system_time=seconds(answered.get("SystemTime", "")) or 0.0,
        limits_memory=bool(answered.get("MemoryLimit", True)),
        limits_cpus=bool(answered.get("CpuCfsQuota", True)),
        limits_processes=bool(answered.get("PidsLimit", True)),
        is_rootless="name=rootless" in (answered.get("SecurityOptions") or ()),
    )


def seconds(timestamp: str) -> float | None:
    """Seconds since the epoch of an RFC 3339 timestamp; None for an empty one and for Go's "never", the year 1."""
    if not timestamp or timestamp.startswith("0001-"):
        return None
    # Nanoseconds, and any number of digits: Python wants microseconds at most.
    moment = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", timestamp))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def progress_line(event: Mapping[str, Any]) -> str:
    """One step of a pull in words, for instance "0a1b2c3d: Downloading 12.3 MB of 50.0 MB"."""
    words = str(event.get("status", "")).strip()
    if event.get("id"):
        words = f"{event['id']}: {words}"
    detail = event.get("progressDetail") or {}
    current, total = detail.get("current"), detail.get("total")
    if current and total:
        return f"{words} {current / 1e6:.1f} MB of {total / 1e6:.1f} MB"
    return words
