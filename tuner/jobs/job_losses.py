"""Infrastructure losses of processing jobs and transform jobs: remembered, and answered with a fresh start or an end.

`losses` has those of training jobs.
"""

from collections.abc import Callable, Mapping

from contracts.jobs import JobKind
from contracts.outcome import DEFAULT_RETRY_ATTEMPTS, FailureKind, LossCause
from tuner.jobs.losses import ordinal
from tuner.jobs.outcomes import Loss, retry_delay_seconds
from tuner.store.records import LogStart
from tuner.store.sqlite_store import Store


class JobLosses:
    """The losses of the jobs of one kind. Their requests have no RetryStrategy: each starts again three times."""

    def __init__(self, store: Store, kind: JobKind, clock: Callable[[], float]) -> None:
        self._store = store
        self._kind = kind
        self._clock = clock

    def record(self, name: str, loss: Loss, log_starts: Mapping[str, LogStart]) -> str | None:
        """Remember a loss, and where the logs go on; return why the job has failed, None where it starts again."""
        number = len(self._store.job_losses(self._kind, name)) + 1
        if number > DEFAULT_RETRY_ATTEMPTS:
            return FailureKind.INTERNAL.reason(f"lost for the {ordinal(number)} time: {loss.reason}")
        self._store.record_job_loss(
            self._kind,
            name,
            loss.cause,
            loss.reason,
            now=self._clock(),
            message=f"Starts again in {retry_delay_seconds(number):.0f} s: {loss.reason}",
            log_starts=log_starts,
        )
        return None

    def is_waited_out(self, name: str) -> bool:
        """Whether a job has not lost its containers so lately that it is too early to start again."""
        losses = self._store.job_losses(self._kind, name)
        return not losses or self._clock() >= losses[-1].time + retry_delay_seconds(len(losses))

    def unexplained_kills(self, name: str) -> int:
        """How often a job has ended by a SIGKILL from nobody knows whom."""
        return sum(loss.cause is LossCause.UNEXPLAINED_KILL for loss in self._store.job_losses(self._kind, name))
