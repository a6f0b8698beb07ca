"""What else goes on in a home, and whether anybody works it."""

from tuner.profile import HostProfile
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store


def unfinished_jobs(store: Store) -> list[str]:
    """The names of all unfinished jobs that are no trials."""
    tuning_jobs = [job.name for job in store.tuning_jobs(unfinished=True)]
    training_jobs = [job.name for job in store.unfinished_training_jobs() if job.tuning_job is None]
    return tuning_jobs + training_jobs + [job.name for job in store.unfinished_jobs()]


def others_in_progress(store: Store, name: str) -> list[str]:
    """The unfinished jobs besides `name`."""
    return [other for other in unfinished_jobs(store) if other != name]


def is_worked(profile: HostProfile) -> bool:
    """Whether a process works the home now."""
    return ControllerLock(profile.lock).is_held()
