"""Processing jobs, transform jobs, and the GPUs that jobs of all kinds hold."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count as count_up
from typing import Any

from contracts.jobs import JobKind, JobStatus, check_job_transition
from contracts.outcome import LossCause
from tuner.errors import ResourceInUse, ResourceNotFound
from tuner.store.database import Database
from tuner.store.records import GpuHolder, GpuLease, JobRecord, LogStart, LossRecord, gpu_holder


class JobTable(Database):
    """The part of the store for jobs that are neither training jobs nor tuning jobs, and for GPU leases."""

    def create_job(
        self,
        kind: JobKind,
        request: Mapping[str, Any],
        *,
        now: float,
        model: Mapping[str, Any] | None = None,
        gpu_count: int = 0,
    ) -> None:
        """Remember a new job, in progress; raises ResourceInUse where there is one of that kind and name."""
        name = request[f"{kind.capitalize()}JobName"]
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO job (kind, name, request, model, gpu_count, status, creation_time)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        kind,
                        name,
                        json.dumps(request),
                        None if model is None else json.dumps(model),
                        gpu_count,
                        JobStatus.IN_PROGRESS,
                        now,
                    ),
                )
        except sqlite3.IntegrityError as error:
            raise ResourceInUse(
                f"{kind.capitalize()} job names must be unique within an AWS account and region, and a {kind} job with"
                f" this name already exists ({name})"
            ) from error

    def job(self, kind: JobKind, name: str) -> JobRecord:
        """The job of that kind and name; raises ResourceNotFound."""
        row = self._db.execute("SELECT * FROM job WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        if row is None:
            raise ResourceNotFound(f"There is no {kind} job called {name}.")
        return _job(row)

    def jobs(self, kind: JobKind) -> list[JobRecord]:
        """All jobs of that kind, the oldest first."""
        rows = self._db.execute("SELECT * FROM job WHERE kind = ? ORDER BY creation_time, rowid", (kind,))
        return [_job(row) for row in rows]

    def unfinished_jobs(self) -> list[JobRecord]:
        """The processing jobs and transform jobs that have not ended, the oldest first."""
        rows = self._db.execute("SELECT * FROM job WHERE end_time IS NULL ORDER BY creation_time, rowid")
        return [_job(row) for row in rows]

    def change_job_status(
        self,
        kind: JobKind,
        name: str,
        status: JobStatus,
        *,
        now: float,
        failure_reason: str = "",
        exit_message: str = "",
    ) -> None:
        """Move a job along the table of legal transitions; raises IllegalTransition.

        A job that ends gives its GPUs back in the same transaction.
        """
        with self._transaction() as db:
            check_job_transition(self.job(kind, name).status, status)
            db.execute(
                "UPDATE job SET status = ?, failure_reason = ?, exit_message = ?, end_time = ?"
                " WHERE kind = ? AND name = ?",
                (status, failure_reason, exit_message, now if status.is_terminal else None, kind, name),
            )
            if status.is_terminal:
                self._end_lease(kind, name)

    def change_job_message(self, kind: JobKind, name: str, message: str) -> None:
        """Say more about what a job does: what it waits for."""
        with self._transaction() as db:
            db.execute(
                "UPDATE job SET message = ? WHERE kind = ? AND name = ? AND message <> ?",
                (message, kind, name, message),
            )

    def record_job_start(self, kind: JobKind, name: str, *, now: float) -> None:
        """Remember when a job's containers first ran, after a loss of them anew."""
        with self._transaction() as db:
            db.execute(
                "UPDATE job SET start_time = coalesce(start_time, ?), message = '' WHERE kind = ? AND name = ?",
                (now, kind, name),
            )

    def record_job_exit(self, kind: JobKind, name: str, exit_code: int) -> None:
        """Remember the exit code that decides a job's outcome, before its containers are removed."""
        with self._transaction() as db:
            db.execute("UPDATE job SET exit_code = ? WHERE kind = ? AND name = ?", (exit_code, kind, name))

    def record_job_loss(
        self,
        kind: JobKind,
        name: str,
        cause: LossCause,
        reason: str,
        *,
        now: float,
        message: str,
        log_starts: Mapping[str, LogStart],
    ) -> None:
        """Remember that a job has lost its containers, why, and where, host by host, its log will go on.

        It has not started then, and its `message` says when it will.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT INTO job_loss (kind, job, number, cause, reason, time) VALUES (?, ?,"
                " (SELECT count(*) + 1 FROM job_loss WHERE kind = ? AND job = ?), ?, ?, ?)",
                (kind, name, kind, name, cause, reason, now),
            )
            db.executemany(
                "INSERT OR REPLACE INTO job_log_start (kind, job, host, lines, bytes) VALUES (?, ?, ?, ?, ?)",
                [(kind, name, host, start.lines, start.bytes) for host, start in log_starts.items()],
            )
            db.execute(
                "UPDATE job SET start_time = NULL, message = ? WHERE kind = ? AND name = ?", (message, kind, name)
            )

    def job_losses(self, kind: JobKind, name: str) -> list[LossRecord]:
        """Each time that a job lost its containers, in order."""
        rows = self._db.execute("SELECT * FROM job_loss WHERE kind = ? AND job = ? ORDER BY number", (kind, name))
        return [LossRecord(cause=LossCause(row["cause"]), reason=row["reason"], time=row["time"]) for row in rows]

    def job_log_start(self, kind: JobKind, name: str, host: str) -> LogStart:
        """Where the output of a host's container begins in the host's log."""
        row = self._db.execute(
            "SELECT lines, bytes FROM job_log_start WHERE kind = ? AND job = ? AND host = ?", (kind, name, host)
        ).fetchone()
        return LogStart() if row is None else LogStart(lines=row["lines"], bytes=row["bytes"])

    def record_transformed(self, transform_job: str, key: str) -> None:
        """Remember that the output of one input object has been delivered."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO transformed_object (transform_job, key) VALUES (?, ?)", (transform_job, key)
            )

    def transformed(self, transform_job: str) -> frozenset[str]:
        """The input objects whose output a transform job has delivered."""
        rows = self._db.execute("SELECT key FROM transformed_object WHERE transform_job = ?", (transform_job,))
        return frozenset(row["key"] for row in rows)

    # GPU leases

    def lease_gpus(
        self,
        name: str,
        gpus: Sequence[str],
        count: int,
        kind: GpuHolder = JobKind.TRAINING,
        *,
        jobs_per_gpu: int = 1,
    ) -> tuple[str, ...] | None:
        """Lease `count` different `gpus` to a job, or none at all: None where not enough are free.

        A GPU is free while fewer than `jobs_per_gpu` hold it; those that the fewest hold go first. A job that holds a
        lease keeps it. Exclusive across processes.
        """
        with self._transaction() as db:
            held = self.leased_gpus(name, kind)
            if held or count == 0:
                return held
            slots: defaultdict[str, set[int]] = defaultdict(set)
            for row in db.execute("SELECT gpu, slot FROM gpu_lease"):
                slots[row["gpu"]].add(row["slot"])
            free = [gpu for gpu in dict.fromkeys(gpus) if len(slots[gpu]) < jobs_per_gpu]
            chosen = sorted(free, key=lambda gpu: len(slots[gpu]))[:count]  # of equals the first stays first
            if len(chosen) < count:
                return None
            db.executemany(
                "INSERT INTO gpu_lease (gpu, slot, kind, job) VALUES (?, ?, ?, ?)",
                [(gpu, next(slot for slot in count_up() if slot not in slots[gpu]), kind, name) for gpu in chosen],
            )
            return self.leased_gpus(name, kind)

    def leased_gpus(self, name: str, kind: GpuHolder = JobKind.TRAINING) -> tuple[str, ...]:
        """The GPUs that a job holds, in the order in which its hosts get them."""
        rows = self._db.execute("SELECT gpu FROM gpu_lease WHERE kind = ? AND job = ? ORDER BY gpu", (kind, name))
        return tuple(row["gpu"] for row in rows)

    def gpu_leases(self) -> list[GpuLease]:
        """All leases of this home, by GPU."""
        rows = self._db.execute("SELECT gpu, kind, job FROM gpu_lease ORDER BY gpu, slot")
        return [GpuLease(gpu=row["gpu"], kind=gpu_holder(row["kind"]), name=row["job"]) for row in rows]

    def end_gpu_lease(self, name: str, kind: GpuHolder) -> None:
        """Give back what a job or an endpoint holds. A job that ends does so by itself."""
        with self._transaction():
            self._end_lease(kind, name)

    def _end_lease(self, kind: GpuHolder, name: str) -> None:
        self._db.execute("DELETE FROM gpu_lease WHERE kind = ? AND job = ?", (kind, name))


def _job(row: sqlite3.Row) -> JobRecord:
    return JobRecord(
        kind=JobKind(row["kind"]),
        name=row["name"],
        request=json.loads(row["request"]),
        model=None if row["model"] is None else json.loads(row["model"]),
        gpu_count=row["gpu_count"],
        status=JobStatus(row["status"]),
        message=row["message"],
        exit_code=row["exit_code"],
        exit_message=row["exit_message"],
        failure_reason=row["failure_reason"],
        creation_time=row["creation_time"],
        start_time=row["start_time"],
        end_time=row["end_time"],
    )
