"""What all parts of the training-job runner work with, and what each needs to find a job's things."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from tuner.engine.protocol import HOME_LABEL, JOB_LABEL, Engine, EngineFacts
from tuner.jobs.checkpoints import SyncedCheckpoints
from tuner.jobs.folder import JobFolder
from tuner.jobs.hosts import remove_containers
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store


@dataclass(kw_only=True, slots=True)
class Workbench:
    """The store, the engine and the home that the training jobs of one runner are worked with.

    `activity` is set, from other threads, whenever a step would have something to do. Downloads and packing go to
    `executor`.
    """

    store: Store
    engine: Engine
    profile: HostProfile
    clock: Callable[[], float]
    executor: Executor
    activity: threading.Event = field(default_factory=threading.Event)
    _machine: EngineFacts | None = None
    _checkpoints: dict[str, SyncedCheckpoints] = field(default_factory=dict)

    def machine(self) -> EngineFacts:
        """What the engine says of itself, asked once."""
        if self._machine is None:
            self._machine = self.engine.facts()
        return self._machine

    def labels(self, name: str) -> dict[str, str]:
        """What the containers of a job are found by."""
        return {HOME_LABEL: str(self.profile.home), JOB_LABEL: name}

    def folder(self, name: str) -> JobFolder:
        """The folder of a job."""
        return JobFolder(self.profile.job_folder(name))

    def remove_containers(self, job: TrainingJobRecord) -> None:
        """Remove every container of a job, whoever created it."""
        remove_containers(self.engine, self.labels(job.name), several=len(job.spec.hosts) > 1)

    def checkpoints_of(self, job: TrainingJobRecord) -> SyncedCheckpoints | None:
        """A job's checkpoints that are kept in step with S3: one object from its first start to its end.

        What an interruption gave time to save, it has to remember until the next start.
        """
        if job.name not in self._checkpoints:
            checkpoints = SyncedCheckpoints.of(job.spec, self.folder(job.name))
            if checkpoints is None:
                return None
            self._checkpoints[job.name] = checkpoints
        return self._checkpoints[job.name]

    def let_go_of_checkpoints(self, name: str) -> None:
        """A job has ended: its checkpoints are kept in step no more."""
        if (checkpoints := self._checkpoints.pop(name, None)) is not None:
            checkpoints.close()

    def close(self) -> None:
        """Leave S3 as it is, and wait for what goes on in the background."""
        for checkpoints in self._checkpoints.values():
            checkpoints.close()
        self.executor.shutdown()
