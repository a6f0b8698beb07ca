"""Runs processing jobs, a little at each step; as `tuner.jobs.runner` does training jobs, and by the same rules."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from contracts.jobs import JobKind, JobStatus
from contracts.outcome import HOST_STOP_GRACE_SECONDS, TRAINING_STOP_GRACE_SECONDS, algorithm_error
from contracts.processing import ProcessingJobSpec
from tuner.engine.protocol import HOME_LABEL, PROCESSING_JOB_LABEL, Engine
from tuner.errors import ChannelError, EngineRejected, GpuTaken, TunerError
from tuner.jobs.folder import JobFolder
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.hosts import RunningHost, RunningHosts, create_containers, remove_containers, start_containers
from tuner.jobs.log_intake import LogIntake
from tuner.jobs.log_record import LogRecord
from tuner.jobs.preparation import Preparation
from tuner.jobs.processing_containers import channel_of, processing_containers
from tuner.jobs.processing_outputs import ContinuousOutputs, Delivery, deliver_outputs, read_message
from tuner.profile import HostProfile
from tuner.s3.errors import S3Error
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store

_KIND = JobKind.PROCESSING
_BACKGROUND_THREADS = 2


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
        activity: threading.Event,
        *,
        leases: GpuLeases,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._activity = activity
        self._leases = leases
        self._executor = executor or ThreadPoolExecutor(_BACKGROUND_THREADS, "background of processing jobs")
        self._preparing: dict[str, Preparation] = {}
        self._running: dict[str, RunningHosts] = {}
        self._continuous: dict[str, ContinuousOutputs] = {}
        self._delivering: dict[str, Delivery] = {}

    def step(self, job: JobRecord) -> None:
        """Do what there is to do for an unfinished job, without waiting for its containers.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
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
        for preparation in self._preparing.values():
            preparation.call_off()
        for delivery in self._delivering.values():
            delivery.call_off()
        for running in self._running.values():
            running.close()
        for continuous in self._continuous.values():
            continuous.close()
        self._executor.shutdown()
        self._running.clear()

    def _prepare(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        preparation = self._preparing.get(job.name)
        if job.status is JobStatus.STOPPING:
            if preparation is not None:
                self._preparing.pop(job.name).call_off()
            self._remove_containers(spec)
            self._end(job, JobStatus.STOPPED, job.failure_reason)
            return
        if (wait := self._leases.obtain(job.name, job.gpu_count, _KIND)) is not None:
            self._store.change_job_message(_KIND, job.name, wait.message)
            return
        if preparation is None:
            preparation = Preparation(
                [channel_of(one, index) for index, one in enumerate(spec.inputs)], self._profile.cache
            )
            self._preparing[job.name] = preparation
            preparation.begin(self._executor, self._activity)
        if preparation.is_done:
            del self._preparing[job.name]
            self._start(job, spec, preparation)

    def _start(self, job: JobRecord, spec: ProcessingJobSpec, preparation: Preparation) -> None:
        self._remove_containers(spec)  # what an earlier try left behind
        try:
            containers = processing_containers(
                spec,
                job.request,
                preparation.result(),
                folder=self._folder(job.name),
                profile=self._profile,
                machine=self._engine.facts(),
                leased_gpus=self._store.leased_gpus(job.name, _KIND),
            )
            create_containers(self._engine, containers.specs, self._labels(job.name), isolated=spec.network_isolation)
        except GpuTaken as taken:
            self._remove_containers(spec)
            self._store.change_job_message(_KIND, job.name, f"Waiting: {taken}")
            self._leases.look_again()
            return
        except (EngineRejected, ChannelError, S3Error, OSError) as error:
            self._remove_containers(spec)
            self._end(job, JobStatus.FAILED, f"ClientError: {error}")
            return
        self._store.record_job_start(_KIND, job.name, now=self._clock())
        self._adopt(self._store.job(_KIND, job.name), spec)

    def _adopt(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """Follow the containers of a job, start those that have not been, and say so where one is missing."""
        try:
            container_ids = start_containers(self._engine, self._labels(job.name), spec.hosts)
        except EngineRejected as error:
            self._remove_containers(spec)
            self._end(job, JobStatus.FAILED, f"AlgorithmError: {error}")
            return
        if container_ids is None:
            self._lost(job, spec)
            return
        self._running[job.name] = RunningHosts(
            self._engine,
            [
                RunningHost(
                    name=host.name,
                    container_id=container_ids[host.name],
                    intake=LogIntake(
                        engine=self._engine,
                        container_id=container_ids[host.name],
                        log_file=self._folder(job.name).log(host.name),
                        activity=self._activity,
                        record=LogRecord(
                            self._store,
                            kind=_KIND,
                            job=job.name,
                            host=host.name,
                            container=container_ids[host.name],
                        ),
                    ),
                )
                for host in spec.hosts
            ],
        )
        self._continuous[job.name] = ContinuousOutputs(spec, self._folder(job.name))
        self._continuous[job.name].start()

    def _watch(self, job: JobRecord, spec: ProcessingJobSpec, running: RunningHosts) -> None:
        now = self._clock()
        if (
            job.status is JobStatus.IN_PROGRESS
            and job.start_time is not None
            and now - job.start_time > spec.max_runtime_seconds
        ):
            reason = f"MaxRuntimeExceeded: it ran longer than MaxRuntimeInSeconds allows ({spec.max_runtime_seconds} s)"
            self._store.change_job_status(_KIND, job.name, JobStatus.STOPPING, now=now, failure_reason=reason)
            job = self._store.job(_KIND, job.name)
        if job.status is JobStatus.STOPPING:
            running.terminate(now, TRAINING_STOP_GRACE_SECONDS)
        elif running.first_failed is not None or running.is_one_lost:
            running.terminate(now, HOST_STOP_GRACE_SECONDS)
        running.follow(now)
        if not running.have_ended:
            return
        self._running.pop(job.name)
        running.close()
        self._continuous.pop(job.name).close()
        if running.is_one_lost:
            self._lost(job, spec)
            return
        self._store.record_job_exit(_KIND, job.name, running.exit_code)
        self._finish(self._store.job(_KIND, job.name), spec)

    def _lost(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        self._remove_containers(spec)
        if job.status is JobStatus.STOPPING:
            self._end(job, JobStatus.STOPPED, job.failure_reason)
        else:
            self._end(job, JobStatus.FAILED, "InternalServerError: a container was removed from outside")

    def _finish(self, job: JobRecord, spec: ProcessingJobSpec) -> None:
        """Deliver what the containers left, in the background; then remove them and record the outcome.

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
        self._remove_containers(spec)
        message = ""
        try:
            delivery.result()
            message = read_message(self._folder(job.name), spec.hosts)
        except (TunerError, OSError) as error:
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
        self._store.change_job_status(
            _KIND, job.name, status, now=self._clock(), failure_reason=failure_reason, exit_message=message
        )
        self._activity.set()

    def _labels(self, name: str) -> dict[str, str]:
        return {HOME_LABEL: str(self._profile.home), PROCESSING_JOB_LABEL: name}

    def _remove_containers(self, spec: ProcessingJobSpec) -> None:
        remove_containers(self._engine, self._labels(spec.name), several=len(spec.hosts) > 1)

    def _folder(self, name: str) -> JobFolder:
        return JobFolder(self._profile.processing_folder(name))
