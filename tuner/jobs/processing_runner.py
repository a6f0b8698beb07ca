"""Runs processing jobs, a little at each step; as `tuner.jobs.runner` does training jobs, and by the same rules."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from contracts.channels import Channel
from contracts.jobs import JobKind, JobStatus
from contracts.outcome import (
    HOST_STOP_GRACE_SECONDS,
    TRAINING_STOP_GRACE_SECONDS,
    FailureKind,
    algorithm_error,
)
from contracts.processing import ProcessingJobSpec
from tuner.engine.protocol import HOME_LABEL, PROCESSING_JOB_LABEL, Engine
from tuner.engine.witness import Witness
from tuner.errors import ChannelError, EngineRejected, GpuTaken, ResourceNotFound, TunerError
from tuner.jobs.activity import Activity
from tuner.jobs.background import Background, EngineThreads
from tuner.jobs.containers import JobContainers
from tuner.jobs.creation import Creation, Describe
from tuner.jobs.disk_watch import DiskWatch, Verdict
from tuner.jobs.disks import Disks, ReadDisk, read_disk
from tuner.jobs.folder import JobFolder
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.hosts import RunningHost, RunningHosts, Starting, take_in_logs
from tuner.jobs.job_losses import JobLosses
from tuner.jobs.log_intake import LogIntake, end_of_log
from tuner.jobs.log_record import LogRecord
from tuner.jobs.losses import endings_of
from tuner.jobs.outcomes import Loss, loss_of_ending, loss_of_missing, loss_of_refusal, needs_room
from tuner.jobs.preparation import Preparation
from tuner.jobs.processing_containers import channel_of, processing_containers
from tuner.jobs.processing_outputs import ContinuousOutputs, Delivery, deliver_outputs, read_message
from tuner.jobs.removals import Removals
from tuner.jobs.workbench import ENGINE_CALLS
from tuner.profile import HostProfile
from tuner.s3.errors import S3Error
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store

_KIND = JobKind.PROCESSING
_TRANSFER_THREADS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    status: JobStatus
    failure_reason: str
    message: str


class ProcessingRunner:
    """Works the processing jobs of one home on one engine. One object belongs to one thread.

    `activity` is set, from other threads, whenever a step would have something to do. Downloads and deliveries go to
    `executor`.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        activity: Activity,
        *,
        leases: GpuLeases,
        executor: Executor | None = None,
        witness: Witness | None = None,
        read_disk: ReadDisk = read_disk,
    ) -> None:
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._activity = activity
        self._leases = leases
        self._witness = witness or Witness()
        self._losses = JobLosses(store, _KIND, clock)
        self._executor = executor or ThreadPoolExecutor(_TRANSFER_THREADS, "transfers of processing jobs")
        self._threads = EngineThreads(
            executor=executor or ThreadPoolExecutor(ENGINE_CALLS, "engine calls of processing jobs"), activity=activity
        )
        self._removals = Removals(engine, str(profile.home), PROCESSING_JOB_LABEL, self._has_ended, self._threads)
        self._decided: dict[str, _Outcome] = {}
        self._creations: dict[str, Creation] = {}
        self._starting = Starting(engine, self._threads)
        self._running: dict[str, RunningHosts] = {}
        self._continuous: dict[str, ContinuousOutputs] = {}
        self._delivering: dict[str, Delivery] = {}
        self._clearing: dict[str, Background[None]] = {}
        self._disks = Disks(profile, engine.facts, read_disk)
        self._disk_watch = DiskWatch(engine, self._disks, self._threads, clock, self._has_gone)

    def begin_round(self) -> None:
        """Before the jobs are stepped: take in logs; see what has been removed, and whether one fills a disk.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next round goes on.
        """
        take_in_logs(self._store, self._running.values())
        for name, problem in self._removals.step().items():
            self._store.change_job_message(_KIND, name, f"A container of the job could not be removed: {problem}")
        if (verdict := self._disk_watch.look(self._running)) is not None:
            self._stop_for_disk(verdict)

    def step(self, job: JobRecord) -> None:
        """Do what there is to do for an unfinished job, without waiting for its containers.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
        if self._record(job):
            return
        spec = ProcessingJobSpec.from_request(job.request)
        if job.exit_code is not None:
            self._finish(job, spec)
        elif job.name in self._running:
            self._watch(job, spec, self._running[job.name])
        elif job.start_time is None:
            self._prepare(job, spec)
        else:
            self._adopt(job, spec)

    def close(self) -> None:
        """Let go: containers go on, what is being downloaded or delivered is left for the next runner."""
        for creation in self._creations.values():
            creation.call_off()
        for delivery in self._delivering.values():
            delivery.call_off()
        for running in self._running.values():
            running.close()
        for continuous in self._continuous.values():
            continuous.close()
        self._executor.shutdown()
        self._threads.executor.shutdown()
        self._running.clear()

    def _prepare(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """Bring here what is elsewhere, and once that is done create the containers: both in the background."""
        creation = self._creations.get(job.name)
        if job.status is JobStatus.STOPPING:
            if creation is None or creation.call_off():
                self._creations.pop(job.name, None)
                self._end(job, JobStatus.STOPPED, job.failure_reason)
            return
        if creation is None or creation.is_to_begin:
            if not self._may_begin(job):
                return
            creation = creation or self._begin_creation(spec)
            if creation.is_to_begin:
                creation.begin(self._description(job, spec))
        try:
            created = creation.created()
        except GpuTaken as taken:
            self._store.change_job_message(_KIND, job.name, f"Waiting: {taken}")
            self._leases.look_again()
            return
        except (EngineRejected, ChannelError, S3Error, OSError) as error:
            del self._creations[job.name]
            self._refused(job, spec, error, FailureKind.CLIENT)
            return
        if created is None:
            return
        del self._creations[job.name]
        self._store.record_job_start(_KIND, job.name, now=self._clock())
        self._starting.begin(job.name, created.container_ids)
        self._adopt(self._store.job(_KIND, job.name), spec)

    def _may_begin(self, job: JobRecord) -> bool:
        """Whether a job has room and its GPUs, and no loss is too late; what it waits for is said."""
        if not self._losses.is_waited_out(job.name):
            return False
        wait = self._disks.why_wait()
        if wait is None and (lease := self._leases.obtain(job.name, job.gpu_count, _KIND)) is not None:
            wait = lease.message
        if wait is not None:
            self._store.change_job_message(_KIND, job.name, wait)
        return wait is None

    def _begin_creation(self, spec: ProcessingJobSpec) -> Creation:
        preparation = Preparation(
            [channel_of(one, index) for index, one in enumerate(spec.inputs)], self._profile.cache
        )
        preparation.begin(self._executor, self._activity)
        self._creations[spec.name] = creation = Creation(
            preparation,
            engine=self._engine,
            labels=self._labels(spec.name),
            isolated=spec.network_isolation,
            is_new=False,
            threads=self._threads,
        )
        return creation

    def _description(self, job: JobRecord, spec: ProcessingJobSpec) -> Describe:
        """What stages a job and describes its containers; all that is asked of the store is asked here."""
        leased_gpus, labels = self._store.leased_gpus(job.name, _KIND), self._disks.labels()

        def describe(channels: Sequence[Channel]) -> JobContainers:
            return processing_containers(
                spec,
                job.request,
                channels,
                folder=self._folder(job.name),
                profile=self._profile,
                machine=self._engine.facts(),
                leased_gpus=leased_gpus,
                labels=labels,
            )

        return describe

    def _adopt(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """Follow the containers of a job, start those that have not been, and say so where one is missing."""
        if not self._starting.is_over(job.name, self._labels(job.name), spec.hosts):
            return
        try:
            container_ids = self._starting.take(job.name)
        except EngineRejected as error:
            self._refused(job, spec, error, FailureKind.ALGORITHM)
            return
        if container_ids is None:
            self._lost(job, spec, loss_of_missing())
            return
        self._running[job.name] = RunningHosts(
            self._engine,
            [self._followed(job.name, host.name, container_ids[host.name]) for host in spec.hosts],
            self._threads,
        )
        self._continuous[job.name] = ContinuousOutputs(spec, self._folder(job.name))
        self._continuous[job.name].start()

    def _followed(self, job: str, host: str, container_id: str) -> RunningHost:
        start = self._store.job_log_start(_KIND, job, host)
        record = LogRecord(self._store, kind=_KIND, job=job, host=host, container=container_id, first_line=start.lines)
        intake = LogIntake(
            engine=self._engine,
            container_id=container_id,
            log_file=self._folder(job).log(host),
            activity=self._activity,
            record=record,
            start=start,
        )
        return RunningHost(name=host, container_id=container_id, intake=intake)

    def _watch(self, job: JobRecord, spec: ProcessingJobSpec, running: RunningHosts) -> None:
        now = self._clock()
        if (
            job.status is JobStatus.IN_PROGRESS
            and job.start_time is not None
            and running.last_seen is not None
            and running.last_seen - job.start_time > spec.max_runtime_seconds
        ):
            reason = f"MaxRuntimeExceeded: it ran longer than MaxRuntimeInSeconds allows ({spec.max_runtime_seconds} s)"
            self._store.change_job_status(_KIND, job.name, JobStatus.STOPPING, now=now, failure_reason=reason)
            job = self._store.job(_KIND, job.name)
        if _has_filled_a_disk(job):
            running.kill()
        elif job.status is JobStatus.STOPPING:
            running.terminate(now, TRAINING_STOP_GRACE_SECONDS)
        elif running.first_failed is not None or running.is_one_lost:
            running.terminate(now, HOST_STOP_GRACE_SECONDS)
        running.follow(now)
        if not running.have_ended:
            return
        self._running.pop(job.name)
        running.close()
        self._continuous.pop(job.name).close()
        job = self._store.job(_KIND, job.name)
        if _has_filled_a_disk(job):
            self._fail_for_disk(job, spec)
            return
        loss = loss_of_missing() if running.is_one_lost else self._loss(job, running)
        if loss is not None:
            self._lost(job, spec, loss)
            return
        self._store.record_job_exit(_KIND, job.name, running.exit_code)
        self._finish(self._store.job(_KIND, job.name), spec)

    def _stop_for_disk(self, verdict: Verdict) -> None:
        reason = FailureKind.ALGORITHM.reason(verdict.reason)
        try:
            if self._store.job(_KIND, verdict.job).status is JobStatus.IN_PROGRESS:
                self._store.change_job_status(
                    _KIND, verdict.job, JobStatus.STOPPING, now=self._clock(), failure_reason=reason
                )
        finally:  # also where the disk is too full to remember why
            self._running[verdict.job].kill()

    def _fail_for_disk(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """A job was stopped for filling a disk: what its containers have written makes room."""
        folder = self._folder(job.name)
        self._clearing[job.name] = Background.of_engine(lambda _: folder.remove_written(spec.hosts), self._threads)
        self._end(job, JobStatus.FAILED, job.failure_reason)

    def _loss(self, job: JobRecord, running: RunningHosts) -> Loss | None:
        """The loss that the end of a job's containers was, if nobody has asked for it."""
        if job.status is JobStatus.STOPPING:
            return None
        endings = endings_of(
            running,
            self._witness,
            gpus=self._store.leased_gpus(job.name, _KIND),
            unexplained_kills=self._losses.unexplained_kills(job.name),
        )
        return next((loss for ending in endings if (loss := loss_of_ending(ending)) is not None), None)

    def _refused(self, job: JobRecord, spec: ProcessingJobSpec, error: Exception, kind: FailureKind) -> None:
        """What the containers need could not be had, or the engine refused to create or start one."""
        if (loss := loss_of_refusal(error)) is not None:
            self._lost(job, spec, loss)
        else:
            self._end(job, JobStatus.FAILED, kind.reason(str(error)))

    def _lost(self, job: JobRecord, spec: ProcessingJobSpec, loss: Loss) -> None:
        """A job has lost its containers: it starts again, unless it was to stop or has done so too often."""
        if _has_filled_a_disk(job):
            self._fail_for_disk(job, spec)
            return
        if job.status is JobStatus.STOPPING:
            self._end(job, JobStatus.STOPPED, job.failure_reason)
            return
        starts = {host.name: end_of_log(self._folder(job.name).log(host.name)) for host in spec.hosts}
        if (failed := self._losses.record(job.name, loss, starts)) is not None:
            self._end(job, JobStatus.FAILED, failed)
        self._activity.set()

    def _finish(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """Deliver what the containers left, in the background; then record the outcome, and let them be removed.

        Outputs of a job that failed are not delivered: they stay in its folder.
        """
        delivery = self._delivering.get(job.name)
        if delivery is None:
            is_wanted = job.exit_code == 0 or job.status is JobStatus.STOPPING
            delivery = deliver_outputs(spec if is_wanted else None, self._folder(job.name))
            self._delivering[job.name] = delivery
            delivery.begin(self._executor, self._activity)
        if not delivery.is_done:
            return
        del self._delivering[job.name]
        message = ""
        try:
            delivery.result()
            message = read_message(self._folder(job.name), spec.hosts)
        except (TunerError, OSError) as error:
            if needs_room(error):
                raise  # the job stays as it is: the next process delivers again
            self._end(job, JobStatus.FAILED, f"ClientError: {error}")
        else:
            assert job.exit_code is not None
            if job.status is JobStatus.STOPPING:
                self._end(job, JobStatus.STOPPED, job.failure_reason, message)
            elif job.exit_code == 0:
                self._end(job, JobStatus.COMPLETED, "", message)
            else:
                self._end(job, JobStatus.FAILED, algorithm_error("", job.exit_code), message)

    def _end(self, job: JobRecord, status: JobStatus, failure_reason: str, message: str = "") -> None:
        self._decided[job.name] = _Outcome(status=status, failure_reason=failure_reason, message=message)
        self._removals.begin(job.name, several=True)
        self._record(job)

    def _record(self, job: JobRecord) -> bool:
        """Record the outcome of a job if it has one; return whether it has. A job with GPUs gives them back free."""
        if job.name not in self._decided:
            return False
        if job.gpu_count and not self._removals.is_over(job.name):
            return True
        if job.name in self._clearing:
            if not self._clearing[job.name].is_done:
                return True
            del self._clearing[job.name]
        outcome = self._decided.pop(job.name)
        self._store.change_job_status(
            _KIND,
            job.name,
            outcome.status,
            now=self._clock(),
            failure_reason=outcome.failure_reason,
            exit_message=outcome.message,
        )
        self._activity.set()
        return True

    def _has_ended(self, name: str) -> bool:
        try:
            return self._store.job(_KIND, name).is_finished
        except ResourceNotFound:
            return False

    def _has_gone(self, name: str) -> bool:
        return self._has_ended(name) and self._removals.is_over(name)

    def _labels(self, name: str) -> dict[str, str]:
        return {HOME_LABEL: str(self._profile.home), PROCESSING_JOB_LABEL: name}

    def _folder(self, name: str) -> JobFolder:
        return JobFolder(self._profile.processing_folder(name))


def _has_filled_a_disk(job: JobRecord) -> bool:
    """Whether a job that is being stopped is to fail, and not to be Stopped: it has the reason already."""
    return job.status is JobStatus.STOPPING and job.failure_reason.startswith(FailureKind.ALGORITHM)
