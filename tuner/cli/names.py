"""From what a user typed to a job of the store."""

import difflib

from contracts.jobs import JobStatus
from tuner.errors import ResourceNotFound
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

Job = TuningJobRecord | TrainingJobRecord


def find_job(store: Store, name: str) -> Job:
    """The tuning job or training job called `name`.

    The beginning of a name will do where only one training job has it, as in ``cifar10-003``. Raises ResourceNotFound,
    which says what may have been meant.
    """
    for tuning_job in store.tuning_jobs():
        if tuning_job.name.lower() == name.lower():
            return tuning_job
    training_jobs = store.training_jobs()
    for training_job in training_jobs:
        if training_job.name == name:
            return training_job
    starting = [job for job in training_jobs if job.name.startswith(f"{name}-")]
    if len(starting) == 1:
        return starting[0]
    names = [*(job.name for job in store.tuning_jobs()), *(job.name for job in training_jobs)]
    raise ResourceNotFound(_unknown(name, names))


def status_of(job: Job) -> JobStatus:
    """The primary status of either kind of job."""
    return job.status if isinstance(job, TuningJobRecord) else job.primary_status


def _unknown(name: str, names: list[str]) -> str:
    text = f"There is no job called {name}."
    alike = difflib.get_close_matches(name, names, n=3)
    if alike:
        return f"{text} Did you mean {' or '.join(alike)}?"
    return f"{text} `algodock list` shows all jobs." if names else f"{text} This home has no jobs yet."
