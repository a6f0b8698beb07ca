"""The Docker engine, through its SDK, which is imported here, in `connection` and in `docker_errors` alone.

Everything of the SDK and of the libraries below it ends here; `engine_errors` turns their errors into ours.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import docker
import requests

from tuner.engine import wire
from tuner.engine.connection import EngineConnection
from tuner.engine.docker_errors import (
    ANSWER_SECONDS,
    engine_errors,
    own_words,
    raise_for_status,
    raise_if_taken,
)
from tuner.engine.frames import frames_of
from tuner.engine.gpu_sight import LOOK, SHELL, check_sight
from tuner.engine.isolation import (
    APART_LABEL,
    APART_NETWORK,
    APART_OPTIONS,
    Isolation,
    isolation,
    resolvers_in,
)
from tuner.engine.kernel_log import has_outgrown_its_memory, read_kernel_log
from tuner.engine.log_stream import HttpLogStream
from tuner.engine.memory import memory_peak
from tuner.engine.podman import check_gpus_wanted, check_sources, podman_facts
from tuner.engine.podman_events import past_events
from tuner.engine.polled_log import PolledLog
from tuner.engine.protocol import (
    PROBE_LABEL,
    Address,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    ContainerSummary,
    EngineFacts,
    ImageFacts,
    LogFrame,
    LogStream,
    NetworkSummary,
    PullProgress,
    Writings,
)
from tuner.engine.refusals import no_image, pull_refusal, start_refusal
from tuner.errors import (
    ContainerNotFound,
    EngineRejected,
    GpuUnavailable,
    ImageNotFound,
)
from tuner.profile import IsolationItem

#: How long a registry may take to answer the engine, in seconds; behind a firewall it never does.
_REGISTRY_SECONDS = 15
#: What engines say to a signal for a container that has ended: Docker, Podman.
_NOT_RUNNING = re.compile(r"is not running|can only kill running containers")
#: The option of Docker's bridge networks that names the interface inside containers.
_INTERFACE_PREFIX = "com.docker.network.container_iface_prefix"
#: What Podman says where the interface of another container goes while it looks for a free subnet, and how often it is
#: asked then: the next time it may look at a quiet moment.
_INTERFACE_GONE, _NETWORK_ATTEMPTS = "no such network interface", 5
#: The exit code of SIGKILL.
_KILLED = 137
#: How long after a container has ended the engine notes the signal that has ended it, in seconds; measured: 2 ms.
_NOTED_SECONDS = 0.02


class DockerEngine(EngineConnection):
    """The engine at `host`, for instance ``unix:///var/run/docker.sock``.

    Without `host` it is the one of the environment (DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH), as for the
    `docker` command. Nothing is contacted before the first question; an engine that comes up later is found then.
    Containers are isolated (`tuner.engine.isolation`) but for the items in `isolation_off`.
    """

    def __init__(self, host: str | None = None, *, isolation_off: Collection[IsolationItem] = ()) -> None:
        super().__init__(host)
        self._isolation_off = isolation_off
        self._facts: EngineFacts | None = None
        self._isolation: Isolation | None = None

    def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        with self._api("ask the engine about itself") as api:
            facts = wire.engine_facts(api.info(), api.api_version)
            if self._is_podman:
                response = api.get(f"{api.base_url}/v{facts.version}/libpod/info")
                raise_for_status(response)
                facts = podman_facts(facts, response.json())
            self._facts = facts
            return facts

    def image(self, reference: str) -> ImageFacts:
        """What is known of a local image; raises ImageNotFound."""
        with self._api(f"image {reference}") as api:
            try:
                return wire.image_facts(api.inspect_image(reference))
            except docker.errors.ImageNotFound as exc:
                raise no_image(reference) from exc

    def pull(self, reference: str, progress: PullProgress) -> ImageFacts:
        """Fetch an image from its registry; raises ImageNotFound where no registry gives it."""
        with self._api(f"pull {reference}") as api:
            try:
                for event in api.pull(reference, stream=True, decode=True):
                    if "error" in event:
                        raise pull_refusal(reference, str(event["error"]))
                    progress(wire.progress_line(event))
            except docker.errors.APIError as exc:
                raise pull_refusal(reference, own_words(exc)) from exc
        return self.image(reference)

    def find_in_registry(self, reference: str) -> str:
        """The digest of an image in its registry, without fetching it; raises ImageNotFound where none gives it."""
        with self._api(f"look for {reference}") as api:
            try:
                response = api.get(
                    f"{api.base_url}/v{api.api_version}/distribution/{reference}/json", timeout=_REGISTRY_SECONDS
                )
                raise_for_status(response)
            except docker.errors.APIError as exc:
                raise pull_refusal(reference, own_words(exc)) from exc
            except requests.exceptions.ReadTimeout as exc:
                raise ImageNotFound(f"no registry answered for {reference} within {_REGISTRY_SECONDS} s") from exc
            return str(response.json()["Descriptor"]["digest"])

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, not started, and return its id; raises ImageNotFound, EngineRejected."""
        apart = self._isolate()
        spec = wire.within_limits(spec, self._known)
        if self._is_podman:
            check_gpus_wanted(spec.gpu_ids)
            check_sources(spec.mounts if self._is_here else ())
        with self._api(f"create container {spec.name}") as api:
            try:
                answer = api.create_container_from_config(wire.container_request(spec, apart), name=spec.name)
            except docker.errors.ImageNotFound as exc:
                raise no_image(spec.image) from exc
            except docker.errors.APIError as exc:
                raise_if_taken(exc, spec.name)
                # A daemon whose defaults have a buffer size for json-file refuses our "blocking" beside it, and an
                # option cannot be taken back. The other file driver does not get those defaults.
                if "max-buffer-size" not in own_words(exc):
                    raise
                request = wire.container_request(spec, apart, log_driver="local")
                answer = api.create_container_from_config(request, name=spec.name)
            return str(answer["Id"])

    def _isolate(self) -> Isolation:
        """How containers are isolated on this engine; the network for that is made where it is not there."""
        if self._isolation is None:
            found = isolation(self._isolation_off, self._known, _resolvers() if self._is_here else None)
            if found.network is not None:
                self._make_apart_network()
            self._isolation = found
        return self._isolation

    @property
    def _known(self) -> EngineFacts:
        """What the engine has said of itself, or says now."""
        return self._facts or self.facts()

    def _make_apart_network(self) -> None:
        """Make the network for containers that are to be alone, unless there is one.

        Docker before 25 lets two processes make one each at the same moment, and from then on knows neither by its
        name. So whoever made one looks again, and all of them leave the same one.
        """
        labels = {APART_LABEL: "true"}
        if self.networks(labels):
            return
        with self._api(f"create network {APART_NETWORK}") as api:
            try:
                api.create_network(APART_NETWORK, "bridge", APART_OPTIONS, check_duplicate=True, labels=labels)
            except docker.errors.APIError as exc:
                if "already exists" not in own_words(exc):
                    raise
        for one in sorted(self.networks(labels), key=lambda network: network.network_id)[1:]:
            self.remove_network(one.network_id)

    def start(self, container_id: str) -> None:
        """Start a created container; raises GpuUnavailable, EngineRejected, ContainerNotFound."""
        with self._api(f"start container {container_id}") as api:
            try:
                try:
                    api.start(container_id)
                except docker.errors.NotFound as exc:
                    if f"network {APART_NETWORK} not found" not in own_words(exc):
                        raise
                    self._make_apart_network()  # somebody has removed it since the container was created
                    api.start(container_id)
            except docker.errors.NotFound as exc:
                # No such container; else what the container needs is not there: its network, or, for some engines,
                # its entry point.
                api.inspect_container(container_id)
                raise start_refusal(own_words(exc), is_failure=False) from exc
            except docker.errors.APIError as exc:
                raise start_refusal(own_words(exc), is_failure=exc.is_server_error()) from exc

    def state(self, container_id: str) -> ContainerState:
        """Where the container is in its life; raises ContainerNotFound."""
        with self._api(f"container {container_id}") as api:
            inspected = api.inspect_container(container_id)
        if wire.is_removed_unended(inspected):
            raise ContainerNotFound(f"container {container_id}: it is being removed")
        state = wire.container_state(inspected)
        if state.status is ContainerStatus.RUNNING:
            return replace(state, memory_peak_bytes=memory_peak(container_id))
        return replace(state, oom_killed=True) if self._has_outgrown_its_memory(container_id, state) else state

    def _has_outgrown_its_memory(self, container_id: str, state: ContainerState) -> bool:
        """Whether the kernel says so where the engine has not noticed (Podman 4.3 with cgroup version 1)."""
        was_killed = state.exit_code == _KILLED and state.memory_limit_bytes is not None and not state.oom_killed
        return was_killed and self._is_here and has_outgrown_its_memory(container_id, read_kernel_log())

    def address(self, container_id: str, port: int) -> Address:
        """Where a published `port` of a running container is reached; raises ContainerNotFound, EngineRejected."""
        with self._api(f"container {container_id}") as api:
            address = wire.published_address(api.inspect_container(container_id), port)
        if address is None:
            raise EngineRejected(f"container {container_id}: no port {port} is published now")
        return address

    def writings(self, container_id: str) -> Writings:
        """What a container has written to disks so far; raises ContainerNotFound."""
        with self._api(f"what container {container_id} has written") as api:
            response = api.get(f"{api.base_url}/v{api.api_version}/containers/{container_id}/json", params={"size": 1})
            raise_for_status(response)
        inspected = response.json()
        return wire.writings(inspected, log_bytes=_size(wire.log_path(inspected)) if self._is_here else None)

    def containers(self, labels: Mapping[str, str | None]) -> Sequence[ContainerSummary]:
        """All containers, running or not, that carry all of `labels`; a value of None is any."""
        wanted = {"label": wire.label_filter(labels)}
        with self._api("list containers") as api:
            return tuple(wire.container_summary(one) for one in api.containers(all=True, filters=wanted))

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> LogStream:
        """The container's output from its beginning, or only its last `tail` frames; with `follow`, until it ends.

        The SDK's own log stream takes a broken connection for the end of the log; so the response is read here. Raises
        ContainerNotFound.
        """
        if follow and tail is None and self._is_podman:
            self.state(container_id)
            return PolledLog(
                lambda: self.log(container_id, follow=False),
                lambda: self.state(container_id).status is ContainerStatus.EXITED,
            )
        action = f"log of container {container_id}"
        with self._api(action) as api:
            response = api.get(
                f"{api.base_url}/v{api.api_version}/containers/{container_id}/logs",
                params={
                    "stdout": 1,
                    "stderr": 1,
                    "timestamps": 1,
                    "follow": int(follow),
                    "tail": "all" if tail is None else tail,
                },
                stream=True,
                timeout=(ANSWER_SECONDS, None if follow else ANSWER_SECONDS),
            )
            try:
                raise_for_status(response)
            except docker.errors.APIError as exc:
                if "marked for removal" not in own_words(exc):
                    raise
                raise ContainerNotFound(f"{action}: it is being removed") from exc
        return HttpLogStream(response, lambda: engine_errors(action, self.host), follow=follow)

    def frames(self, container_id: str, *, follow: bool) -> Iterator[LogFrame]:
        """The frames of `log` one by one."""
        return frames_of(self.log(container_id, follow=follow))

    def signals(self, container_id: str, state: ContainerState) -> Sequence[str]:
        """The signals that were sent through the engine to a container that has ended so, as far as it remembers.

        Docker remembers its last 256 events, and none from before it came up.
        """
        if state.started_at is None or state.finished_at is None:
            return ()
        # An event is noted just after the signal; "until" some time to come would wait for it.
        since, until = state.started_at, state.finished_at + _NOTED_SECONDS
        kills = {"container": [container_id], "event": ["kill"]}
        with self._api(f"events of container {container_id}") as api:
            try:
                if self._is_podman:
                    events = past_events(api, int(since), kills)
                else:
                    events = api.events(since=f"{since:.6f}", until=f"{until:.6f}", filters=kills, decode=True)
                return wire.signals_until(events, state, until)
            except docker.errors.APIError:
                return ()  # an engine that keeps no events

    def started_at(self) -> float | None:
        """When the engine came up: then it makes its default network anew, unless containers of an earlier run use it.

        Those containers have outlived the restart, so for them there was none.
        """
        with self._api("ask the engine when it came up") as api:
            try:
                return wire.seconds(api.inspect_network("bridge")["Created"])
            except (docker.errors.APIError, KeyError):
                return None  # an engine without that network

    def signal(self, container_id: str, signal_name: str) -> None:
        """Send a signal such as ``SIGTERM`` to PID 1; a container that is not running any more is no error."""
        with self._api(f"{signal_name} to container {container_id}") as api:
            try:
                api.kill(container_id, signal=signal_name)
            except docker.errors.APIError as exc:
                if not _NOT_RUNNING.search(own_words(exc)):
                    raise

    def remove(self, container_id: str) -> None:
        """Remove the container, killing it if need be; one that is gone already is no error."""
        with self._api(f"remove container {container_id}") as api:
            try:
                api.remove_container(container_id, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as exc:
                if "is already in progress" not in own_words(exc):
                    raise

    def create_network(
        self, name: str, labels: Mapping[str, str], *, internal: bool, interface_prefix: str | None = None
    ) -> str:
        """Create a private network and return its id; raises EngineRejected."""
        options = None if interface_prefix is None else {_INTERFACE_PREFIX: interface_prefix}
        with self._api(f"create network {name}") as api:
            for attempts_left in reversed(range(_NETWORK_ATTEMPTS)):
                try:
                    made = api.create_network(
                        name, "bridge", options, internal=internal, labels=dict(labels), check_duplicate=True
                    )
                    break
                except docker.errors.APIError as exc:
                    raise_if_taken(exc, name)
                    if not attempts_left or _INTERFACE_GONE not in own_words(exc):
                        raise
            return str(made["Id"])

    def networks(self, labels: Mapping[str, str | None]) -> Sequence[NetworkSummary]:
        """All networks that carry all of `labels`; a value of None is any."""
        wanted = {"label": wire.label_filter(labels)}
        with self._api("list networks") as api:
            return tuple(wire.network_summary(one) for one in api.networks(filters=wanted))

    def remove_network(self, network_id: str) -> None:
        """Remove a network; one that is gone already is no error. Raises EngineRejected for one in use."""
        with self._api(f"remove network {network_id}") as api:
            try:
                api.remove_network(network_id)
            except docker.errors.NotFound:
                return

    def check_gpus(self, image: str, gpu_ids: Sequence[str]) -> None:
        """Raise GpuUnavailable unless a container of `image` gets `gpu_ids`, and sees no others; leaves nothing behind.

        The image's shell looks from inside. Devices are handed out before a program is looked for: where the refusal is
        about the shell, which an image need not have, the GPUs were there, and nobody could look.
        """
        probe = ContainerSpec(
            name=f"algodock-gpu-probe-{uuid4().hex[:12]}",
            image=image,
            entry_point=(SHELL, "-c", LOOK),
            arguments=(),
            environment={},
            labels={PROBE_LABEL: "true"},
            gpu_ids=tuple(gpu_ids),
            network=False,
        )
        container_id = self.create(probe)
        try:
            self.start(container_id)
            with self._api(f"container {container_id}") as api:
                api.wait(container_id, timeout=ANSWER_SECONDS)
            seen = b"".join(frame.payload for frame in self.frames(container_id, follow=False))
            check_sight(seen.decode(errors="replace"), gpu_ids)
        except GpuUnavailable:
            raise
        except EngineRejected as exc:
            if SHELL not in str(exc):
                raise
        finally:
            self.remove(container_id)


def _size(file: Path | None) -> int | None:
    """The size of a file in bytes; None where that cannot be seen: an engine's folder need not let us in."""
    try:
        return None if file is None else file.stat().st_size
    except OSError:
        return None


def _resolvers() -> list[str]:
    """The addresses of this machine's name servers, those behind systemd's own included."""
    files = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
    return [one for file in files if file.is_file() for one in resolvers_in(file.read_text(errors="replace"))]
