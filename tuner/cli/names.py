"""From what a user typed to a job of the store."""

import difflib
from contextlib import suppress

from contracts.jobs import JobKind, JobStatus
from tuner.errors import ResourceNotFound
from tuner.store.records import JobRecord, TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

Job = TuningJobRecord | TrainingJobRecord | JobRecord


def find_job(store: Store, name: str) -> Job:
    """The job called `name`, looked for among tuning, training, processing and transform jobs in this order.

    The beginning of a name will do where only one training job has it, as in ``cifar10-003``. Raises ResourceNotFound,
    which says what may have been meant.
    """
    for tuning_job in store.tuning_jobs():
        if tuning_job.name.lower() == name.lower():
            return tuning_job
    with suppress(ResourceNotFound):
        return store.training_job(name)
    others = [*store.jobs(JobKind.PROCESSING), *store.jobs(JobKind.TRANSFORM)]
    for other in others:
        if other.name == name:
            return other
    starting = store.training_jobs_beginning(f"{name}-")
    if len(starting) == 1:
        return starting[0]
    raise ResourceNotFound(_unknown(name, store.names()))


def status_of(job: Job) -> JobStatus:
    """The primary status of a job of any kind."""
    return job.primary_status if isinstance(job, TrainingJobRecord) else job.status


def _unknown(name: str, names: list[str]) -> str:
    text = f"There is no job called {name}."
    alike = difflib.get_close_matches(name, names, n=3)
    if alike:
        return f"{text} Did you mean {' or '.join(alike)}?"
    return f"{text} `algodock list` shows all jobs." if names else f"{text} This home has no jobs yet."
