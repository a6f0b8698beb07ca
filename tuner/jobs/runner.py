"""The job runner: takes training jobs from Pending to their end, a little at each step.

Every fact is in the store before it is acted upon, so a runner in a new process goes on where the last one stopped:
it reads the store, looks for the job's containers, and adopts them. An outcome is decided from three facts in this
order: a stop that was asked for, the exit codes, the failure files. Log text never decides one.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from contracts.jobs import Interruption, SecondaryStatus, StopReason
from contracts.outcome import HOST_STOP_GRACE_SECONDS, TRAINING_STOP_GRACE_SECONDS, algorithm_error
from tuner.channels.feeds import ChannelFeeds, remove_fifos
from tuner.engine.protocol import HOME_LABEL, JOB_LABEL, Engine, EngineFacts
from tuner.errors import ChannelError, EngineRejected, TunerError
from tuner.jobs.artifacts import read_failure
from tuner.jobs.checkpoints import SyncedCheckpoints
from tuner.jobs.containers import training_containers
from tuner.jobs.folder import JobFolder, channels_of
from tuner.jobs.hosts import RunningHost, RunningHosts, create_containers, remove_containers, start_containers
from tuner.jobs.log_intake import LogIntake, MetricReader, missing_metrics
from tuner.jobs.outputs import Packing, pack
from tuner.jobs.preparation import Preparation
from tuner.jobs.sizing import first_provided
from tuner.profile import HostProfile
from tuner.s3.errors import S3Error
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

#: So many jobs download or pack at the same time; the transfers of each are parallel in themselves.
_BACKGROUND_THREADS = 4

_STOPPED: dict[StopReason, tuple[SecondaryStatus, str]] = {
    StopReason.MAX_RUNTIME: (
        SecondaryStatus.MAX_RUNTIME_EXCEEDED,
        "Ran longer than MaxRuntimeInSeconds allows",
    ),
    StopReason.MAX_WAIT_TIME: (
        SecondaryStatus.MAX_WAIT_TIME_EXCEEDED,
        "Waited and ran longer than MaxWaitTimeInSeconds allows",
    ),
}


class JobRunner:
    """Runs the training jobs of one home on one engine. One object belongs to one thread.

    `activity` is set, from other threads, whenever a step would have something to do. Downloads and packing go to
    `executor`.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        gpus: Sequence[str] = (),
        *,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._gpus = gpus
        self._executor = executor or ThreadPoolExecutor(_BACKGROUND_THREADS, "background of jobs")
        self._machine: EngineFacts | None = None
        self._preparing: dict[str, Preparation] = {}
        self._running: dict[str, RunningHosts] = {}
        self._packing: dict[str, Packing] = {}
        self._checkpoints: dict[str, SyncedCheckpoints] = {}
        self.activity = threading.Event()

    def step(self, job: TrainingJobRecord) -> None:
        """Do what there is to do for one unfinished job, without waiting for its containers.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
        if job.status is SecondaryStatus.PENDING:
            self._begin(job)
        elif job.status is SecondaryStatus.UPLOADING:
            self._finish(job)
        elif job.status in {SecondaryStatus.TRAINING, SecondaryStatus.STOPPING}:
            if job.name in self._running:
                self._watch(job, self._running[job.name])
            else:
                self._adopt(job)
        else:
            self._prepare(job)

    def provided(self, alternatives: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Which of these ResourceConfigs a new job gets: the first that this machine can provide.

        Where it can provide none, the first, whose GPUs the job will wait for; None only where there is none.
        """
        if len(alternatives) > 1:
            machine, gpus = self._machine_facts(), len(self._gpus)
            return first_provided(alternatives, self._profile, machine, gpus) or alternatives[0]
        return next(iter(alternatives), None)

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        reading = [running.finish_epochs() for running in self._running.values()]  # each has to be told
        return any(reading)

    def close(self) -> None:
        """Let go: containers go on, what is being downloaded or packed is left for the next runner."""
        for preparation in self._preparing.values():
            preparation.call_off()
        for packing in self._packing.values():
            packing.call_off()
        for running in self._running.values():
            running.close()
        for checkpoints in self._checkpoints.values():
            checkpoints.close()
        self._executor.shutdown()
        self._running.clear()

    # From Pending to Training

    def _begin(self, job: TrainingJobRecord) -> None:
        if job.stop_reason is None and self._store.lease_gpus(job.name, self._gpus, job.gpu_count) is None:
            return  # another job will give its GPUs back
        if job.stop_reason is None:
            self._store.change_status(
                job.name, SecondaryStatus.STARTING, now=self._clock(), message="Preparing the containers"
            )
        self._prepare(self._store.training_job(job.name))

    def _prepare(self, job: TrainingJobRecord) -> None:
        """Bring here what is elsewhere, in the background, and when that is done start the containers."""
        job = self._limit_time(job)
        if job.stop_reason is not None:
            self._call_off_preparation(job.name)
            self._remove_containers(job)
            self._end_stopped(job, "Stopped before it started")
            return
        if job.status is SecondaryStatus.INTERRUPTED:
            self._store.change_status(
                job.name, SecondaryStatus.STARTING, now=self._clock(), message="Preparing the containers again"
            )
        preparation = self._preparing.get(job.name)
        if preparation is None:
            preparation = Preparation(job.spec.channels, self._profile.cache, self._checkpoints_of(job))
            self._preparing[job.name] = preparation
            if preparation.is_needed and job.status is not SecondaryStatus.DOWNLOADING:
                self._store.change_status(
                    job.name, SecondaryStatus.DOWNLOADING, now=self._clock(), message="Downloading input data"
                )
            preparation.begin(self._executor, self.activity)
        if preparation.is_done:
            del self._preparing[job.name]
            self._start(self._store.training_job(job.name), preparation)
        elif (progress := preparation.news()) is not None:
            self._store.change_message(job.name, progress)

    def _start(self, job: TrainingJobRecord, preparation: Preparation) -> None:
        """Stage, create, start. What an earlier try left behind is removed first."""
        self._remove_containers(job)
        try:
            containers = training_containers(
                replace(job.spec, channels=preparation.result()),
                folder=self._folder(job.name),
                profile=self._profile,
                machine=self._machine_facts(),
                trials=self._trials_at_once(job),
                leased_gpus=self._store.leased_gpus(job.name),
            )
            create_containers(
                self._engine, containers.specs, self._labels(job.name), isolated=job.spec.network_isolation
            )
        except (EngineRejected, ChannelError, S3Error, OSError) as error:
            self._remove_containers(job)
            self._end(job, SecondaryStatus.FAILED, failure_reason=f"ClientError: {error}")
            return
        for warning in containers.warnings:
            self._store.add_warning(job.name, warning)
        self._store.change_status(job.name, SecondaryStatus.TRAINING, now=self._clock(), message="Training")
        self._adopt(self._store.training_job(job.name))

    def _machine_facts(self) -> EngineFacts:
        if self._machine is None:
            self._machine = self._engine.facts()
        return self._machine

    def _trials_at_once(self, job: TrainingJobRecord) -> int:
        """How many jobs of its kind run side by side, this one counted."""
        if job.tuning_job is None:
            return 1
        return self._store.tuning_job(job.tuning_job).spec.max_parallel_training_jobs

    # While it trains

    def _adopt(self, job: TrainingJobRecord) -> None:
        """Follow the containers of a job, start those that have not been, and say so where one is missing."""
        try:
            container_ids = start_containers(self._engine, self._labels(job.name), job.spec.hosts)
        except EngineRejected as error:
            self._remove_containers(job)
            self._end(job, SecondaryStatus.FAILED, failure_reason=f"AlgorithmError: {error}")
            return
        if container_ids is None:
            self._remove_containers(job)
            if job.stop_reason is not None:
                self._end_stopped(job)
            else:
                reason = "InternalServerError: the container was removed while nobody was watching"
                self._end(job, SecondaryStatus.FAILED, failure_reason=reason)
            return
        self._follow(job, container_ids)

    def _follow(self, job: TrainingJobRecord, container_ids: dict[str, str]) -> None:
        members = []
        for host in job.spec.hosts:
            folder = self._folder(job.name).host(host.name)
            intake = LogIntake(
                engine=self._engine,
                container_id=container_ids[host.name],
                log_file=folder.log,
                activity=self.activity,
                start=self._store.log_start(job.name, host.name),
                reader=MetricReader(self._store, job.name, host.name, job.spec.metric_definitions),
            )
            feeds = [
                ChannelFeeds((channel,), folder.opt_ml, folder.feeds, self.activity, shard)
                for channel, shard in channels_of(job.spec.channels, host, job.spec.hosts)
            ]
            if job.stop_reason is None:
                for one in feeds:
                    one.start()
            members.append(
                RunningHost(name=host.name, container_id=container_ids[host.name], intake=intake, feeds=feeds)
            )
        self._running[job.name] = RunningHosts(self._engine, members)
        if (checkpoints := self._checkpoints_of(job)) is not None:
            checkpoints.start()

    def _watch(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        now = self._clock()
        job = self._limit_time(job)
        if job.stop_reason is not None:
            self._press_stop(job, running, now)
        elif running.problem is not None:
            running.kill()  # a container waits for the rest of an epoch, or has read a torn one
        elif job.interruption is Interruption.WITHOUT_NOTICE:
            running.kill()
        elif job.interruption is Interruption.WITH_NOTICE:
            running.terminate(now, TRAINING_STOP_GRACE_SECONDS)
        elif running.first_failed is not None or running.is_one_lost:
            running.terminate(now, HOST_STOP_GRACE_SECONDS)
        running.follow(now)
        checkpoints = self._checkpoints_of(job)
        if checkpoints is not None and (problem := checkpoints.new_problem()) is not None:
            self._store.add_warning(job.name, f"checkpoints did not reach S3 for a while: {problem}")
        if running.have_ended:
            self._running.pop(job.name)
            running.close()
            self._conclude(self._store.training_job(job.name), running)

    def _limit_time(self, job: TrainingJobRecord) -> TrainingJobRecord:
        """Ask a job to stop whose time is up; return it as it is then."""
        if job.stop_reason is not None:
            return job
        now = self._clock()
        if job.spec.max_wait_seconds is not None and now - job.creation_time > job.spec.max_wait_seconds:
            reason = StopReason.MAX_WAIT_TIME
        elif job.training_start_time is not None and self._trained_seconds(job, now) > job.spec.max_runtime_seconds:
            reason = StopReason.MAX_RUNTIME
        else:
            return job
        self._store.request_stop(job.name, reason, now=now)
        return self._store.training_job(job.name)

    def _trained_seconds(self, job: TrainingJobRecord, now: float) -> float:
        """How long the job has trained, without the times in which it was interrupted."""
        assert job.training_start_time is not None
        if job.spec.max_wait_seconds is None:
            return now - job.training_start_time
        return sum(
            (one.end_time or now) - one.start_time
            for one in self._store.transitions(job.name)
            if one.status is SecondaryStatus.TRAINING
        )

    def _press_stop(self, job: TrainingJobRecord, running: RunningHosts, now: float) -> None:
        if job.status is SecondaryStatus.TRAINING:
            self._store.change_status(job.name, SecondaryStatus.STOPPING, now=now, message="Stopping the container")
        if running.terminate(now, TRAINING_STOP_GRACE_SECONDS):
            self._store.add_warning(
                job.name,
                f"the container did not end within {TRAINING_STOP_GRACE_SECONDS} s of SIGTERM and was killed: does its"
                " entry point run as PID 1 and handle the signal?",
            )

    # From exit to outcome

    def _conclude(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        """All containers have ended: what that means."""
        if running.is_one_lost:
            self._remove_containers(job)
            if job.stop_reason is not None:
                self._end_stopped(job)
            else:
                reason = "InternalServerError: the container was removed from outside"
                self._end(job, SecondaryStatus.FAILED, failure_reason=reason)
        elif job.stop_reason is None and running.problem is not None:
            self._remove_containers(job)
            self._end(job, SecondaryStatus.FAILED, failure_reason=running.problem)
        elif job.stop_reason is None and job.interruption is not None:
            self._interrupted(job, running)
        else:
            self._record_exit(job, running)
            self._finish(self._store.training_job(job.name))

    def _interrupted(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        if (checkpoints := self._checkpoints_of(job)) is not None:
            checkpoints.lose(with_notice=job.interruption is Interruption.WITH_NOTICE)
        log_starts = {member.name: member.intake.end for member in running.members}
        self._store.record_interruption(job.name, log_starts, now=self._clock())
        self._remove_containers(job)
        self.activity.set()

    def _record_exit(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        exits = [member.exit for member in running.members if member.exit is not None]
        if any(one.oom_killed for one in exits):
            self._store.add_warning(job.name, "the container was killed for using more memory than its limit")
        found = self._store.training_job(job.name).metrics
        for warning in missing_metrics(job.spec.metric_definitions, found, running.lines):
            self._store.add_warning(job.name, warning)
        failed, exit_code, reason = running.first_failed, running.exit_code, ""
        if failed is not None and job.stop_reason is None:
            text = read_failure(self._folder(job.name).host(failed.name).opt_ml.failure)
            reason = algorithm_error(text, exit_code)
        times = [one.finished_at for one in exits if one.finished_at is not None]
        self._store.record_exit(job.name, exit_code, now=max(times, default=self._clock()))
        self._store.change_status(
            job.name,
            SecondaryStatus.UPLOADING,
            now=self._clock(),
            message="Packing the model",
            failure_reason=reason,
        )

    def _finish(self, job: TrainingJobRecord) -> None:
        """Pack what the containers left, in the background; then remove them and record the outcome.

        Done again after a crash, the result is the same.
        """
        packing = self._packing.get(job.name)
        if packing is None:
            folder = self._folder(job.name)
            packing = pack(job.spec, folder, self._checkpoints_of(job), self._executor, self.activity)
            self._packing[job.name] = packing
        if not packing.is_done:
            if (progress := packing.news()) is not None:
                self._store.change_message(job.name, progress)
            return
        del self._packing[job.name]
        self._remove_containers(job)
        try:
            warnings = packing.result()
        except (OSError, TunerError) as error:
            reason = f"ClientError: the model could not be delivered: {error}"
            self._end(job, SecondaryStatus.FAILED, failure_reason=reason)
            return
        for warning in warnings:
            self._store.add_warning(job.name, warning)
        if job.stop_reason is not None:
            self._end_stopped(job)
        elif job.exit_code == 0:
            self._end(job, SecondaryStatus.COMPLETED, "Completed")
        else:
            self._end(job, SecondaryStatus.FAILED, failure_reason=job.failure_reason)

    def _end_stopped(self, job: TrainingJobRecord, message: str = "Stopped") -> None:
        assert job.stop_reason is not None
        status, message = _STOPPED.get(job.stop_reason, (SecondaryStatus.STOPPED, message))
        self._end(job, status, message)

    def _end(
        self, job: TrainingJobRecord, status: SecondaryStatus, message: str = "", *, failure_reason: str = ""
    ) -> None:
        self._store.change_status(
            job.name,
            status,
            now=self._clock(),
            message=message or failure_reason,
            failure_reason=failure_reason,
        )
        if (checkpoints := self._checkpoints.pop(job.name, None)) is not None:
            checkpoints.close()
        for host in job.spec.hosts:
            remove_fifos(self._folder(job.name).host(host.name).opt_ml)
        self.activity.set()

    def _call_off_preparation(self, name: str) -> None:
        if (preparation := self._preparing.pop(name, None)) is not None:
            preparation.call_off()

    def _checkpoints_of(self, job: TrainingJobRecord) -> SyncedCheckpoints | None:
        """A job's checkpoints that are kept in step with S3: one object from its first start to its end.

        What an interruption gave time to save, it has to remember until the next start.
        """
        if job.name not in self._checkpoints:
            checkpoints = SyncedCheckpoints.of(job.spec, self._folder(job.name))
            if checkpoints is None:
                return None
            self._checkpoints[job.name] = checkpoints
        return self._checkpoints[job.name]

    def _labels(self, name: str) -> dict[str, str]:
        return {HOME_LABEL: str(self._profile.home), JOB_LABEL: name}

    def _remove_containers(self, job: TrainingJobRecord) -> None:
        remove_containers(self._engine, self._labels(job.name), several=len(job.spec.hosts) > 1)

    def _folder(self, name: str) -> JobFolder:
        return JobFolder(self._profile.job_folder(name))
