"""What the commands that run jobs say and do where the name in a job file is taken."""

from contracts.jobs import JobStatus
from tuner.requests import CREATE_TUNING_JOB, LoadedJob

#: How long a job's name may be, unless it is a tuning job's. Source: botocore, the pattern of each name.
LONGEST_NAME = 63


def what_now(loaded: LoadedJob, status: JobStatus | None) -> str:
    """What to do where the name of a `loaded` job belongs to a job in `status`, or None where it has gone meanwhile."""
    if status is None:
        return "Give --name for another job."
    if not status.is_terminal:
        return (
            f"It is {status} and was started from another request or search file: undo the change in {loaded.path}"
            f" to go on with it, `algodock stop {loaded.name}` to end it, or give --name for another job beside it."
        )
    return (
        f"It has ended: `algodock show {loaded.name}` shows it. --again runs it under the next free name, --name NAME"
        " under one of yours."
        + (" --extend N gives it N more trials." if loaded.operation == CREATE_TUNING_JOB else "")
    )
