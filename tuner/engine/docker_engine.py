"""The Docker engine, through its SDK: the only import of that SDK in the project.

Everything of the SDK and of the libraries below it ends here: `_TRANSLATION` turns their errors into ours.
"""

import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Self
from uuid import uuid4

import docker
import requests
import urllib3

from tuner.engine import wire
from tuner.engine.frames import frames_of
from tuner.engine.log_stream import HttpLogStream
from tuner.engine.memory import memory_peak
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
    NetworkSummary,
    PullProgress,
)
from tuner.engine.refusals import no_image, pull_refusal, start_refusal
from tuner.errors import (
    ContainerNotFound,
    EngineError,
    EngineFailed,
    EngineRejected,
    EngineUnreachable,
    GpuUnavailable,
    ImageNotFound,
)

#: How long the engine may take to answer anything but a followed log or a pull, in seconds. Removing a container with
#: a large file system on a slow disk is the longest.
ANSWER_SECONDS = 120
#: How long a registry may take to answer the engine, in seconds; behind a firewall it never does.
_REGISTRY_SECONDS = 15
#: Connections kept open; a follower of a log holds one. More than that many work too, but are made anew each time.
_CONNECTIONS = 128
#: The option of Docker's bridge networks that names the interface inside containers.
_INTERFACE_PREFIX = "com.docker.network.container_iface_prefix"
#: How long after a container has ended the engine notes the signal that has ended it, in seconds; measured: 2 ms.
_NOTED_SECONDS = 0.02
_NOTHING_LISTENS = {errno.ENOENT, errno.ECONNREFUSED}
#: A program that no image has; see `DockerEngine.check_gpus`.
_PROBE_PROGRAM = "/algodock-gpu-probe"

#: Foreign errors and ours, specific first.
_TRANSLATION: tuple[tuple[type[Exception], type[EngineError]], ...] = (
    (docker.errors.ImageNotFound, ImageNotFound),
    (docker.errors.NotFound, ContainerNotFound),
    (docker.errors.APIError, EngineRejected),
    (docker.errors.ContainerError, EngineRejected),
    (docker.errors.BuildError, EngineRejected),
    (docker.errors.ImageLoadError, EngineRejected),
    (docker.errors.InvalidArgument, EngineRejected),
    (docker.errors.InvalidRepository, EngineRejected),
    (docker.errors.NullResource, EngineRejected),
    (docker.errors.DeprecatedMethod, EngineRejected),
    (docker.errors.StreamParseError, EngineRejected),
    # The rest of the SDK's own is about how to get to the engine: TLS files, contexts, API versions.
    (docker.errors.DockerException, EngineUnreachable),
    (requests.exceptions.RequestException, EngineUnreachable),
    (urllib3.exceptions.HTTPError, EngineUnreachable),
    (urllib3.exceptions.ProxySchemeUnsupported, EngineUnreachable),
    (OSError, EngineUnreachable),
)


def translation(raised: type[Exception]) -> type[EngineError] | None:
    """Which of our errors stands for a foreign one; None for what is not the engine's, but a defect of ours."""
    return next((ours for foreign, ours in _TRANSLATION if issubclass(raised, foreign)), None)


def _text(exc: Exception) -> str:
    explanation = getattr(exc, "explanation", None)  # the engine's own words, without the URL around them
    return str(explanation) if explanation else str(exc)


@contextmanager
def _engine_errors(action: str, host: str) -> Iterator[None]:
    try:
        yield
    except EngineError:
        raise
    except Exception as exc:
        ours = translation(type(exc))
        if ours is None:
            raise
        if ours is EngineUnreachable:
            raise _unreachable(exc, host) from exc
        if ours is EngineRejected and isinstance(exc, docker.errors.APIError) and exc.is_server_error():
            ours = EngineFailed
        raise ours(f"{action}: {_text(exc)}") from exc


def _unreachable(exc: Exception, host: str) -> EngineUnreachable:
    """What is wrong on the way to the engine, and what to do about it."""
    causes = set(_error_numbers(exc))
    if causes & {errno.EACCES, errno.EPERM}:
        return EngineUnreachable(
            f"You may not use the container engine at {host} (permission denied). "
            "Add yourself to its group (`sudo usermod -aG docker $USER`, then log in again), or run as root."
        )
    if isinstance(exc, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return EngineUnreachable(
            f"The container engine at {host} did not answer within {ANSWER_SECONDS} s. "
            "If the machine is not merely overloaded, restart the engine (`sudo systemctl restart docker`)."
        )
    if isinstance(exc, requests.exceptions.ChunkedEncodingError | urllib3.exceptions.ProtocolError):
        return EngineUnreachable(
            f"The connection to the container engine at {host} broke: {_text(exc)}. Is it restarting?"
        )
    reason = "nothing listens there" if causes & _NOTHING_LISTENS else _text(exc)
    return EngineUnreachable(
        f"No container engine answers at {host}: {reason}. "
        "Start it (`sudo systemctl start docker`, or `make setup` in a checkout), or set DOCKER_HOST."
    )


def _error_numbers(exc: BaseException | None) -> Iterator[int]:
    """The numbers of the system errors that `exc` wraps; the SDK and its libraries keep them as causes or arguments."""
    pending: list[object] = [exc]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, tuple):
            pending.extend(one)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and isinstance(one.errno, int):
            yield one.errno
        pending += [one.__cause__, one.__context__, one.args, getattr(one, "reason", None)]


class DockerEngine:
    """The engine at `host`, for instance ``unix:///var/run/docker.sock``.

    Without `host` it is the one of the environment (DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH), as for the
    `docker` command. Nothing is contacted before the first question; an engine that comes up later is found then.
    """

    def __init__(self, host: str | None = None) -> None:
        self._settings = {"base_url": host} if host else docker.utils.kwargs_from_env()
        self._connection: docker.APIClient | None = None
        self._connecting = Lock()

    def __enter__(self) -> Self:
        """Use the engine in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections that are not in use; a later question opens new ones."""
        with self._connecting:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @property
    def host(self) -> str:
        """Where the engine is looked for."""
        return str(self._settings.get("base_url") or "unix:///var/run/docker.sock")

    @contextmanager
    def _api(self, action: str) -> Iterator[docker.APIClient]:
        """The SDK's client, for `action`, with its errors translated."""
        with _engine_errors(action, self.host):
            with self._connecting:
                if self._connection is None:
                    self._connection = self._connect()
                connection = self._connection
            try:
                yield connection
            except requests.exceptions.ConnectionError as exc:
                # Nothing listens any more: look for it anew next time, it may come back with another version.
                if set(_error_numbers(exc)) & _NOTHING_LISTENS:
                    self.close()
                raise

    def _connect(self) -> docker.APIClient:
        if self.host.startswith("unix://"):
            # The SDK leaves its socket open where it cannot connect, which Python reports as a leak later on.
            with socket.socket(socket.AF_UNIX) as attempt:
                attempt.settimeout(ANSWER_SECONDS)
                attempt.connect(self.host.removeprefix("unix://"))
        return docker.APIClient(**self._settings, version="auto", timeout=ANSWER_SECONDS, max_pool_size=_CONNECTIONS)

    def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        with self._api("ask the engine about itself") as api:
            return wire.engine_facts(api.info(), api.api_version)

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
                raise pull_refusal(reference, _text(exc)) from exc
        return self.image(reference)

    def find_in_registry(self, reference: str) -> str:
        """The digest of an image in its registry, without fetching it; raises ImageNotFound where none gives it."""
        with self._api(f"look for {reference}") as api:
            try:
                response = api.get(
                    f"{api.base_url}/v{api.api_version}/distribution/{reference}/json", timeout=_REGISTRY_SECONDS
                )
                _raise_for_status(response)
            except docker.errors.APIError as exc:
                raise pull_refusal(reference, _text(exc)) from exc
            except requests.exceptions.ReadTimeout as exc:
                raise ImageNotFound(f"no registry answered for {reference} within {_REGISTRY_SECONDS} s") from exc
            return str(response.json()["Descriptor"]["digest"])

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, not started, and return its id; raises ImageNotFound, EngineRejected."""
        with self._api(f"create container {spec.name}") as api:
            try:
                answer = api.create_container_from_config(wire.container_request(spec), name=spec.name)
            except docker.errors.ImageNotFound as exc:
                raise no_image(spec.image) from exc
            except docker.errors.APIError as exc:
                # A daemon whose defaults have a buffer size for json-file refuses our "blocking" beside it, and an
                # option cannot be taken back. The other file driver does not get those defaults.
                if "max-buffer-size" not in _text(exc):
                    raise
                request = wire.container_request(spec, log_driver="local")
                answer = api.create_container_from_config(request, name=spec.name)
            return str(answer["Id"])

    def start(self, container_id: str) -> None:
        """Start a created container; raises GpuUnavailable, EngineRejected, ContainerNotFound."""
        with self._api(f"start container {container_id}") as api:
            try:
                api.start(container_id)
            except docker.errors.NotFound as exc:
                # No such container; else what the container needs is not there: its network, or, for some engines,
                # its entry point.
                api.inspect_container(container_id)
                raise start_refusal(_text(exc), is_failure=False) from exc
            except docker.errors.APIError as exc:
                raise start_refusal(_text(exc), is_failure=exc.is_server_error()) from exc

    def state(self, container_id: str) -> ContainerState:
        """Where the container is in its life; raises ContainerNotFound."""
        with self._api(f"container {container_id}") as api:
            state = wire.container_state(api.inspect_container(container_id))
        if state.status is ContainerStatus.RUNNING:
            return replace(state, memory_peak_bytes=memory_peak(container_id))
        return state

    def address(self, container_id: str, port: int) -> Address:
        """Where a published `port` of a running container is reached; raises ContainerNotFound, EngineRejected."""
        with self._api(f"container {container_id}") as api:
            address = wire.published_address(api.inspect_container(container_id), port)
        if address is None:
            raise EngineRejected(f"container {container_id}: no port {port} is published now")
        return address

    def containers(self, labels: Mapping[str, str | None]) -> Sequence[ContainerSummary]:
        """All containers, running or not, that carry all of `labels`; a value of None is any."""
        wanted = {"label": wire.label_filter(labels)}
        with self._api("list containers") as api:
            return tuple(wire.container_summary(one) for one in api.containers(all=True, filters=wanted))

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> HttpLogStream:
        """The container's output from its beginning, or only its last `tail` frames; with `follow`, until it ends.

        The SDK's own log stream takes a broken connection for the end of the log; so the response is read here. Raises
        ContainerNotFound.
        """
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
            _raise_for_status(response)
        return HttpLogStream(response, lambda: _engine_errors(action, self.host), follow=follow)

    def frames(self, container_id: str, *, follow: bool) -> Iterator[LogFrame]:
        """The frames of `log` one by one."""
        return frames_of(self.log(container_id, follow=follow))

    def signals(self, container_id: str, state: ContainerState) -> Sequence[str]:
        """The signals that were sent through the engine to a container that has ended so, as far as it remembers.

        Docker remembers its last 256 events, and none from before it came up.
        """
        if state.started_at is None or state.finished_at is None:
            return ()
        with self._api(f"events of container {container_id}") as api:
            try:
                events = api.events(
                    since=f"{state.started_at:.6f}",
                    # An event is noted just after the signal; "until" some time to come would wait for it.
                    until=f"{state.finished_at + _NOTED_SECONDS:.6f}",
                    filters={"container": [container_id], "event": ["kill"]},
                    decode=True,
                )
                return tuple(wire.signal_name(event) for event in events)
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
                if "is not running" not in _text(exc):
                    raise

    def remove(self, container_id: str) -> None:
        """Remove the container, killing it if need be; one that is gone already is no error."""
        with self._api(f"remove container {container_id}") as api:
            try:
                api.remove_container(container_id, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as exc:
                if "is already in progress" not in _text(exc):
                    raise

    def create_network(
        self, name: str, labels: Mapping[str, str], *, internal: bool, interface_prefix: str | None = None
    ) -> str:
        """Create a private network and return its id; raises EngineRejected."""
        with self._api(f"create network {name}") as api:
            made = api.create_network(
                name,
                driver="bridge",
                options=None if interface_prefix is None else {_INTERFACE_PREFIX: interface_prefix},
                internal=internal,
                labels=dict(labels),
                check_duplicate=True,
            )
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
        """Raise GpuUnavailable unless the engine can hand `gpu_ids` to a container of `image`; leaves nothing behind.

        A container is started whose program does not exist. Devices are handed out before the program is looked for:
        where the refusal is about the program, the GPUs were there.
        """
        probe = ContainerSpec(
            name=f"algodock-gpu-probe-{uuid4().hex[:12]}",
            image=image,
            entry_point=(_PROBE_PROGRAM,),
            environment={},
            labels={PROBE_LABEL: "true"},
            gpu_ids=tuple(gpu_ids),
            network=False,
        )
        container_id = self.create(probe)
        try:
            self.start(container_id)
        except GpuUnavailable:
            raise
        except EngineRejected as exc:
            if _PROBE_PROGRAM not in str(exc):
                raise
        finally:
            self.remove(container_id)


def _raise_for_status(response: requests.Response) -> None:
    """Raise the SDK's error for an answer that is a refusal, as the SDK itself does."""
    try:
        response.raise_for_status()
    except requests.exceptions.HTTPError as exc:
        docker.errors.create_api_error_from_http_exception(exc)
