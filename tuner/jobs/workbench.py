"""What all parts of the training-job runner work with, and what each needs to find a job's things."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from tuner.engine.protocol import HOME_LABEL, JOB_LABEL, Engine, EngineFacts
from tuner.engine.witness import Witness
from tuner.errors import ResourceNotFound
from tuner.jobs.activity import Activity
from tuner.jobs.background import EngineThreads
from tuner.jobs.checkpoints import SyncedCheckpoints
from tuner.jobs.disks import Disks, ReadDisk, read_disk
from tuner.jobs.folder import JobFolder
from tuner.jobs.removals import Removals
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

#: So many jobs download or pack at the same time; the transfers of each are parallel in themselves.
_TRANSFER_THREADS = 4
#: So many calls of the engine are under way at the same time; it works on them side by side.
ENGINE_CALLS = 16


class Workbench:
    """The store, the engine and the home that the training jobs of one runner are worked with.

    `activity` is set, from other threads, whenever a step would have something to do. Downloads and packing go to
    `executor`, what the engine takes its time for to `engine_threads`: neither waits for the other.
    `witness` is asked how a container came to its end, `disks` how much is free.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        executor: Executor | None,
        *,
        witness: Witness,
        read_disk: ReadDisk = read_disk,
    ) -> None:
        self.store = store
        self.engine = engine
        self.profile = profile
        self.clock = clock
        self.witness = witness
        self.activity = Activity()
        self.executor = executor or ThreadPoolExecutor(_TRANSFER_THREADS, "transfers of jobs")
        self.engine_threads = EngineThreads(
            executor=executor or ThreadPoolExecutor(ENGINE_CALLS, "engine calls of jobs"), activity=self.activity
        )
        self.removals = Removals(engine, str(profile.home), JOB_LABEL, self._has_ended, self.engine_threads)
        self.disks = Disks(profile, self.machine, read_disk)
        self._machine: EngineFacts | None = None
        self._checkpoints: dict[str, SyncedCheckpoints] = {}

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
        self.engine_threads.executor.shutdown()

    def _has_ended(self, name: str) -> bool:
        try:
            return self.store.training_job(name).is_finished
        except ResourceNotFound:
            return False  # another database had the job: not ours to judge
