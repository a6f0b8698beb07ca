"""What the commands are put together from: the profile, the store, the engine, the GPUs, the clock.

The engine is opened by the first command that needs it: what only reads the store works without one, and starts
without the time that importing the engine's SDK takes.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.engine.gpus import Gpu, GpuMemory, ReadGpuMemory, choose_gpus
from tuner.engine.protocol import Engine
from tuner.jobs.gpu_leases import GpuLeases
from tuner.profile import HostProfile, load_profile
from tuner.store.sqlite_store import Store


def _open_docker(profile: HostProfile) -> Engine:
    from tuner.engine.docker_engine import DockerEngine  # noqa: PLC0415 - the SDK takes a third of a second to import

    return DockerEngine(profile.docker_host, isolation_off=profile.isolation_off)


def _find_gpus() -> Sequence[Gpu]:
    from tuner.engine.nvml import discover_gpus  # noqa: PLC0415 - loads the driver's library; few commands need it

    return discover_gpus()


def _read_gpu_memory(uuid: str) -> GpuMemory | None:
    from tuner.engine.nvml import read_gpu_memory  # noqa: PLC0415 - as above

    return read_gpu_memory(uuid)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Where the commands get their collaborators from; tests bring a fake engine and a clock of their own.

    `poll_seconds` is how long a command that follows a job waits at most before it looks again.
    """

    open_engine: Callable[[HostProfile], Engine] = _open_docker
    find_gpus: Callable[[], Sequence[Gpu]] = _find_gpus
    read_gpu_memory: ReadGpuMemory = _read_gpu_memory
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    poll_seconds: float = 0.4
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


class Machine:
    """This machine and its home, as one command sees them."""

    def __init__(self, parts: Parts, profile: HostProfile) -> None:
        self.parts = parts
        self.profile = profile

    @property
    def clock(self) -> Callable[[], float]:
        """The time now, in seconds since the epoch."""
        return self.parts.clock

    @cached_property
    def engine(self) -> Engine:
        """The container engine."""
        return self.parts.open_engine(self.profile)

    @cached_property
    def gpus(self) -> Sequence[str]:
        """The ids of the GPUs that may be leased; raises ProfileError where one that is named is not there."""
        if self.profile.gpus == ():
            return ()
        return choose_gpus(self.profile.gpus, self.parts.find_gpus() if self.profile.has_local_engine else ())

    def gpu_leases(self, store: Store) -> GpuLeases:
        """What leases those GPUs to the jobs and endpoints that `store` knows."""
        return GpuLeases(
            store,
            self.engine,
            self.profile,
            self.clock,
            gpus=self.gpus,
            read_memory=self.parts.read_gpu_memory,
        )

    def store(self) -> Store:
        """The home's store, made where there is none; raises StoreError."""
        return Store(self.profile.database)

    def store_for_reading(self) -> Store:
        """The home's store; an empty one in memory where the home has none, so that looking leaves nothing behind."""
        return Store(self.profile.database if self.profile.database.exists() else ":memory:")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """The options before the command's name, and what the command is put together from."""

    parts: Parts
    home: Path | None = None
    docker_host: str | None = None

    def machine(self, *, gpus: str | None = None, **overrides: Any) -> Machine:
        """The machine, with a command's own `overrides` of the profile; raises ProfileError."""
        environment = dict(self.parts.environment)
        if self.home is not None:  # as a variable, so that a profile in that home is read
            environment["ALGODOCK_HOME"] = str(self.home)
        if gpus is not None:
            environment["ALGODOCK_GPUS"] = gpus
        return Machine(
            self.parts, load_profile(environment, Path.cwd(), {"docker_host": self.docker_host, **overrides})
        )
