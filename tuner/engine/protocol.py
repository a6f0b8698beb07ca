"""What Algodock needs of a container engine.

Two implementations: `tuner.engine.docker_engine.DockerEngine` and `tuner.engine.fake.FakeEngine`. Both pass the same
conformance suite. Every method raises EngineUnreachable where no engine answers, EngineRejected where it refuses.
An engine may be used from several threads at once: one reads a container's log while others ask for states.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

#: The label that every container of ours carries; its value is the home that the container belongs to.
HOME_LABEL = "algodock.home"
#: The label with the training job's name.
JOB_LABEL = "algodock.training-job"
#: The label with the host's name within its job (``algo-1``).
HOST_LABEL = "algodock.host"
#: The label with the endpoint's name, of a container that serves a model.
ENDPOINT_LABEL = "algodock.endpoint"
#: The label with the processing job's name.
PROCESSING_JOB_LABEL = "algodock.processing-job"
#: The label with the ids of the GPUs that a container was given, commas between: what other homes on the engine see.
GPU_LABEL = "algodock.gpus"
#: The label that tells how much of each disk was free when a container was created: `tuner.jobs.disks` reads it.
FREE_DISK_LABEL = "algodock.free-disk"
#: The label of the short-lived container of `Engine.check_gpus`; it belongs to no home.
PROBE_LABEL = "algodock.gpu-probe"


class Stream(StrEnum):
    """Which of its two outputs a container wrote to."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, kw_only=True, slots=True)
class LogFrame:
    """A piece of a container's output, as the engine stored it.

    `timestamp` is the engine's own, RFC 3339 with nanoseconds. A frame is not a line: it may hold a part of one.
    The order and the cut of a container's frames are the same at every reading.
    """

    stream: Stream
    timestamp: str
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameBlock:
    """Frames of a container's output that follow each other, in columns; `content` is the engine's encoding of them.

    What is added of a log's contents, and of its frames, is the same at every reading; how many frames make a block is
    not.
    """

    content: bytes
    streams: Sequence[Stream]
    timestamps: Sequence[bytes]
    payloads: Sequence[bytes]

    def frames(self) -> Iterator[LogFrame]:
        """The frames one by one."""
        for stream, timestamp, payload in zip(self.streams, self.timestamps, self.payloads, strict=True):
            yield LogFrame(stream=stream, timestamp=timestamp.decode("ascii", "replace"), payload=payload)


class LogStream(Protocol):
    """A reading of a container's log, once, from its beginning. To be closed."""

    def __iter__(self) -> Iterator[FrameBlock]:
        """The blocks as they come. Raises EngineUnreachable where the reading breaks off and that is seen."""
        ...

    def close(self) -> None:
        """End the reading, also one that waits in another thread, where it may raise EngineUnreachable."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """A folder or file of this host, as the container sees it."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSpec:
    """All that a container is created from.

    `entry_point`, `arguments` and `user` of None keep the image's own. `gpu_ids` are the UUIDs (or indices) handed to
    the container; with none it gets ``NVIDIA_VISIBLE_DEVICES=void``, so that an image built on CUDA grabs no GPU.
    `memory_bytes`, `cpus`, `shm_bytes` of None leave the engine's default. `published_ports` makes TCP ports of the
    container, the keys, reachable on this host's loopback only; the values are ports of this host, 0 for any free one.
    In `private_network`, the name of one that was created before, the container is found under each of `aliases`;
    without one, each leads the container to itself.
    """

    name: str
    image: str
    entry_point: Sequence[str] | None = None
    arguments: Sequence[str] | None = None
    environment: Mapping[str, str]
    mounts: Sequence[Mount] = ()
    labels: Mapping[str, str]
    gpu_ids: Sequence[str] = ()
    hostname: str | None = None
    user: str | None = None
    network: bool = True
    private_network: str | None = None
    aliases: Sequence[str] = ()
    memory_bytes: int | None = None
    cpus: float | None = None
    shm_bytes: int | None = None
    pids_limit: int = 4096
    published_ports: Mapping[int, int] = field(default_factory=dict)

    @property
    def all_labels(self) -> dict[str, str]:
        """What the container is labelled with: `labels`, and which GPUs it was given, if any."""
        return {**self.labels, GPU_LABEL: ",".join(self.gpu_ids)} if self.gpu_ids else dict(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where on this host a published port of a container is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ContainerStatus(StrEnum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerState:
    """What the engine says of a container.

    `exit_code` is None unless it has exited. `started_at` and `finished_at` are seconds since the epoch, None where it
    has not happened. `error` is the engine's own text when the container could not be started. `memory_limit_bytes` is
    None without a limit; `memory_peak_bytes` is the most that it has used so far, None where that cannot be seen: on
    another machine, and mostly once it has exited.
    """

    status: ContainerStatus
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    error: str = ""
    memory_limit_bytes: int | None = None
    memory_peak_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerSummary:
    """A container in a listing; `created_at` is in seconds since the epoch, by the engine's clock."""

    container_id: str
    name: str
    labels: Mapping[str, str]
    status: ContainerStatus
    created_at: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Writings:
    """What a container has written so far, in bytes, and where else it may write.

    `layer_bytes` is what it has changed of its image. `log_bytes` is the size of the engine's own log of it, None where
    that cannot be seen. `volumes` are the engine's folders that hold the volumes of the image, `folders` those of this
    host that were mounted and can be written to: each by its place in the container.
    """

    layer_bytes: int
    log_bytes: int | None
    volumes: Mapping[str, Path]
    folders: Mapping[str, Path]
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSummary:
    """A private network in a listing; an `internal` one leads nowhere else."""

    network_id: str
    name: str
    labels: Mapping[str, str]
    internal: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What the engine says of an image.

    `size_bytes` is its size unpacked; `digest` its content-addressed id; `environment` the variables that it sets.
    """

    digest: str
    size_bytes: int
    entry_point: Sequence[str]
    command: Sequence[str]
    user: str
    architecture: str
    labels: Mapping[str, str]
    operating_system: str = "linux"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """What the engine says of itself. `root` is where it keeps its images and containers.

    `limits_memory`, `limits_cpus` and `limits_processes` are whether it can hold a container to such a limit.
    `is_rootless` is whether it runs as an ordinary user; `has_user_mode_network` whether it can give each container a
    network stack of its own, outside the kernel; `names_interfaces` whether it heeds an `interface_prefix`.
    """

    name: str
    version: str
    api_version: str
    storage_driver: str
    root: str
    cpus: int
    memory_bytes: int
    system_time: float
    limits_memory: bool = True
    limits_cpus: bool = True
    limits_processes: bool = True
    is_podman: bool = False
    is_rootless: bool = False
    has_user_mode_network: bool = False
    names_interfaces: bool = True


#: Told of a pull's progress, in the engine's own words, for instance "Downloading 12.3 MB of 50.0 MB".
PullProgress = Callable[[str], None]


class Engine(Protocol):
    """A container engine."""

    def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        ...

    def image(self, reference: str) -> ImageFacts:
        """What is known of a local image; raises ImageNotFound."""
        ...

    def pull(self, reference: str, progress: PullProgress) -> ImageFacts:
        """Fetch an image from its registry; raises ImageNotFound where there is none."""
        ...

    def find_in_registry(self, reference: str) -> str:
        """The digest of an image in its registry, without fetching it; raises ImageNotFound where none gives it."""
        ...

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, not started, and return its id; raises ImageNotFound.

        A container of the same name is a refusal, NameTaken: names are how a half-started job is found again.
        """
        ...

    def start(self, container_id: str) -> None:
        """Start a created container.

        Raises GpuUnavailable where the engine cannot hand out its GPUs, EngineRejected where the entry point cannot be
        run or a port of this host is taken, ContainerNotFound. The created container stays: the caller removes it.
        """
        ...

    def state(self, container_id: str) -> ContainerState:
        """Where the container is in its life; raises ContainerNotFound."""
        ...

    def address(self, container_id: str, port: int) -> Address:
        """Where a published `port` of a running container is reached.

        Raises ContainerNotFound, and EngineRejected where the port is not published or the container does not run.
        """
        ...

    def writings(self, container_id: str) -> Writings:
        """What a container has written to disks so far; raises ContainerNotFound. It takes a while to find out."""
        ...

    def containers(self, labels: Mapping[str, str | None]) -> Sequence[ContainerSummary]:
        """All containers, running or not, that carry all of `labels`; a value of None is any."""
        ...

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> LogStream:
        """The container's output from its beginning, or only its last `tail` frames; with `follow`, until it ends.

        Never trust the end of a following stream: Docker ends one early, without a sign, that is behind when its
        container ends, and a lost connection may look like an end too. What it gave is a beginning without a gap. Ask
        for the state, and when the container has ended read once more without `follow`. Raises ContainerNotFound.
        """
        ...

    def frames(self, container_id: str, *, follow: bool) -> Iterator[LogFrame]:
        """The frames of `log` one by one."""
        ...

    def signals(self, container_id: str, state: ContainerState) -> Sequence[str]:
        """The signals such as ``SIGTERM`` that were sent through the engine to a container that has ended so.

        Whoever sent them, the engine itself included; as far as it remembers, which may be nothing.
        """
        ...

    def started_at(self) -> float | None:
        """When the engine came up, in seconds since the epoch; None where it does not tell."""
        ...

    def signal(self, container_id: str, signal_name: str) -> None:
        """Send a signal such as ``SIGTERM`` to PID 1; a container that is not running any more is no error."""
        ...

    def remove(self, container_id: str) -> None:
        """Remove the container, killing it if need be; one that is gone already is no error."""
        ...

    def create_network(
        self, name: str, labels: Mapping[str, str], *, internal: bool, interface_prefix: str | None = None
    ) -> str:
        """Create a network of its own, in which containers find each other by their aliases, and return its id.

        An `internal` one leads nowhere else. Containers see it as the interface `interface_prefix` followed by a
        number, without it as the engine's own, ``eth0``. A network of the same name is a refusal, NameTaken.
        """
        ...

    def networks(self, labels: Mapping[str, str | None]) -> Sequence[NetworkSummary]:
        """All networks that carry all of `labels`; a value of None is any."""
        ...

    def remove_network(self, network_id: str) -> None:
        """Remove a network, by its id or name; one that is gone already is no error. Containers in it are a refusal."""
        ...

    def check_gpus(self, image: str, gpu_ids: Sequence[str]) -> None:
        """Raise GpuUnavailable unless the engine can hand `gpu_ids` to a container of `image`; leaves nothing."""
        ...
