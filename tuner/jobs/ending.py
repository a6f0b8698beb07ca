"""What it means that the containers of a training job have ended, are gone, or could not be made: the job's outcome.

The outcome is decided from four facts in this order: a stop that was asked for, a loss to the infrastructure (which
starts the job again, see `losses`), the exit codes, the failure files. Log text never decides one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.jobs import Interruption, SecondaryStatus, StopReason
from contracts.outcome import FailureKind, algorithm_error
from tuner.channels.feeds import remove_fifos
from tuner.errors import EngineRejected, TunerError
from tuner.jobs.artifacts import read_failure
from tuner.jobs.background import Background
from tuner.jobs.hosts import RunningHosts
from tuner.jobs.log_intake import missing_metrics
from tuner.jobs.losses import Losses
from tuner.jobs.outcomes import (
    Ending,
    Loss,
    loss_of_ending,
    loss_of_missing,
    loss_of_refusal,
    loss_of_torn_epoch,
    memory_advice,
    memory_in_words,
    needs_room,
)
from tuner.jobs.outputs import Packing, pack
from tuner.jobs.workbench import Workbench
from tuner.store.records import TrainingJobRecord

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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    status: SecondaryStatus
    message: str
    failure_kind: FailureKind | None


class Endings:
    """Leads jobs to their outcome. Whatever way a job's containers end, one of these methods is told."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._losses = Losses(workbench)
        self._packing: dict[str, Packing] = {}
        self._clearing: dict[str, Background[None]] = {}
        self._decided: dict[str, _Outcome] = {}

    # How containers end

    def stopped_before_start(self, job: TrainingJobRecord) -> None:
        """A stop was asked for before any container ran."""
        self._end_stopped(job, "Stopped before it started")

    def could_not_create(self, job: TrainingJobRecord, error: TunerError | OSError) -> None:
        """What the containers need could not be had, or the engine refused to create one."""
        self._refused(job, error, FailureKind.CLIENT)

    def could_not_start(self, job: TrainingJobRecord, error: EngineRejected) -> None:
        """The engine refused to start a container."""
        self._refused(job, error, FailureKind.ALGORITHM)

    def _refused(self, job: TrainingJobRecord, error: Exception, kind: FailureKind) -> None:
        if (loss := loss_of_refusal(error)) is not None:
            self._lost(job, loss)
        else:
            self._fail(job, kind, kind.reason(str(error)))

    def found_missing(self, job: TrainingJobRecord) -> None:
        """A job is to be adopted of which a container is not there."""
        self._lost(job, loss_of_missing())

    def conclude(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        """All containers have ended, or one was removed by somebody else and the rest have ended."""
        if running.is_one_lost or job.failure_reason:
            self._lost(job, loss_of_missing(), running)
        elif job.stop_reason is not None:
            self._record_exit(job, running, [])
        elif running.problem is not None:
            self._fail(job, FailureKind.CLIENT, running.problem)
        elif running.torn is not None:
            self._lost(job, loss_of_torn_epoch(running.torn), running)
        elif job.interruption is not None:
            self._interrupted(job, running)
        else:
            endings = self._losses.endings(job, running)
            loss = next((loss for ending in endings if (loss := loss_of_ending(ending)) is not None), None)
            if loss is None:
                self._record_exit(job, running, endings)
            else:
                self._lost(job, loss, running)

    def _lost(self, job: TrainingJobRecord, loss: Loss, running: RunningHosts | None = None) -> None:
        """A job has lost its containers: it starts again, unless it was to stop or has done so too often.

        One that was stopped for filling a disk has the reason already; what its containers have written makes room.
        """
        if job.failure_reason:
            folder, hosts = self._bench.folder(job.name), job.spec.hosts
            self._clearing[job.name] = Background.of_engine(
                lambda _: folder.remove_written(hosts), self._bench.engine_threads
            )
            self._fail(job, FailureKind.ALGORITHM, job.failure_reason)
        elif job.stop_reason is not None:
            self._end_stopped(job)
        elif self._losses.record(job, loss, running):
            self._bench.activity.set()  # what is left of the containers is removed before new ones are created
        else:
            self._bench.removals.begin(job.name, several=len(job.spec.hosts) > 1)
            self._clear_up(job)

    def _interrupted(self, job: TrainingJobRecord, running: RunningHosts) -> None:
        if (checkpoints := self._bench.checkpoints_of(job)) is not None:
            checkpoints.lose(with_notice=job.interruption is Interruption.WITH_NOTICE)
        log_starts = {member.name: member.intake.end for member in running.members}
        self._bench.store.record_interruption(job.name, log_starts, now=self._bench.clock())
        self._bench.activity.set()

    def _record_exit(self, job: TrainingJobRecord, running: RunningHosts, endings: Sequence[Ending]) -> None:
        store = self._bench.store
        exits = [member.exit for member in running.members if member.exit is not None]
        memory = next((one for one in exits if one.oom_killed), None)
        memory = memory or next((ending.state for ending in endings if ending.ran_out_of_memory), None)
        if memory is not None:
            store.add_warning(job.name, f"the container was {memory_in_words(memory)}: {memory_advice(memory)}")
        found = store.training_job(job.name).metrics
        for warning in missing_metrics(job.spec.metric_definitions, found, running.lines):
            store.add_warning(job.name, warning)
        failed, exit_code, reason = running.first_failed, running.exit_code, ""
        if failed is not None and job.stop_reason is None:
            text = read_failure(self._bench.folder(job.name).host(failed.name).opt_ml.failure)
            reason = algorithm_error(text or (memory_in_words(memory) if memory is not None else ""), exit_code)
        times = [one.finished_at for one in exits if one.finished_at is not None]
        with store.together():
            store.record_exit(job.name, exit_code, now=max(times, default=self._bench.clock()))
            store.change_status(
                job.name,
                SecondaryStatus.UPLOADING,
                now=self._bench.clock(),
                message="Packing the model",
                failure_reason=reason,
                failure_kind=FailureKind.ALGORITHM if reason else None,
            )
        self.finish(store.training_job(job.name))

    # From the recorded exit to the end

    def finish(self, job: TrainingJobRecord) -> None:
        """Pack what the containers left, in the background; then record the outcome, and let them be removed.

        Done again after a crash, the result is the same.
        """
        store = self._bench.store
        packing = self._packing.get(job.name)
        if packing is None:
            folder, checkpoints = self._bench.folder(job.name), self._bench.checkpoints_of(job)
            packing = pack(job.spec, folder, checkpoints, self._bench.executor, self._bench.activity)
            self._packing[job.name] = packing
        if not packing.is_done:
            if (progress := packing.news()) is not None:
                store.change_message(job.name, progress)
            return
        del self._packing[job.name]
        try:
            warnings = packing.result()
        except (OSError, TunerError) as error:
            if needs_room(error):
                raise  # the job stays as it is, with all that it has learned: the next process packs again
            self._could_not_deliver(job, error)
            return
        for warning in warnings:
            store.add_warning(job.name, warning)
        if job.stop_reason is not None:
            self._end_stopped(job)
        elif job.exit_code == 0:
            self._end(job, SecondaryStatus.COMPLETED, "Completed")
        else:
            self._fail(job, FailureKind.ALGORITHM, job.failure_reason)

    def _could_not_deliver(self, job: TrainingJobRecord, error: OSError | TunerError) -> None:
        """The training itself has ended: it is not done again, but a full disk is no fault of its configuration."""
        kind = FailureKind.CLIENT if loss_of_refusal(error) is None else FailureKind.INTERNAL
        self._fail(job, kind, kind.reason(f"the model could not be delivered: {error}"))

    def close(self) -> None:
        """Call off what is being packed."""
        for packing in self._packing.values():
            packing.call_off()

    def _end_stopped(self, job: TrainingJobRecord, message: str = "Stopped") -> None:
        assert job.stop_reason is not None
        status, message = _STOPPED.get(job.stop_reason, (SecondaryStatus.STOPPED, message))
        self._end(job, status, message)

    def _fail(self, job: TrainingJobRecord, kind: FailureKind, reason: str) -> None:
        self._end(job, SecondaryStatus.FAILED, reason, failure_kind=kind)

    def _end(
        self,
        job: TrainingJobRecord,
        status: SecondaryStatus,
        message: str,
        *,
        failure_kind: FailureKind | None = None,
    ) -> None:
        self._decided[job.name] = _Outcome(status=status, message=message, failure_kind=failure_kind)
        self._bench.removals.begin(job.name, several=len(job.spec.hosts) > 1)
        self.record(job)

    def record(self, job: TrainingJobRecord) -> bool:
        """Record the outcome of a job if it has one; return whether it has.

        The next job need not wait until the containers are gone. But a lease ends with its container, so a job that has
        one ends after that. The message of a failure is its reason.
        """
        if job.name not in self._decided:
            return False
        if job.gpu_count and not self._bench.removals.is_over(job.name):
            return True
        if (clearing := self._clearing.get(job.name)) is not None:
            if not clearing.is_done:
                return True
            del self._clearing[job.name]
            if clearing.problem is not None:
                self._bench.store.add_warning(job.name, f"what it wrote could not be removed: {clearing.problem}")
        outcome = self._decided.pop(job.name)
        self._bench.store.change_status(
            job.name,
            outcome.status,
            now=self._bench.clock(),
            message=outcome.message,
            failure_reason="" if outcome.failure_kind is None else outcome.message,
            failure_kind=outcome.failure_kind,
        )
        self._clear_up(job)
        return True

    def _clear_up(self, job: TrainingJobRecord) -> None:
        """A job has ended, and that is recorded."""
        self._bench.let_go_of_checkpoints(job.name)
        for host in job.spec.hosts:
            remove_fifos(self._bench.folder(job.name).host(host.name).opt_ml)
        self._bench.activity.set()
