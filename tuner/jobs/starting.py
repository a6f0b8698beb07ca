"""A training job's way from Pending to Training: its GPUs, its data, its folder, its containers."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.channels import Channel
from contracts.jobs import SecondaryStatus
from tuner.errors import ChannelError, EngineRejected, GpuTaken
from tuner.jobs.containers import JobContainers, training_containers
from tuner.jobs.creation import Created, Creation, Describe
from tuner.jobs.ending import Endings
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.losses import Losses
from tuner.jobs.preparation import Preparation
from tuner.jobs.time_limits import limit_time
from tuner.jobs.workbench import Workbench
from tuner.s3.errors import S3Error
from tuner.store.records import TrainingJobRecord


class Starts:
    """Brings jobs to where their containers are created, with the GPUs that `leases` gives them."""

    def __init__(self, workbench: Workbench, endings: Endings, leases: GpuLeases) -> None:
        self._bench = workbench
        self._endings = endings
        self._leases = leases
        self._losses = Losses(workbench)
        self._creations: dict[str, Creation] = {}

    def begin(self, job: TrainingJobRecord) -> Created | None:
        """From Pending on: where there is room on the disks lease the GPUs, then `go_on`."""
        store, now = self._bench.store, self._bench.clock()
        job = limit_time(store, job, now)
        if job.stop_reason is not None:
            return self.go_on(job)
        if not self._has_room(job) or not self._has_gpus(job):
            return None
        store.change_status(job.name, SecondaryStatus.STARTING, now=now, message="Preparing the containers")
        return self.go_on(store.training_job(job.name), is_new=True)

    def go_on(self, job: TrainingJobRecord, *, is_new: bool = False) -> Created | None:
        """Bring here what is elsewhere, and once that is done create the containers: both in the background.

        Returns them once they have been created, and the job is Training: so of a job that is, a container that is not
        there has gone, and one that is there has all that it needs. Raises EngineUnreachable: nothing is lost.
        """
        store, now = self._bench.store, self._bench.clock()
        job = limit_time(store, job, now)
        if self._is_held_up(job):
            return None
        if job.status in {SecondaryStatus.INTERRUPTED, SecondaryStatus.RESTARTING}:
            store.change_status(job.name, SecondaryStatus.STARTING, now=now, message="Preparing the containers again")
        creation = self._creations.get(job.name) or self._begin_creation(job, now, is_new=is_new)
        if creation.is_to_begin:
            if not self._has_room(job) or not self._has_gpus(job):
                return None  # somebody else has come to use them since they were leased
            creation.begin(self._description(job))
        try:
            created = creation.created()
        except GpuTaken as taken:
            store.change_message(job.name, f"Waiting: {taken}")
            self._leases.look_again()
            return None
        except (EngineRejected, ChannelError, S3Error, OSError) as error:
            del self._creations[job.name]
            self._endings.could_not_create(job, error)
            return None
        if created is None:
            if (progress := creation.preparation.news()) is not None:
                store.change_message(job.name, progress)
            return None
        del self._creations[job.name]
        for warning in created.warnings:
            store.add_warning(job.name, warning)
        store.change_status(job.name, SecondaryStatus.TRAINING, now=now, message="Training")
        return created

    def close(self) -> None:
        """Call off what has not come to its end."""
        for creation in self._creations.values():
            creation.call_off()

    def _is_held_up(self, job: TrainingJobRecord) -> bool:
        """Whether a job is to stop, which is seen to, or has lost its containers too lately to start again."""
        if job.stop_reason is not None:
            self._stop(job)
            return True
        return job.status is SecondaryStatus.RESTARTING and not self._losses.is_waited_out(job)

    def _stop(self, job: TrainingJobRecord) -> None:
        """End a job that was asked to stop, once no container of it is being created any more."""
        creation = self._creations.get(job.name)
        if creation is None or creation.call_off():
            self._creations.pop(job.name, None)
            self._endings.stopped_before_start(job)

    def _begin_creation(self, job: TrainingJobRecord, now: float, *, is_new: bool) -> Creation:
        bench = self._bench
        preparation = Preparation(job.spec.channels, bench.profile.cache, bench.checkpoints_of(job))
        if preparation.is_needed and job.status is not SecondaryStatus.DOWNLOADING:
            bench.store.change_status(job.name, SecondaryStatus.DOWNLOADING, now=now, message="Downloading input data")
        preparation.begin(bench.executor, bench.activity)
        self._creations[job.name] = creation = Creation(
            preparation,
            engine=bench.engine,
            labels=bench.labels(job.name),
            isolated=job.spec.network_isolation,
            is_new=is_new,
            threads=bench.engine_threads,
        )
        return creation

    def _description(self, job: TrainingJobRecord) -> Describe:
        """What stages a job and describes its containers; all that is asked of the store is asked here."""
        bench = self._bench
        machine, trials, leased_gpus = bench.machine(), self._trials_at_once(job), bench.store.leased_gpus(job.name)

        def describe(channels: Sequence[Channel]) -> JobContainers:
            return training_containers(
                replace(job.spec, channels=tuple(channels)),
                folder=bench.folder(job.name),
                profile=bench.profile,
                machine=machine,
                trials=trials,
                leased_gpus=leased_gpus,
                labels=bench.disks.labels(),
            )

        return describe

    def _has_room(self, job: TrainingJobRecord) -> bool:
        """Whether the disks have room for the job; what it waits for is said."""
        if (wait := self._bench.disks.why_wait()) is not None:
            self._bench.store.change_message(job.name, wait)
        return wait is None

    def _has_gpus(self, job: TrainingJobRecord) -> bool:
        """Whether the job has its GPUs, and nobody else uses them; what it waits for is said."""
        wait = self._leases.obtain(job.name, job.gpu_count)
        if wait is None:
            return True
        self._bench.store.change_message(job.name, wait.message)
        for warning in wait.warnings:
            self._bench.store.add_warning(job.name, warning)
        return False

    def _trials_at_once(self, job: TrainingJobRecord) -> int:
        """How many jobs of its kind run side by side, this one counted."""
        if job.tuning_job is None:
            return 1
        return self._bench.store.tuning_job(job.tuning_job).spec.max_parallel_training_jobs
