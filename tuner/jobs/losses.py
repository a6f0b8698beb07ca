"""Infrastructure losses of training jobs: seen, remembered, and answered with a fresh container or an end."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.jobs import SecondaryStatus
from contracts.outcome import FailureKind, LossCause
from tuner.engine.protocol import ContainerState
from tuner.engine.witness import Witness
from tuner.jobs.hosts import RunningHost, RunningHosts
from tuner.jobs.log_intake import end_of_log
from tuner.jobs.outcomes import Ending, Loss, retry_delay_seconds
from tuner.jobs.workbench import Workbench
from tuner.store.records import TrainingJobRecord

_KILLED = 137


class Losses:
    """Finds out whether an ending was a loss, and records losses."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench

    def endings(self, job: TrainingJobRecord, running: RunningHosts) -> list[Ending]:
        """What is known of the containers whose end decides for the job: of the first that failed, else of all."""
        losses = self._bench.store.losses(job.name) if job.losses else []
        return endings_of(
            running,
            self._bench.witness,
            gpus=self._bench.store.leased_gpus(job.name) if job.gpu_count else (),
            unexplained_kills=sum(loss.cause is LossCause.UNEXPLAINED_KILL for loss in losses),
        )

    def record(self, job: TrainingJobRecord, loss: Loss, running: RunningHosts | None = None) -> bool:
        """Remember a loss, and where the logs go on; return whether the job is to start again.

        If not, it has failed: it has been started again as often as its RetryStrategy allows.
        """
        store = self._bench.store
        if (checkpoints := self._bench.checkpoints_of(job)) is not None:
            checkpoints.lose(with_notice=True)  # this machine still has all that was written
        again = job.losses < job.spec.retry_attempts
        if again:
            message = f"Starts again in {retry_delay_seconds(job.losses + 1):.0f} s: {loss.reason}"
        else:
            message = FailureKind.INTERNAL.reason(f"lost for the {ordinal(job.losses + 1)} time: {loss.reason}")
        store.record_loss(
            job.name,
            loss.cause,
            loss.reason,
            now=self._time(job, running),
            status=SecondaryStatus.RESTARTING if again else SecondaryStatus.FAILED,
            message=message,
            log_starts={
                host.name: end_of_log(self._bench.folder(job.name).host(host.name).log) for host in job.spec.hosts
            },
        )
        return again

    def is_waited_out(self, job: TrainingJobRecord) -> bool:
        """Whether a job that has lost its containers has waited long enough to start again."""
        lost = self._bench.store.losses(job.name)[-1].time
        return self._bench.clock() >= lost + retry_delay_seconds(job.losses)

    def _time(self, job: TrainingJobRecord, running: RunningHosts | None) -> float:
        """When the job lost its containers: the time in which nobody could look was no training."""
        now = self._bench.clock()
        ends = [member.exit.finished_at for member in running.members if member.exit] if running else []
        known = [end for end in ends if end is not None]
        if job.training_start_time is None or not known:
            return now
        started = self._bench.store.transitions(job.name)[-1].start_time
        return max(started, min(now, *known))


def endings_of(running: RunningHosts, witness: Witness, *, gpus: Sequence[str], unexplained_kills: int) -> list[Ending]:
    """What is known of the containers whose end decides for a job with these `gpus`: the first that failed, or all."""
    failed = running.first_failed
    members = list(running.members) if failed is None else [failed]
    known = [(member, member.exit) for member in members if member.exit is not None]
    return [_ending(member, state, witness, gpus=gpus, kills=unexplained_kills) for member, state in known]


def _ending(member: RunningHost, state: ContainerState, witness: Witness, *, gpus: Sequence[str], kills: int) -> Ending:
    ending = Ending(
        state=state,
        signals=member.signals,
        engine_started=member.engine_started,
        last_seen=member.intake.seen if member.last_seen is None else member.last_seen,
        unexplained_kills=kills,
    )
    if state.exit_code == _KILLED and not state.oom_killed:
        ending = replace(ending, ran_out_of_memory=witness.ran_out_of_memory(member.container_id))
    if state.exit_code != 0 and gpus and state.started_at is not None:
        ending = replace(ending, gpu_trouble=witness.gpu_trouble(gpus, state.started_at))
    return ending


def ordinal(number: int) -> str:
    """The number as one of a row: 1st, 2nd, ..."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in {11, 12, 13} else "th"
    return f"{number}{ending}"
