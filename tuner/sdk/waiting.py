"""Waiting for a job from Python: what `wait` of both kinds of jobs has in common."""

from collections.abc import Callable

from contracts.jobs import JobStatus
from tuner.errors import TunerError
from tuner.sdk.session import Session
from tuner.work.interruptions import Detached


class UnexpectedStatusException(TunerError):
    """A job that was waited for has failed. `actual_status` is what it ended in."""

    def __init__(self, text: str, actual_status: str) -> None:
        super().__init__(text)
        self.allowed_statuses = ["Completed", "Stopped"]
        self.actual_status = actual_status


def wait_for(session: Session, name: str, on_round: Callable[[], None], come_back: str) -> None:
    """Work the home until the job called `name` has ended.

    `come_back` is the Python that waits for it again. The first interruption (Ctrl-C, the notebook's stop button)
    stops the job; the second raises KeyboardInterrupt and leaves its containers running.
    """
    try:
        session.run_until_finished(name, on_round)
    except Detached:
        session.say(f"{name} goes on as far as its containers do. To wait again: {come_back}")
        raise KeyboardInterrupt from None


def check_ending(session: Session, kind: str, name: str, status: JobStatus, failure_reason: str) -> None:
    """Raise UnexpectedStatusException for a job that failed; say it where it was stopped."""
    if status is JobStatus.FAILED:
        raise UnexpectedStatusException(f"Error for {kind} {name}: {status}. Reason: {failure_reason}", str(status))
    if status is JobStatus.STOPPED:
        session.say(f"{name} was stopped before it was complete; what it has left may be partial.")
