"""A container engine in memory, whose containers are Python programs.

It ships, because whoever builds on `Engine` wants to test without containers. Nothing sleeps and no thread is needed: a
program runs when its container starts, and where it is a generator, it stands still at each ``yield`` until
`FakeEngine.advance`.

    def train(run: FakeContainer) -> Iterator[None]:
        run.print("epoch 1: accuracy=0.5")
        yield                                     # the container is seen running here
        run.write_model("weights")
        return 0                                  # the exit code; None is 0 too

    engine = FakeEngine({"my-image": train})

Files are real: what a program writes under a mount lands in the mount's source on this host.
"""

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Condition

from tuner.engine.fake_container import FakeContainer, Program
from tuner.engine.fake_log import FakeLogStream
from tuner.engine.frames import frames_of
from tuner.engine.protocol import (
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
    Writings,
)
from tuner.errors import (
    ContainerNotFound,
    EngineError,
    EngineRejected,
    EngineUnreachable,
    GpuUnavailable,
    ImageNotFound,
    NameTaken,
)

#: The time at which a fake engine's clock stands unless it is given one; seconds since the epoch.
START_SECONDS = 1_700_000_000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeImage:
    """An image; `program` is what any container of it runs, None stands for an entry point that cannot be run."""

    program: Program | None
    entry_point: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    size_bytes: int = 1_000_000
    labels: Mapping[str, str] | None = None
    architecture: str = "amd64"
    environment: Mapping[str, str] | None = None


class FakeEngine:
    """A container engine in memory.

    What a test may set at any time: `images` and `registry` (what `pull` finds) by reference, `gpus` (the ids that can
    be handed out), `reachable`, `started` (when it came up), and `clock`. `auto_advance` lets each question for a
    container's state move its program one step on, for tests of loops that poll. `removed` keeps the containers that
    were removed, oldest first.
    """

    def __init__(
        self,
        images: Mapping[str, Program | FakeImage] | None = None,
        *,
        gpus: Sequence[str] = (),
        clock: Callable[[], float] = lambda: START_SECONDS,
        auto_advance: bool = False,
    ) -> None:
        self.images: dict[str, Program | FakeImage] = dict(images or {})
        self.registry: dict[str, Program | FakeImage] = {}
        self.gpus = tuple(gpus)
        self.clock = clock
        self.auto_advance = auto_advance
        self.started: float | None = None
        self._reachable = True
        self.removed: list[FakeContainer] = []
        self._containers: dict[str, FakeContainer] = {}
        self._networks: dict[str, NetworkSummary] = {}
        self._numbers = itertools.count(1)
        self._changed = Condition()  # guards all of the above, and wakes followers
        self._follow_generation = 0
        self._follow_limits: deque[int] = deque()
        self._refusals: defaultdict[str, deque[EngineError]] = defaultdict(deque)

    # What a test does to the engine and its containers.

    @property
    def reachable(self) -> bool:
        """Whether the engine answers. Going away ends all followers, as a daemon's restart does; containers live on."""
        return self._reachable

    @reachable.setter
    def reachable(self, value: bool) -> None:
        self._reachable = value
        if not value:
            self.drop_followers()

    def refuse_next(self, method: str, error: EngineError) -> None:
        """Let the next call of `method` (``"create"``, ``"start"``...) raise `error`; may be said several times."""
        self._refusals[method].append(error)

    def drop_followers(self) -> None:
        """End all following iterators now, without an error: what a lost connection looks like at its worst."""
        with self._changed:
            self._follow_generation += 1
            self._changed.notify_all()

    def drop_next_follower_after(self, frames: int) -> None:
        """Let the next following iterator end after `frames` frames, whatever comes then; may be said several times."""
        self._follow_limits.append(frames)

    def container(self, name: str) -> FakeContainer:
        """The container of that name or id, for a look inside; raises ContainerNotFound."""
        with self._changed:
            for one in self._containers.values():
                if name in {one.container_id, one.spec.name}:
                    return one
        raise ContainerNotFound(f"no such container: {name}")

    def advance(self, name: str | None = None) -> None:
        """Let the programs of all running containers, or only of the one called `name`, go on to the next yield."""
        with self._changed:
            chosen = tuple(self._containers.values()) if name is None else (self.container(name),)
        for one in chosen:
            one.advance()

    def finish(self, name: str, exit_code: int, *, oom_killed: bool = False) -> None:
        """End a running container from outside: killed by the kernel, by somebody's hand, by a restart of the host."""
        self.container(name).end(exit_code, oom_killed=oom_killed)

    # The Engine protocol.

    def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        self._enter("facts")
        return EngineFacts(
            name="fake",
            version="0",
            api_version="1.41",
            storage_driver="memory",
            root="/",
            cpus=2,
            memory_bytes=8_000_000_000,
            system_time=self.clock(),
        )

    def image(self, reference: str) -> ImageFacts:
        """What is known of a local image; raises ImageNotFound."""
        self._enter("image")
        known = self._image(reference)
        return ImageFacts(
            digest=_digest(reference),
            size_bytes=known.size_bytes,
            entry_point=tuple(known.entry_point),
            command=tuple(known.command),
            user=known.user,
            architecture=known.architecture,
            labels=dict(known.labels or {}),
            environment=dict(known.environment or {}),
        )

    def pull(self, reference: str, progress: PullProgress) -> ImageFacts:
        """Take an image over from `registry`; raises ImageNotFound."""
        self._enter("pull")
        if reference not in self.registry:
            raise ImageNotFound(f"no registry gave the image {reference}: not found")
        progress(f"Pulling from {reference}")
        self.images[reference] = self.registry[reference]
        progress("Pull complete")
        return self.image(reference)

    def find_in_registry(self, reference: str) -> str:
        """The digest of an image in `registry`; raises ImageNotFound."""
        self._enter("find_in_registry")
        if reference not in self.registry:
            raise ImageNotFound(f"no registry gave the image {reference}: not found")
        return _digest(reference)

    def create(self, spec: ContainerSpec) -> str:
        """Create a container, not started; raises ImageNotFound, EngineRejected."""
        self._enter("create")
        program = self._image(spec.image).program
        for mount in spec.mounts:
            if not mount.source.exists():
                raise EngineRejected(f"create container {spec.name}: bind source path does not exist: {mount.source}")
        if spec.private_network is not None and spec.private_network not in self._networks:
            raise EngineRejected(f"create container {spec.name}: network {spec.private_network} not found")
        with self._changed:
            if any(one.spec.name == spec.name for one in self._containers.values()):
                raise NameTaken(f"create container {spec.name}: the name is already in use by another container")
            container_id = f"{next(self._numbers):064x}"
            self._containers[container_id] = FakeContainer(container_id, spec, program, self.clock, self._changed)
        return container_id

    def start(self, container_id: str) -> None:
        """Start a created container: run its program up to its first yield, or to its end."""
        self._enter("start")
        one = self.container(container_id)
        missing = [gpu for gpu in one.spec.gpu_ids if gpu not in self.gpus]
        if missing:
            one.error = f"could not select device driver with capabilities: [[gpu]] for {', '.join(missing)}"
            raise GpuUnavailable(f"The engine cannot hand out the GPUs: {one.error}")
        if one.program is None:
            words = (*(one.spec.entry_point or ()), *(one.spec.arguments or ()), "train")
            one.error = f'exec: "{words[0]}": executable file not found in $PATH'
            raise EngineRejected(f'The image\'s entry point "{words[0]}" cannot be run: not found in $PATH.')
        try:
            one.publish()
        except OSError as error:
            one.error = str(error)
            raise EngineRejected(f"The container could not be started: {error}") from error
        one.start()

    def state(self, container_id: str) -> ContainerState:
        """Where the container is in its life; raises ContainerNotFound."""
        self._enter("state")
        one = self.container(container_id)
        if self.goes_on(one):
            one.advance()
        return one.state()

    def goes_on(self, one: FakeContainer) -> bool:  # noqa: ARG002 - for engines of tests that look at it
        """Whether a container goes on when it is asked for its state."""
        return self.auto_advance

    def address(self, container_id: str, port: int) -> Address:
        """Where a published `port` of a running container is reached; raises ContainerNotFound, EngineRejected."""
        self._enter("address")
        address = self.container(container_id).address(port)
        if address is None:
            raise EngineRejected(f"container {container_id}: no port {port} is published now")
        return address

    def writings(self, container_id: str) -> Writings:
        """What a container has written so far: to its layer as its program says, to its log and mounts for real."""
        self._enter("writings")
        one = self.container(container_id)
        return Writings(
            layer_bytes=one.layer_bytes,
            log_bytes=sum(len(frame.payload) for frame in one.frames),
            volumes={},
            folders={mount.target: mount.source for mount in one.spec.mounts if not mount.read_only},
            labels=one.spec.all_labels,
        )

    def containers(self, labels: Mapping[str, str | None]) -> Sequence[ContainerSummary]:
        """All containers, running or not, that carry all of `labels`; a value of None is any."""
        self._enter("containers")
        with self._changed:
            return tuple(
                ContainerSummary(
                    container_id=one.container_id,
                    name=one.spec.name,
                    labels=one.spec.all_labels,
                    status=one.state().status,
                    created_at=one.created_at,
                )
                for one in self._containers.values()
                if _carries(one.spec.all_labels, labels)
            )

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> FakeLogStream:
        """The container's output from its beginning, or its last `tail` frames; `follow` waits for more, or its end."""
        self._enter("log")
        one = self.container(container_id)
        frames = one.frames if tail is None else one.frames[max(len(one.frames) - tail, 0) :]
        if not follow:
            return FakeLogStream(tuple(frames), self._changed, has_ended=lambda: True, is_dropped=lambda: False)
        generation = self._follow_generation
        return FakeLogStream(
            frames,
            self._changed,
            has_ended=lambda: self._has_ended(one),
            is_dropped=lambda: self._follow_generation != generation,
            limit=self._follow_limits.popleft() if self._follow_limits else None,
        )

    def frames(self, container_id: str, *, follow: bool) -> Iterator[LogFrame]:
        """The frames of `log` one by one."""
        return frames_of(self.log(container_id, follow=follow))

    def signals(self, container_id: str, state: ContainerState) -> Sequence[str]:  # noqa: ARG002 - it forgets nothing
        """The signals that were sent to the container while it ran."""
        self._enter("signals")
        return tuple(self.container(container_id).signals)

    def started_at(self) -> float | None:
        """When the engine came up, as `started` says."""
        self._enter("started_at")
        return self.started

    def signal(self, container_id: str, signal_name: str) -> None:
        """Send a signal to the program; a container that is not running any more is no error."""
        self._enter("signal")
        self.container(container_id).signal(signal_name)

    def remove(self, container_id: str) -> None:
        """Remove the container, killing it if need be; one that is gone already is no error."""
        self._enter("remove")
        try:
            one = self.container(container_id)
        except ContainerNotFound:
            return
        one.signal("SIGKILL")
        with self._changed:
            if self._containers.pop(one.container_id, None):
                self.removed.append(one)
            self._changed.notify_all()

    def create_network(
        self,
        name: str,
        labels: Mapping[str, str],
        *,
        internal: bool,
        interface_prefix: str | None = None,  # noqa: ARG002 - containers in memory have no interfaces
    ) -> str:
        """Create a private network, of which nothing is kept but what is listed; raises EngineRejected."""
        self._enter("create_network")
        if name in self._networks:
            raise NameTaken(f"create network {name}: network with name {name} already exists")
        network_id = f"{next(self._numbers):064x}"
        self._networks[name] = NetworkSummary(network_id=network_id, name=name, labels=dict(labels), internal=internal)
        return network_id

    def networks(self, labels: Mapping[str, str | None]) -> Sequence[NetworkSummary]:
        """All networks that carry all of `labels`; a value of None is any."""
        self._enter("networks")
        return tuple(one for one in self._networks.values() if _carries(one.labels, labels))

    def remove_network(self, network_id: str) -> None:
        """Remove a network; one that is gone already is no error. Raises EngineRejected for one in use."""
        self._enter("remove_network")
        name = next((one.name for one in self._networks.values() if network_id in {one.network_id, one.name}), None)
        if name is None:
            return
        if any(one.spec.private_network == name for one in self._containers.values()):
            raise EngineRejected(f"remove network {name}: network {name} has active endpoints")
        del self._networks[name]

    def check_gpus(self, image: str, gpu_ids: Sequence[str]) -> None:
        """Raise GpuUnavailable unless all of `gpu_ids` are among `gpus`; raises ImageNotFound."""
        self._enter("check_gpus")
        self._image(image)
        missing = [gpu for gpu in gpu_ids if gpu not in self.gpus]
        if missing:
            raise GpuUnavailable(f"The engine cannot hand out the GPUs: {', '.join(missing)}")

    # Inside.

    def _enter(self, method: str) -> None:
        if not self._reachable:
            raise EngineUnreachable("No container engine answers at fake://: it was told not to.")
        if self._refusals[method]:
            raise self._refusals[method].popleft()

    def _image(self, reference: str) -> FakeImage:
        known = self.images.get(reference)
        if known is None:
            raise ImageNotFound(f"The engine has no image {reference}.")
        return known if isinstance(known, FakeImage) else FakeImage(program=known)

    def _has_ended(self, one: FakeContainer) -> bool:
        return one.container_id not in self._containers or one.state().status is ContainerStatus.EXITED


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(name in labels and value in {None, labels[name]} for name, value in wanted.items())


def _digest(reference: str) -> str:
    return f"sha256:{sha256(reference.encode()).hexdigest()}"
