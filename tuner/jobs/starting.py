"""A training job's way from Pending to Training: its GPUs, its data, its folder, its containers."""

from dataclasses import replace

from contracts.jobs import SecondaryStatus
from tuner.errors import ChannelError, EngineRejected, GpuTaken
from tuner.jobs.containers import training_containers
from tuner.jobs.ending import Endings
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.hosts import create_containers
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
        self._preparing: dict[str, Preparation] = {}

    def begin(self, job: TrainingJobRecord) -> bool:
        """From Pending on: lease the GPUs, then `go_on`."""
        store, now = self._bench.store, self._bench.clock()
        job = limit_time(store, job, now)
        if job.stop_reason is None:
            if not self._has_gpus(job):
                return False
            store.change_status(job.name, SecondaryStatus.STARTING, now=now, message="Preparing the containers")
        return self.go_on(store.training_job(job.name))

    def go_on(self, job: TrainingJobRecord) -> bool:
        """Bring here what is elsewhere, in the background; once that is done create the containers.

        Returns whether they have been created, and the job is Training.
        """
        store, now = self._bench.store, self._bench.clock()
        job = limit_time(store, job, now)
        if job.stop_reason is not None:
            self._call_off(job.name)
            self._endings.stopped_before_start(job)
            return False
        if job.status is SecondaryStatus.INTERRUPTED:
            store.change_status(job.name, SecondaryStatus.STARTING, now=now, message="Preparing the containers again")
        preparation = self._preparing.get(job.name)
        if preparation is None:
            checkpoints = self._bench.checkpoints_of(job)
            preparation = Preparation(job.spec.channels, self._bench.profile.cache, checkpoints)
            self._preparing[job.name] = preparation
            if preparation.is_needed and job.status is not SecondaryStatus.DOWNLOADING:
                store.change_status(job.name, SecondaryStatus.DOWNLOADING, now=now, message="Downloading input data")
            preparation.begin(self._bench.executor, self._bench.activity)
        if preparation.is_done:
            if not self._has_gpus(job):
                return False  # somebody else has come to use them since they were leased
            del self._preparing[job.name]
            return self._create(store.training_job(job.name), preparation)
        if (progress := preparation.news()) is not None:
            store.change_message(job.name, progress)
        return False

    def close(self) -> None:
        """Call off what is being downloaded."""
        for preparation in self._preparing.values():
            preparation.call_off()

    def _create(self, job: TrainingJobRecord, preparation: Preparation) -> bool:
        """Stage and create; what an earlier try left behind is removed first."""
        bench = self._bench
        bench.remove_containers(job)
        try:
            containers = training_containers(
                replace(job.spec, channels=preparation.result()),
                folder=bench.folder(job.name),
                profile=bench.profile,
                machine=bench.machine(),
                trials=self._trials_at_once(job),
                leased_gpus=bench.store.leased_gpus(job.name),
            )
            create_containers(
                bench.engine, containers.specs, bench.labels(job.name), isolated=job.spec.network_isolation
            )
        except GpuTaken as taken:
            bench.remove_containers(job)
            bench.store.change_message(job.name, f"Waiting: {taken}")
            self._leases.look_again()
            self._preparing[job.name] = preparation
            return False
        except (EngineRejected, ChannelError, S3Error, OSError) as error:
            self._endings.could_not_create(job, error)
            return False
        for warning in containers.warnings:
            bench.store.add_warning(job.name, warning)
        bench.store.change_status(job.name, SecondaryStatus.TRAINING, now=bench.clock(), message="Training")
        return True

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

    def _call_off(self, name: str) -> None:
        if (preparation := self._preparing.pop(name, None)) is not None:
            preparation.call_off()
