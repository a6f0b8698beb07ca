"""The tuning jobs that another one was warm-started from, as the store knows them."""

from contextlib import suppress
from dataclasses import dataclass

from tuner.errors import ResourceNotFound
from tuner.store.records import TrainingJobRecord, TuningJobRecord, best_training_job
from tuner.store.sqlite_store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class OverallBest:
    """The best trial of a tuning job and its parents, with the tuning job that it is of."""

    job: TuningJobRecord
    trial: TrainingJobRecord


def parent_jobs(store: Store, job: TuningJobRecord) -> list[TuningJobRecord]:
    """The parents of `job`, in its request's order.

    They were there when the job was made; one that is not there any more is left out, and the job goes on without it.
    """
    found = []
    for name in () if job.spec.warm_start is None else job.spec.warm_start.parents:
        with suppress(ResourceNotFound):
            found.append(store.tuning_job(name))
    return found


def overall_best(store: Store, job: TuningJobRecord) -> OverallBest | None:
    """The best trial among those of `job` and of its parents; the earliest of equals.

    None while there is none, and where the parents' values cannot be compared: data or algorithm were others.
    """
    warm_start = job.spec.warm_start
    if warm_start is None or not warm_start.is_identical:
        return None
    jobs = [*parent_jobs(store, job), job]
    candidates = [(one, trial) for one in jobs for trial in store.trials(one.name)]
    best = best_training_job(job, [trial for _, trial in candidates])  # all are judged as the job judges its own
    return next((OverallBest(job=one, trial=trial) for one, trial in candidates if trial is best), None)
