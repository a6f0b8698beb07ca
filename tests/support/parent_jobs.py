"""Tuning jobs that have ended, for jobs that start from them: written into a store without any container."""

from collections.abc import Mapping
from typing import Any

from job_requests import ACCURACY, tuning_request

from contracts.jobs import JobStatus, SecondaryStatus, StopReason
from tuner.store.records import Observation
from tuner.store.sqlite_store import Store

IDENTICAL, TRANSFER = "IdenticalDataAndAlgorithm", "TransferLearning"


def warm_request(
    name: str = "next", *parents: str, kind: str = IDENTICAL, strategy: str = "Bayesian", **definition: Any
) -> dict[str, Any]:
    """A CreateHyperParameterTuningJob request over one learning rate that starts from `parents`, or from ``first``."""
    names = [{"HyperParameterTuningJobName": parent} for parent in parents or ("first",)]
    return {
        **tuning_request(name, strategy=strategy, **definition),
        "WarmStartConfig": {"WarmStartType": kind, "ParentHyperParameterTuningJobs": names},
    }


class ParentJob:
    """A tuning job in a store; its trials are added one by one, then it is ended."""

    def __init__(
        self, store: Store, request: Mapping[str, Any] | None = None, extension: Mapping[str, Any] | None = None
    ) -> None:
        request = tuning_request("first") if request is None else request
        self.name: str = request["HyperParameterTuningJobName"]
        self._store = store
        self._count = 0
        store.create_tuning_job(request, random_seed=7, now=1.0, extension=extension)

    def add(
        self,
        value: float | None = None,
        status: SecondaryStatus | None = SecondaryStatus.COMPLETED,
        *,
        reason: str = "",
        stopped_by: StopReason | None = None,
        **tuned: str,
    ) -> str:
        """Add a trial that printed `value`; a `status` of None leaves it running. Returns its name."""
        self._count += 1
        store, now = self._store, 10.0 * self._count
        spec = store.tuning_job(self.name).spec
        name = spec.training_job_name(self._count, f"{self._count:08x}")
        tuned = tuned or {"learning_rate": f"0.0{self._count}"}
        request = spec.definitions[0].training_job_request(name, tuned, [])
        store.create_training_job(request, now=now, tuning_job=self.name, trial_index=self._count, tuned=tuned)
        store.change_status(name, SecondaryStatus.STARTING, now=now)
        store.change_status(name, SecondaryStatus.TRAINING, now=now)
        if value is not None:
            printed = Observation(host="algo-1", line=1, match=0, metric=ACCURACY["Name"], value=value, time=now)
            store.record_observations(name, [printed])
        if stopped_by is not None:
            store.request_stop(name, stopped_by, now=now)
        if status is not None:
            before = SecondaryStatus.UPLOADING if status is SecondaryStatus.COMPLETED else SecondaryStatus.STOPPING
            store.change_status(name, before, now=now)
            store.change_status(name, status, now=now, failure_reason=reason)
        return name

    def end(self, status: JobStatus = JobStatus.COMPLETED) -> None:
        """End the job."""
        if status is JobStatus.STOPPED:
            self._store.change_tuning_job_status(self.name, JobStatus.STOPPING, now=99.0)
        self._store.change_tuning_job_status(self.name, status, now=100.0)
