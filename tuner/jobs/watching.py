"""A training job while its containers run: they are followed, asked to stop, and seen to end."""

from contracts.jobs import Interruption, JobKind, SecondaryStatus
from contracts.outcome import HOST_STOP_GRACE_SECONDS, TRAINING_STOP_GRACE_SECONDS, FailureKind
from tuner.channels.feeds import ChannelFeeds
from tuner.errors import EngineRejected
from tuner.jobs.creation import Created
from tuner.jobs.disk_watch import DiskWatch, Verdict
from tuner.jobs.ending import Endings
from tuner.jobs.folder import channels_of
from tuner.jobs.hosts import RunningHost, RunningHosts, Starting, take_in_logs
from tuner.jobs.log_intake import LogIntake
from tuner.jobs.log_record import LogRecord
from tuner.jobs.objective_watch import ObjectiveWatch
from tuner.jobs.time_limits import limit_time
from tuner.jobs.workbench import Workbench
from tuner.store.records import TrainingJobRecord

_LOSES_LOGS = (
    "the engine's disk was full while it ran: what a container prints then is dropped, so lines of the log may be"
    " missing, with the numbers in them"
)


class Watch:
    """Follows the containers of the jobs that train."""

    def __init__(self, workbench: Workbench, endings: Endings) -> None:
        self._bench = workbench
        self._endings = endings
        self._starting = Starting(workbench.engine, workbench.engine_threads)
        self._running: dict[str, RunningHosts] = {}
        self._told: set[str] = set()  # who has been told that its log may have holes
        self._disk_watch = DiskWatch(
            workbench.engine, workbench.disks, workbench.engine_threads, workbench.clock, self._has_gone
        )

    def start(self, job: TrainingJobRecord, created: Created) -> None:
        """Start the containers of a job that has just become Training, in the background, and follow them."""
        self._starting.begin(job.name, created.container_ids)
        self.step(job)

    def take_in_logs(self) -> None:
        """Take in what all containers have printed."""
        take_in_logs(self._bench.store, self._running.values())

    def step(self, job: TrainingJobRecord) -> None:
        """Look after the containers of a job that is Training or Stopping."""
        running = self._running.get(job.name)
        if running is None:
            self._adopt(job)
        else:
            self._look(job, running)

    def look_at_disks(self) -> None:
        """Stop the container that fills a disk, if one does. Raises EngineUnreachable."""
        verdict = self._disk_watch.look(self._running)
        if verdict is not None:
            self._stop_for_disk(verdict)
        if self._disk_watch.loses_logs:
            for job in self._running.keys() - self._told:
                self._bench.store.add_warning(job, _LOSES_LOGS)
                self._told.add(job)

    def _stop_for_disk(self, verdict: Verdict) -> None:
        store = self._bench.store
        try:
            if store.training_job(verdict.job).status is SecondaryStatus.TRAINING:  # else it is being stopped anyway
                store.change_status(
                    verdict.job,
                    SecondaryStatus.STOPPING,
                    now=self._bench.clock(),
                    message="Stopping the container: it has filled a disk",
                    failure_reason=FailureKind.ALGORITHM.reason(verdict.reason),
                    failure_kind=FailureKind.ALGORITHM,
                )
        finally:  # also where the disk is too full to remember why: the job is lost then, and starts again
            self._running[verdict.job].kill()

    def finish_epochs(self) -> bool:
        """Begin no further epoch of a Pipe channel; return whether a container is still reading one."""
        reading = [running.finish_epochs() for running in self._running.values()]  # each has to be told
        return any(reading)

    def close(self) -> None:
        """Stop following; containers go on."""
        for running in self._running.values():
            running.close()
        self._running.clear()

    def _adopt(self, job: TrainingJobRecord) -> None:
        """Follow the containers of a job, start those that have not been, and say so where one is missing.

        A stop that comes meanwhile is pressed once they are followed.
        """
        if not self._starting.is_over(job.name, self._bench.labels(job.name), job.spec.hosts):
            return
        try:
            container_ids = self._starting.take(job.name)
        except EngineRejected as error:
            self._endings.could_not_start(job, error)
            return
        if container_ids is None:
            self._endings.found_missing(job)
            return
        self._follow(job, container_ids)

    def _follow(self, job: TrainingJobRecord, container_ids: dict[str, str]) -> None:
        bench = self._bench
        members = []
        for host in job.spec.hosts:
            folder = bench.folder(job.name).host(host.name)
            start = bench.store.log_start(job.name, host.name)
            intake = LogIntake(
                engine=bench.engine,
                container_id=container_ids[host.name],
                log_file=folder.log,
                activity=bench.activity,
                start=start,
                record=LogRecord(
                    bench.store,
                    kind=JobKind.TRAINING,
                    job=job.name,
                    host=host.name,
                    container=container_ids[host.name],
                    definitions=job.spec.metric_definitions,
                    first_line=start.lines,
                    watch=self._objective_watch(job) if host.name == job.spec.hosts[0].name else None,
                    clock=bench.clock,
                ),
            )
            feeds = [
                ChannelFeeds((channel,), folder.opt_ml, folder.feeds, bench.activity, shard)
                for channel, shard in channels_of(job.spec.channels, host, job.spec.hosts)
            ]
            if job.stop_reason is None:
                for one in feeds:
                    one.start()
            members.append(
                RunningHost(name=host.name, container_id=container_ids[host.name], intake=intake, feeds=feeds)
            )
        self._running[job.name] = RunningHosts(bench.engine, members, bench.engine_threads)
        if (checkpoints := bench.checkpoints_of(job)) is not None:
            checkpoints.start()
        bench.activity.set()  # a first look at once: it may have ended already

    def _objective_watch(self, job: TrainingJobRecord) -> ObjectiveWatch | None:
        """Of a trial: what warns where its objective does not appear. None once it has, or the warning is there."""
        if job.tuning_job is None:
            return None
        store = self._bench.store
        name = store.tuning_job(job.tuning_job).metric_of(job)
        begins = f"metric {name!r} has not appeared"
        if name in job.metrics or any(warning.startswith(begins) for warning in store.warnings(job.name)):
            return None
        definition = next((one for one in job.spec.metric_definitions if one.name == name), None)
        return None if definition is None else ObjectiveWatch(definition, self._bench.clock())

    def _look(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        store, now = self._bench.store, self._bench.clock()
        if running.last_seen is not None:
            job = limit_time(store, job, running.last_seen)
        if job.failure_reason:
            running.kill()  # it has filled a disk
        elif job.stop_reason is not None:
            self._press_stop(job, running, now)
        elif running.problem is not None or running.torn is not None:
            running.kill()  # a container waits for the rest of an epoch, or has read a torn one
        elif job.interruption is Interruption.WITHOUT_NOTICE:
            running.kill()
        elif job.interruption is Interruption.WITH_NOTICE:
            running.terminate(now, TRAINING_STOP_GRACE_SECONDS)
        elif running.first_failed is not None or running.is_one_lost:
            running.terminate(now, HOST_STOP_GRACE_SECONDS)
        running.follow(now)
        checkpoints = self._bench.checkpoints_of(job)
        if checkpoints is not None and (problem := checkpoints.new_problem()) is not None:
            store.add_warning(job.name, f"checkpoints did not reach S3 for a while: {problem}")
        if running.have_ended:
            self._running.pop(job.name)
            running.close()
            self._endings.conclude(store.training_job(job.name), running)

    def _has_gone(self, name: str) -> bool:
        """Whether a job has ended, and its containers are removed."""
        return self._bench.store.training_job(name).is_finished and self._bench.removals.is_over(name)

    def _press_stop(self, job: TrainingJobRecord, running: RunningHosts, now: float) -> None:
        store = self._bench.store
        if job.status is SecondaryStatus.TRAINING:
            store.change_status(job.name, SecondaryStatus.STOPPING, now=now, message="Stopping the container")
        if running.terminate(now, TRAINING_STOP_GRACE_SECONDS):
            store.add_warning(
                job.name,
                f"the container did not end within {TRAINING_STOP_GRACE_SECONDS} s of SIGTERM and was killed: does its"
                " entry point run as PID 1 and handle the signal?",
            )
