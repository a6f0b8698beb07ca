"""The job runner: takes training jobs from Pending to their end, a little at each step.

Every fact is in the store before it is acted upon, so a runner in a new process goes on where the last one stopped:
it reads the store, looks for the job's container, and adopts it. An outcome is decided from three facts in this
order: a stop that was asked for, the exit code, the failure file. Log text never decides one.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.jobs import SecondaryStatus, StopReason
from contracts.outcome import TRAINING_STOP_GRACE_SECONDS, algorithm_error
from tuner.channels.addresses import is_local, local_path
from tuner.channels.feeds import ChannelFeeds, remove_fifos
from tuner.engine.protocol import (
    HOME_LABEL,
    HOST_LABEL,
    JOB_LABEL,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    Engine,
)
from tuner.errors import ChannelError, ContainerNotFound, EngineRejected
from tuner.jobs.artifacts import archive, deliver, read_failure
from tuner.jobs.folder import JobFolder, stage
from tuner.jobs.log_intake import LogIntake
from tuner.jobs.platform import PLATFORM_ENVIRONMENT, container_name
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

HOST = "algo-1"

#: How often a running container is asked for its state when its log has nothing new to say.
_STATE_SECONDS = 2.0


@dataclass(slots=True)
class _Attached:
    """A job's container as this process follows it.

    `checked` and `signalled` say when its state was last asked for, and when it got SIGTERM.
    """

    intake: LogIntake
    feeds: ChannelFeeds
    checked: float = 0.0
    signalled: float | None = None
    killed: bool = False


class JobRunner:
    """Runs the training jobs of one home on one engine. One object belongs to one thread.

    `activity` is set, from the threads that follow logs, whenever a step would have something to do.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        gpus: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._gpus = gpus
        self._host_cpus: int | None = None
        self._attached: dict[str, _Attached] = {}
        self.activity = threading.Event()

    def step(self, job: TrainingJobRecord) -> None:
        """Do what there is to do for one unfinished job, without waiting for its container.

        Raises EngineUnreachable where no engine answers: nothing is lost, the next step goes on.
        """
        if job.status is SecondaryStatus.PENDING:
            self._begin(job)
        elif job.status is SecondaryStatus.UPLOADING:
            self._finish(job)
        elif job.name in self._attached:
            self._watch(job, self._attached[job.name])
        else:
            self._adopt(job)

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        reading = [attached.feeds.finish_epochs() for attached in self._attached.values()]  # each has to be told
        return any(reading)

    def close(self) -> None:
        """Stop following; containers go on."""
        for attached in self._attached.values():
            attached.intake.close()
            attached.feeds.close()
        self._attached.clear()

    # From Pending to Training

    def _begin(self, job: TrainingJobRecord) -> None:
        if job.stop_reason is not None:
            self._end(job, SecondaryStatus.STOPPED, "Stopped before it started")
            return
        if self._store.lease_gpus(job.name, self._gpus, job.gpu_count) is None:
            return  # another job will give its GPUs back
        self._store.change_status(
            job.name, SecondaryStatus.STARTING, now=self._clock(), message="Preparing the container"
        )
        self._start(self._store.training_job(job.name))

    def _start(self, job: TrainingJobRecord) -> None:
        """Stage, create, start. What an earlier try left behind is removed first."""
        self._remove_containers(job.name)
        try:
            container_id = self._engine.create(self._container_spec(job))
        except (EngineRejected, ChannelError, OSError) as error:
            self._end(job, SecondaryStatus.FAILED, failure_reason=f"ClientError: {error}")
            return
        self._store.record_container(job.name, container_id)
        self._store.change_status(job.name, SecondaryStatus.TRAINING, now=self._clock(), message="Training")
        self._start_container(job, container_id)

    def _start_container(self, job: TrainingJobRecord, container_id: str) -> None:
        try:
            self._engine.start(container_id)
        except EngineRejected as error:
            self._engine.remove(container_id)
            self._end(job, SecondaryStatus.FAILED, failure_reason=f"AlgorithmError: {error}")
            return
        self._attach(job, container_id)

    def _container_spec(self, job: TrainingJobRecord) -> ContainerSpec:
        spec = job.spec
        mounts = stage(spec, self._folder(job.name))
        arguments = spec.arguments
        if arguments is None and spec.entry_point is None:
            arguments = ("train",)
        return ContainerSpec(
            name=container_name(self._profile.home, job.name, HOST),
            image=spec.image,
            entry_point=spec.entry_point,
            arguments=arguments,
            environment={
                "TRAINING_JOB_NAME": job.name,
                "TRAINING_JOB_ARN": f"arn:aws:sagemaker:local:000000000000:training-job/{job.name.lower()}",
                **PLATFORM_ENVIRONMENT,
                "SAGEMAKER_METRICS_DIRECTORY": "/opt/ml/output/metrics/sagemaker",
                **spec.environment,
            },
            mounts=mounts,
            labels={HOME_LABEL: str(self._profile.home), JOB_LABEL: job.name, HOST_LABEL: HOST},
            gpu_ids=self._store.leased_gpus(job.name),
            network=not spec.network_isolation,
            memory_bytes=self._profile.memory_bytes,
            cpus=self._cpus(job),
            shm_bytes=self._profile.shm_bytes,
        )

    def _cpus(self, job: TrainingJobRecord) -> float | None:
        """The CPUs of a job's container: trials that run side by side share the host evenly, or what the profile says.

        Without a limit each would start as many threads as the host has CPUs, and all would be several times slower.
        """
        if self._profile.cpus is not None or job.tuning_job is None:
            return self._profile.cpus
        if self._host_cpus is None:
            self._host_cpus = self._engine.facts().cpus
        return self._host_cpus / self._store.tuning_job(job.tuning_job).spec.max_parallel_training_jobs

    # While it trains

    def _adopt(self, job: TrainingJobRecord) -> None:
        """Go on with a job that an earlier process began."""
        state = self._state(job.container_id)
        if job.status in {SecondaryStatus.STARTING, SecondaryStatus.DOWNLOADING}:
            if job.stop_reason is not None:
                self._remove_containers(job.name)
                self._end(job, SecondaryStatus.STOPPED, "Stopped before it started")
            else:
                self._start(job)
        elif state is None or job.container_id is None:
            self._end(
                job,
                SecondaryStatus.FAILED,
                failure_reason="InternalServerError: the container was removed while nobody was watching",
            )
        elif state.status is ContainerStatus.CREATED:
            self._start_container(job, job.container_id)
        else:
            self._attach(job, job.container_id)

    def _attach(self, job: TrainingJobRecord, container_id: str) -> None:
        intake = LogIntake(
            store=self._store,
            engine=self._engine,
            container_id=container_id,
            job=job,
            host=HOST,
            log_file=self._folder(job.name).log(HOST),
            activity=self.activity,
        )
        folder = self._folder(job.name)
        feeds = ChannelFeeds(job.spec.channels, folder.opt_ml, folder.feeds, self.activity)
        if job.stop_reason is None:
            feeds.start()
        self._attached[job.name] = _Attached(intake=intake, feeds=feeds)

    def _watch(self, job: TrainingJobRecord, attached: _Attached) -> None:
        now = self._clock()
        if (
            job.stop_reason is None
            and job.training_start_time is not None
            and now - job.training_start_time > job.spec.max_runtime_seconds
        ):
            self._store.request_stop(job.name, StopReason.MAX_RUNTIME, now=now)
            job = self._store.training_job(job.name)
        if job.stop_reason is not None:
            self._press_stop(job, attached, now)
        elif attached.feeds.problem is not None and not attached.killed:
            assert job.container_id is not None
            attached.killed = True
            self._signal(job.container_id, "SIGKILL")  # it waits for the rest of an epoch, or has read a torn one
        attached.intake.take_in()
        if attached.intake.stream_has_ended or now - attached.checked >= _STATE_SECONDS:
            attached.checked = now
            self._check_container(self._store.training_job(job.name), attached)

    def _press_stop(self, job: TrainingJobRecord, attached: _Attached, now: float) -> None:
        """SIGTERM once (again in a new process, which cannot know), SIGKILL when the grace is over."""
        assert job.container_id is not None
        if job.status is SecondaryStatus.TRAINING:
            self._store.change_status(job.name, SecondaryStatus.STOPPING, now=now, message="Stopping the container")
        if attached.signalled is None:
            attached.signalled = now
            self._signal(job.container_id, "SIGTERM")
        elif not attached.killed and now - attached.signalled > TRAINING_STOP_GRACE_SECONDS:
            attached.killed = True
            self._store.add_warning(
                job.name,
                f"the container did not end within {TRAINING_STOP_GRACE_SECONDS} s of SIGTERM and was killed: does its"
                " entry point run as PID 1 and handle the signal?",
            )
            self._signal(job.container_id, "SIGKILL")

    def _signal(self, container_id: str, signal_name: str) -> None:
        with suppress(ContainerNotFound):  # the next look at its state says what that means
            self._engine.signal(container_id, signal_name)

    def _check_container(self, job: TrainingJobRecord, attached: _Attached) -> None:
        state = self._state(job.container_id)
        if state is None:
            self._detach(job.name)
            self._end(
                job,
                SecondaryStatus.STOPPED if job.stop_reason else SecondaryStatus.FAILED,
                failure_reason="" if job.stop_reason else "InternalServerError: the container was removed from outside",
            )
        elif state.status is ContainerStatus.EXITED:
            attached.intake.take_in_rest()
            self._detach(job.name)
            if job.stop_reason is None and attached.feeds.problem is not None:
                self._remove_containers(job.name)
                self._end(job, SecondaryStatus.FAILED, failure_reason=attached.feeds.problem)
                return
            self._record_exit(job, state)
            self._finish(self._store.training_job(job.name))
        elif attached.intake.stream_has_ended:
            attached.intake.follow_again()

    # From exit to outcome

    def _record_exit(self, job: TrainingJobRecord, state: ContainerState) -> None:
        if state.oom_killed:
            self._store.add_warning(job.name, "the container was killed for using more memory than its limit")
        self._store.record_exit(
            job.name,
            -1 if state.exit_code is None else state.exit_code,
            now=self._clock() if state.finished_at is None else state.finished_at,
        )
        self._store.change_status(job.name, SecondaryStatus.UPLOADING, now=self._clock(), message="Packing the model")

    def _finish(self, job: TrainingJobRecord) -> None:
        """Pack what the container left, remove it, record the outcome.

        Done again after a crash, the result is the same.
        """
        folder = self._folder(job.name)
        try:
            self._collect(job, folder)
        except OSError as error:
            self._remove_containers(job.name)
            self._end(
                job, SecondaryStatus.FAILED, failure_reason=f"ClientError: the model could not be packed: {error}"
            )
            return
        self._remove_containers(job.name)
        if job.stop_reason is StopReason.MAX_RUNTIME:
            self._end(job, SecondaryStatus.MAX_RUNTIME_EXCEEDED, "Ran longer than MaxRuntimeInSeconds allows")
        elif job.stop_reason is not None:
            self._end(job, SecondaryStatus.STOPPED, "Stopped")
        elif job.exit_code == 0:
            self._end(job, SecondaryStatus.COMPLETED, "Completed")
        else:
            assert job.exit_code is not None
            text = read_failure(folder.opt_ml.failure)
            self._end(job, SecondaryStatus.FAILED, failure_reason=algorithm_error(text, job.exit_code))

    def _collect(self, job: TrainingJobRecord, folder: JobFolder) -> None:
        for source, target in (
            (folder.opt_ml.model, folder.model_artifact),
            (folder.opt_ml.output_data, folder.output_artifact),
        ):
            wanted = _wanted_folder(job)
            if archive(source, target) and wanted not in {None, target.parent}:
                deliver(target, wanted)

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
        remove_fifos(self._folder(job.name).opt_ml)
        self.activity.set()

    def _state(self, container_id: str | None) -> ContainerState | None:
        if container_id is None:
            return None
        try:
            return self._engine.state(container_id)
        except ContainerNotFound:
            return None

    def _detach(self, name: str) -> None:
        attached = self._attached.pop(name)
        attached.intake.close()
        attached.feeds.close()

    def _remove_containers(self, name: str) -> None:
        """Remove every container of a job, also one that was created in the instant before a crash."""
        for container in self._engine.containers({HOME_LABEL: str(self._profile.home), JOB_LABEL: name}):
            self._engine.remove(container.container_id)

    def _folder(self, name: str) -> JobFolder:
        return JobFolder(self._profile.job_folder(name))


def _wanted_folder(job: TrainingJobRecord) -> Path | None:
    """Where the job's OutputDataConfig wants its archives, in the service's layout; None where not on this host."""
    uri = job.spec.output_uri
    return None if uri is None or not is_local(uri) else local_path(uri) / job.name / "output"
