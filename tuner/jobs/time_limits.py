"""How long a training job may wait and train."""

from contracts.jobs import SecondaryStatus, StopReason
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store


def limit_time(store: Store, job: TrainingJobRecord, now: float) -> TrainingJobRecord:
    """Ask a job to stop whose time is up; return it as it is then."""
    if job.stop_reason is not None:
        return job
    if job.spec.max_wait_seconds is not None and now - job.creation_time > job.spec.max_wait_seconds:
        reason = StopReason.MAX_WAIT_TIME
    elif job.training_start_time is not None and _trained_seconds(store, job, now) > job.spec.max_runtime_seconds:
        reason = StopReason.MAX_RUNTIME
    else:
        return job
    store.request_stop(job.name, reason, now=now)
    return store.training_job(job.name)


def _trained_seconds(store: Store, job: TrainingJobRecord, now: float) -> float:
    """How long the job has trained, without the times in which it was interrupted or had lost its containers."""
    assert job.training_start_time is not None
    if job.spec.max_wait_seconds is None and not job.losses:
        return now - job.training_start_time
    return sum(
        (one.end_time or now) - one.start_time
        for one in store.transitions(job.name)
        if one.status is SecondaryStatus.TRAINING
    )
