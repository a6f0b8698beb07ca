"""The containers of a job on their way: what they need is brought here, then they are created, in the background."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from contracts.channels import Channel
from tuner.engine.protocol import Engine
from tuner.errors import GpuTaken
from tuner.jobs.background import Background, EngineThreads
from tuner.jobs.containers import JobContainers
from tuner.jobs.hosts import create_containers, remove_containers
from tuner.jobs.preparation import Preparation

#: Stages a job and describes its containers, given its channels once they are local; in any thread.
Describe = Callable[[Sequence[Channel]], JobContainers]


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """The containers of a job, created and not started: their ids by host, and what its owner should know."""

    container_ids: Mapping[str, str]
    warnings: Sequence[str]


class Creation:
    """Creates the containers of a job, found by `labels`, once its `preparation` is done.

    Containers of an earlier try are removed first; a job that `is_new` has none.
    """

    def __init__(
        self,
        preparation: Preparation,
        *,
        engine: Engine,
        labels: Mapping[str, str],
        isolated: bool,
        is_new: bool,
        threads: EngineThreads,
    ) -> None:
        self.preparation = preparation
        self._engine = engine
        self._labels = labels
        self._isolated = isolated
        self._is_new = is_new
        self._threads = threads
        self._work: Background[Created] | None = None

    @property
    def is_to_begin(self) -> bool:
        """Whether everything is here, and the containers are not being created."""
        return self._work is None and self.preparation.is_done

    def begin(self, describe: Describe) -> None:
        """Create the containers that `describe` says."""
        self._work = Background.of_engine(partial(self._create, describe), self._threads)

    def created(self) -> Created | None:
        """The containers, once there are all of them; does not wait.

        Raises EngineRejected, ChannelError, S3Error, OSError for what cannot be had, GpuTaken and EngineUnreachable for
        what will be later: it is to begin again then.
        """
        if self._work is None or not self._work.is_done:
            return None
        work, self._work = self._work, None
        return work.result()

    def call_off(self) -> bool:
        """Give up; return whether it has come to rest, and no container appears any more."""
        self.preparation.call_off()
        if self._work is None:
            return True
        self._work.call_off()
        return self._work.is_done

    def _create(self, describe: Describe, called_off: threading.Event) -> Created:
        is_new, self._is_new = self._is_new, False  # a second try is not
        if not is_new:
            remove_containers(self._engine, self._labels, several=True)
        containers = describe(self.preparation.result())
        try:
            container_ids = create_containers(
                self._engine, containers.specs, self._labels, isolated=self._isolated, called_off=called_off
            )
        except GpuTaken:  # the other home waits as long as these are there
            remove_containers(self._engine, self._labels, several=True)
            raise
        return Created(container_ids=container_ids, warnings=containers.warnings)
