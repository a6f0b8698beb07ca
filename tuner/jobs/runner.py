"""The job runner: takes training jobs from Pending to their end, a little at each step.

Every fact is in the store before it is acted upon, so a runner in a new process goes on where the last one stopped:
it reads the store, looks for the job's containers, and adopts them.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from contracts.jobs import SecondaryStatus
from tuner.engine.protocol import Engine
from tuner.jobs.ending import Endings
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.sizing import first_provided
from tuner.jobs.starting import Starts
from tuner.jobs.watching import Watch
from tuner.jobs.workbench import Workbench
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

#: So many jobs download or pack at the same time; the transfers of each are parallel in themselves.
_BACKGROUND_THREADS = 4


class JobRunner:
    """Runs the training jobs of one home on one engine. One object belongs to one thread.

    `leases` has the GPUs that jobs may get. Downloads and packing go to `executor`.
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
    ) -> None:
        self._leases = leases
        self._bench = Workbench(
            store=store,
            engine=engine,
            profile=profile,
            clock=clock,
            executor=executor or ThreadPoolExecutor(_BACKGROUND_THREADS, "background of jobs"),
        )
        self._endings = Endings(self._bench)
        self._starts = Starts(self._bench, self._endings, leases)
        self._watch = Watch(self._bench, self._endings)

    @property
    def activity(self) -> threading.Event:
        """Set, from other threads, whenever a step would have something to do."""
        return self._bench.activity

    def step(self, job: TrainingJobRecord) -> None:
        """Do what there is to do for one unfinished job, without waiting for its containers.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
        if job.status is SecondaryStatus.UPLOADING:
            self._endings.finish(job)
        elif job.status in {SecondaryStatus.TRAINING, SecondaryStatus.STOPPING}:
            self._watch.step(job)
        else:
            is_new = job.status is SecondaryStatus.PENDING
            if self._starts.begin(job) if is_new else self._starts.go_on(job):
                self._watch.step(self._bench.store.training_job(job.name))

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
