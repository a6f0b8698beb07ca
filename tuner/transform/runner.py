"""Runs transform jobs: what the store says is to be done is begun, what has happened is written into the store."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.jobs import JobKind, JobStatus
from contracts.outcome import LossCause
from contracts.transform import TransformJobSpec
from tuner.engine.protocol import Engine
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.job_losses import JobLosses
from tuner.jobs.outcomes import Loss
from tuner.profile import HostProfile
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store
from tuner.transform.progress import Progress, write_progress

if TYPE_CHECKING:
    from tuner.transform.job import Outcome, TransformWork

#: How long letting go waits for a job's container to be removed.
_LET_GO_SECONDS = 15.0


class TransformRunner:
    """Works the transform jobs of one home. One object belongs to one thread; its work is done in others.

    `leases` has the GPUs that jobs may get. `activity` is set whenever there is something to do.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        activity: threading.Event,
        *,
        leases: GpuLeases,
    ) -> None:
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._activity = activity
        self._leases = leases
        self._losses = JobLosses(store, JobKind.TRANSFORM, clock)
        self._works: dict[str, TransformWork] = {}
        self._written: dict[str, Progress] = {}

    def begin_round(self) -> None:
        """Nothing is to do between jobs."""

    def step(self, job: JobRecord) -> None:
        """Do what there is to do for an unfinished `job` now; does not wait.

        A job that needs GPUs waits until enough are free. Raises EngineUnreachable where no engine answered: nothing
        is lost, the next step begins anew.
        """
        work = self._works.get(job.name) or self._begin(job)
        if work is None:
            return
        if job.status is JobStatus.STOPPING:
            work.stop()
        has_ended = work.has_ended  # before its news is read: nothing comes after
        while not work.news.empty():
            self._store.record_transformed(job.name, work.news.get())
        if work.has_started.is_set() and job.start_time is None:
            self._store.record_job_start(JobKind.TRANSFORM, job.name, now=self._clock())
        if (progress := work.tally.progress) != self._written.get(job.name):
            write_progress(work.folder.progress, progress)
            self._written[job.name] = progress
        if has_ended:
            del self._works[job.name]
            assert work.outcome is not None
            self._end(job, work.outcome)

    def close(self) -> None:
        """Let go of all jobs: their containers are removed, and a later process goes on with what is not delivered."""
        for name, work in self._works.items():
            work.let_go(_LET_GO_SECONDS)
            while not work.news.empty():
                self._store.record_transformed(name, work.news.get())
        self._works.clear()

    def _begin(self, job: JobRecord) -> "TransformWork | None":
        # What they bring takes longer to import than a command takes otherwise, and few homes have such a job.
        from tuner.transform.containers import Model  # noqa: PLC0415
        from tuner.transform.job import TransformWork  # noqa: PLC0415

        if job.status is not JobStatus.STOPPING:
            if not self._losses.is_waited_out(job.name):
                return None
            wait = self._leases.obtain(job.name, job.gpu_count, JobKind.TRANSFORM)
            if wait is not None:
                self._store.change_job_message(JobKind.TRANSFORM, job.name, wait.message)
                return None
        assert job.model is not None, "a transform job is created with its model"
        work = TransformWork(
            TransformJobSpec.from_request(job.request),
            Model.from_request(job.model),
            delivered=self._store.transformed(job.name),
            gpu_ids=self._store.leased_gpus(job.name, JobKind.TRANSFORM),
            engine=self._engine,
            profile=self._profile,
            clock=self._clock,
            activity=self._activity,
        )
        if job.status is JobStatus.STOPPING:
            work.stop()
        work.start()
        self._works[job.name] = work
        return work

    def _end(self, job: JobRecord, outcome: "Outcome") -> None:
        if outcome.away is not None:
            raise outcome.away
        if outcome.taken is not None:
            self._store.change_job_message(JobKind.TRANSFORM, job.name, f"Waiting: {outcome.taken}")
            self._leases.look_again()
        reason: str | None = outcome.reason
        if outcome.lost is not None and self._is_believed(job, outcome.lost):
            reason = self._losses.record(job.name, outcome.lost, {})
        if outcome.status is not None and reason is not None:
            self._store.change_job_status(
                JobKind.TRANSFORM, job.name, outcome.status, now=self._clock(), failure_reason=reason
            )

    def _is_believed(self, job: JobRecord, loss: Loss) -> bool:
        """Whether a job starts again for a loss: not for a second kill by nobody knows whom."""
        if job.status is JobStatus.STOPPING:
            return False
        return loss.cause is not LossCause.UNEXPLAINED_KILL or not self._losses.unexplained_kills(job.name)
