"""The job runner: takes training jobs from Pending to their end, a little at each step.

Every fact is in the store before it is acted upon, so a runner in a new process goes on where the last one stopped:
it reads the store, looks for the job's containers, and adopts them.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from contracts.jobs import SecondaryStatus
from tuner.engine.protocol import Engine
from tuner.engine.witness import Witness
from tuner.jobs.activity import Activity
from tuner.jobs.disks import ReadDisk, read_disk
from tuner.jobs.ending import Endings
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.sizing import first_provided
from tuner.jobs.starting import Starts
from tuner.jobs.watching import Watch
from tuner.jobs.workbench import Workbench
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store


class JobRunner:
    """Runs the training jobs of one home on one engine. One object belongs to one thread.

    Only that thread touches the store. What takes long, downloads and packing and what the engine is asked to do, goes
    to other threads, or to `executor` where one is given; a later step sees what came of it. `leases` has the GPUs that
    jobs may get, `witness` is asked how a container came to its end, `read_disk` how much of a disk is free.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        leases: GpuLeases,
        *,
        executor: Executor | None = None,
        witness: Witness | None = None,
        read_disk: ReadDisk = read_disk,
    ) -> None:
        self._leases = leases
        self._bench = Workbench(
            store, engine, profile, clock, executor, witness=witness or Witness(), read_disk=read_disk
        )
        self._endings = Endings(self._bench)
        self._starts = Starts(self._bench, self._endings, leases)
        self._watch = Watch(self._bench, self._endings)

    @property
    def activity(self) -> Activity:
        """Set, from other threads, whenever a step would have something to do."""
        return self._bench.activity

    def begin_round(self) -> None:
        """Before the jobs are stepped: take in logs; see what has been removed, and whether one fills a disk.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next round goes on.
        """
        self._bench.machine()  # the first contact with the engine, which may not be there at all
        for name, problem in self._bench.removals.step().items():
            self._bench.store.add_warning(name, f"a container of the job could not be removed: {problem}")
        self._watch.take_in_logs()
        self._watch.look_at_disks()

    def step(self, job: TrainingJobRecord) -> None:
        """Do what there is to do for one unfinished job, without waiting for its containers.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
        if self._endings.record(job):
            return
        if job.status is SecondaryStatus.UPLOADING:
            self._endings.finish(job)
        elif job.status in {SecondaryStatus.TRAINING, SecondaryStatus.STOPPING}:
            self._watch.step(job)
        else:
            is_pending = job.status is SecondaryStatus.PENDING
            created = self._starts.begin(job) if is_pending else self._starts.go_on(job)
            if created is not None:
                self._watch.start(self._bench.store.training_job(job.name), created)

    def provided(self, alternatives: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Which of these ResourceConfigs a new job gets: the first that this machine can provide.

        Where it can provide none, the first, whose GPUs the job will wait for; None only where there is none.
        """
        if len(alternatives) > 1:
            machine, gpus = self._bench.machine(), len(self._leases.gpus)
            return first_provided(alternatives, self._bench.profile, machine, gpus) or alternatives[0]
        return next(iter(alternatives), None)

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        return self._watch.finish_epochs()

    def close(self) -> None:
        """Let go: containers go on, what is being downloaded or packed is left for the next runner."""
        self._starts.close()
        self._endings.close()
        self._watch.close()
        self._bench.close()
