"""GPUs for what runs in a home: leased in the home's store, and not used while somebody else uses them.

A lease keeps the jobs of one home apart. Other homes on the same engine are told by the labels of their containers
(`tuner.engine.gpu_neighbours`), and everybody else on the machine by how full a GPU's memory is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from contracts.jobs import JobKind
from tuner.engine.gpu_neighbours import gpus_of_others
from tuner.engine.gpus import GpuMemory, ReadGpuMemory
from tuner.engine.protocol import (
    ENDPOINT_LABEL,
    GPU_LABEL,
    HOME_LABEL,
    ContainerStatus,
    ContainerSummary,
    Engine,
)
from tuner.profile import HostProfile
from tuner.store.lock import hold
from tuner.store.records import CHECK, ENDPOINT, GpuHolder
from tuner.store.sqlite_store import Store

#: What was seen of other homes and of the memory is good for so long, in seconds.
LOOK_SECONDS = 2.0
_GIB = 2**30
#: How many of what stands in the way a text names.
_MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuWait:
    """Why a job has to wait for GPUs: now, and, in `warnings`, what is still worth knowing when it has got them."""

    message: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Obstacle:
    """Somebody outside the home uses a GPU."""

    message: str
    warning: str | None = None


class GpuLeases:
    """Leases `gpus`, the ids that may be leased, to the jobs of one home. One object belongs to one thread.

    `read_memory` tells how full a GPU is.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        *,
        gpus: Sequence[str] = (),
        read_memory: ReadGpuMemory = lambda _: None,
    ) -> None:
        self.gpus = tuple(gpus)
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._read_memory = read_memory
        self._seen: dict[str, _Obstacle | None] = {}  # what stands in the way of each GPU, as far as it was looked at
        self._looked: float | None = None

    def obtain(self, name: str, count: int, kind: GpuHolder = JobKind.TRAINING) -> GpuWait | None:
        """Lease `count` GPUs that nobody uses to a job, say; None once it has them, else why it has to wait.

        It keeps those that it has, unless somebody else has come to use one of them: so ask again before containers
        are created. Raises EngineUnreachable.
        """
        if count == 0:
            return None
        held = self._store.leased_gpus(name, kind)
        if held and not self._look(held):
            return None
        if held:
            self._store.end_gpu_lease(name, kind)
        if len(self._with_a_free_slot()) < count:
            end_stale_leases(self._store, self._engine, self._profile)
        candidates = self._with_a_free_slot()
        obstacles = self._look(candidates) if len(candidates) >= count else {}
        free = [gpu for gpu in candidates if gpu not in obstacles]
        sharers = self._profile.jobs_per_gpu
        if self._store.lease_gpus(name, free, count, kind, jobs_per_gpu=sharers) is not None:
            return None
        return self._why(count, len(free), [obstacles[gpu] for gpu in candidates if gpu in obstacles])

    def look_again(self) -> None:
        """Forget what was seen: somebody else turned out to use a GPU after all."""
        self._looked = None

    def holders(self) -> list[str]:
        """Who in this home holds GPUs of which nothing is free, in words."""
        free = self._with_a_free_slot()
        return [
            f"The GPU {one.gpu} is in use by {one.holder}"
            for one in self._store.gpu_leases()
            if one.gpu in self.gpus and one.gpu not in free
        ]

    # Inside

    def _with_a_free_slot(self) -> list[str]:
        """The GPUs that fewer hold than may."""
        held = Counter(one.gpu for one in self._store.gpu_leases())
        return [gpu for gpu in self.gpus if held[gpu] < self._profile.jobs_per_gpu]

    def _look(self, gpus: Iterable[str]) -> dict[str, _Obstacle]:
        """Which of `gpus` somebody outside this home uses, and how that shows."""
        now = self._clock()
        if self._looked is None or not 0 <= now - self._looked < LOOK_SECONDS:
            others = gpus_of_others(self._engine, str(self._profile.home))
            self._seen = {gpu: _Obstacle(message=text) for gpu, text in others.items()}
            self._looked = now
        for gpu in gpus:
            if gpu not in self._seen:
                self._seen[gpu] = self._trouble_with_memory(gpu)
        return {gpu: found for gpu in gpus if (found := self._seen[gpu]) is not None}

    def _trouble_with_memory(self, gpu: str) -> _Obstacle | None:
        memory = self._read_memory(gpu)
        if memory is None or memory.free_bytes >= self._wanted_share * memory.total_bytes:
            return None
        return _full(gpu, memory)

    @property
    def _wanted_share(self) -> float:
        return self._profile.free_gpu_memory / self._profile.jobs_per_gpu

    def _why(self, count: int, free: int, obstacles: Sequence[_Obstacle]) -> GpuWait:
        needed = f"{count} GPU{'' if count == 1 else 's'}"
        if count > len(self.gpus):
            ids = f" ({', '.join(self.gpus)})" if self.gpus else ""
            text = f"Waiting for {needed}: this process may lease {len(self.gpus) or 'none'}{ids}, see --gpus"
            return GpuWait(message=text)
        text = f"Waiting for {needed}: {free} of {len(self.gpus)} {'is' if free == 1 else 'are'} free"
        more = ["..."] if len(obstacles) > _MOST_NAMED else []
        return GpuWait(
            message="; ".join([text, *(one.message for one in obstacles[:_MOST_NAMED]), *more]),
            warnings=tuple(one.warning for one in obstacles if one.warning is not None),
        )


def end_stale_leases(store: Store, engine: Engine, profile: HostProfile) -> None:
    """Give back what endpoints and checks hold whose process has ended and whose containers are gone, or have ended."""
    home = str(profile.home)
    for name in {one.name for one in store.gpu_leases() if one.kind == ENDPOINT}:
        with hold(profile.endpoint_lock(name)) as is_free:  # held meanwhile: one of that name cannot begin
            if is_free and _have_ended(engine.containers({HOME_LABEL: home, ENDPOINT_LABEL: name})):
                store.end_gpu_lease(name, ENDPOINT)
    for name in {one.name for one in store.gpu_leases() if one.kind == CHECK}:
        with hold(profile.check_folder(name)) as is_free:
            leased = set(store.leased_gpus(name, CHECK))
            given = engine.containers({HOME_LABEL: home, GPU_LABEL: None}) if is_free else ()
            if is_free and _have_ended([one for one in given if leased & set(one.labels[GPU_LABEL].split(","))]):
                store.end_gpu_lease(name, CHECK)


def _have_ended(containers: Sequence[ContainerSummary]) -> bool:
    return all(one.status is ContainerStatus.EXITED for one in containers)


def _full(gpu: str, memory: GpuMemory) -> _Obstacle:
    used = memory.total_bytes - memory.free_bytes
    largest = sorted(memory.processes, key=lambda process: process.used_bytes or 0, reverse=True)[:_MOST_NAMED]
    who = ", ".join(f"{process.name} (process {process.pid})" for process in largest)
    of = f"{used / _GIB:.1f} of {memory.total_bytes / _GIB:.1f} GiB of the memory of {gpu} are in use"
    return _Obstacle(
        message=f"{of} by {who}" if who else of,
        warning=f"waited for memory of {gpu}" + (f", which {who} had" if who else ""),
    )
