"""The store: every fact of a job, in one SQLite file.

Several processes may open one home: the controller writes, commands read and ask for stops. WAL lets them; a writer
waits up to half a minute for another. There is no second implementation: `Store(":memory:")` is the fake.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from contracts.jobs import (
    JobStatus,
    SecondaryStatus,
    StopReason,
    check_training_job_transition,
    check_tuning_job_transition,
)
from tuner.errors import ResourceInUse, ResourceNotFound, StoreError
from tuner.store.records import MetricSummary, Observation, StatusTransition, TrainingJobRecord, TuningJobRecord

SCHEMA_VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")
_BUSY_SECONDS = 30.0

_FINISHED = tuple(
    str(status) for status in SecondaryStatus if status.primary.is_terminal
)  # written into queries as parameters


class Store:
    """Everything that is remembered of a home's jobs.

    One object belongs to one thread. All changes are transactions: after a crash a fact is there or it is not.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # a recorded fact survives the power plug
            self._db.execute("PRAGMA foreign_keys = ON")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        self._create_schema()

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Tuning jobs

    def create_tuning_job(self, request: Mapping[str, Any], *, random_seed: int, now: float) -> None:
        """Remember a new tuning job, in progress; raises ResourceInUse where there is one of that name."""
        name = request["HyperParameterTuningJobName"]
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO tuning_job (name, request, status, random_seed, creation_time) VALUES (?, ?, ?, ?, ?)",
                    (name, json.dumps(request), JobStatus.IN_PROGRESS, random_seed, now),
                )
        except sqlite3.IntegrityError as error:
            raise ResourceInUse(
                f"A hyperparameter tuning job with the name, {name}, already exists. Choose a different name."
            ) from error

    def tuning_job(self, name: str) -> TuningJobRecord:
        """The tuning job called `name`; raises ResourceNotFound."""
        row = self._db.execute("SELECT * FROM tuning_job WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ResourceNotFound(f"There is no tuning job called {name}.")
        return _tuning_job(row)

    def tuning_jobs(self, *, unfinished: bool = False) -> list[TuningJobRecord]:
        """All tuning jobs, or those that have not ended, the oldest first."""
        where = "WHERE end_time IS NULL" if unfinished else ""
        rows = self._db.execute(f"SELECT * FROM tuning_job {where} ORDER BY creation_time, rowid")
        return [_tuning_job(row) for row in rows]

    def change_tuning_job_status(self, name: str, status: JobStatus, *, now: float, failure_reason: str = "") -> None:
        """Move a tuning job along the table of legal transitions; raises IllegalTransition."""
        with self._transaction() as db:
            check_tuning_job_transition(self.tuning_job(name).status, status)
            db.execute(
                "UPDATE tuning_job SET status = ?, failure_reason = ?, end_time = ? WHERE name = ?",
                (status, failure_reason, now if status.is_terminal else None, name),
            )

    # Training jobs

    def create_training_job(
        self,
        request: Mapping[str, Any],
        *,
        now: float,
        gpu_count: int = 0,
        tuning_job: str | None = None,
        trial_index: int | None = None,
        tuned: Mapping[str, str] | None = None,
    ) -> None:
        """Remember a new training job, pending; raises ResourceInUse where there is one of that name."""
        name = request["TrainingJobName"]
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO training_job (name, request, tuning_job, trial_index, tuned, gpu_count, status,"
                    " creation_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        name,
                        json.dumps(request),
                        tuning_job,
                        trial_index,
                        json.dumps(dict(tuned or {})),
                        gpu_count,
                        SecondaryStatus.PENDING,
                        now,
                    ),
                )
                self._add_transition(name, SecondaryStatus.PENDING, now, "Waiting for a free slot")
        except sqlite3.IntegrityError as error:
            raise ResourceInUse(
                "Training job names must be unique within an AWS account and region, and a training job with this"
                f" name already exists ({name})"
            ) from error

    def training_job(self, name: str) -> TrainingJobRecord:
        """The training job called `name`; raises ResourceNotFound."""
        jobs = self._training_jobs("name = ?", (name,))
        if not jobs:
            raise ResourceNotFound(f"There is no training job called {name}.")
        return jobs[0]

    def training_jobs(self) -> list[TrainingJobRecord]:
        """All training jobs, the oldest first."""
        return self._training_jobs("TRUE", ())

    def trials(self, tuning_job: str) -> list[TrainingJobRecord]:
        """The training jobs of a tuning job, by trial index."""
        return self._training_jobs("tuning_job = ? COLLATE NOCASE", (tuning_job,))

    def unfinished_training_jobs(self) -> list[TrainingJobRecord]:
        """The training jobs that have not ended, the oldest first."""
        marks = ", ".join("?" * len(_FINISHED))
        return self._training_jobs(f"status NOT IN ({marks})", _FINISHED)

    def change_status(
        self, name: str, status: SecondaryStatus, *, now: float, message: str = "", failure_reason: str = ""
    ) -> None:
        """Move a training job along the table of legal transitions; raises IllegalTransition.

        A job that ends gives its GPUs back in the same transaction.
        """
        with self._transaction() as db:
            check_training_job_transition(self.training_job(name).status, status)
            db.execute(
                "UPDATE training_job SET status = ?, failure_reason = ? WHERE name = ?", (status, failure_reason, name)
            )
            if status is SecondaryStatus.TRAINING:
                db.execute("UPDATE training_job SET training_start_time = ? WHERE name = ?", (now, name))
            if status.primary.is_terminal:
                db.execute("UPDATE training_job SET end_time = ? WHERE name = ?", (now, name))
                db.execute("DELETE FROM gpu_lease WHERE training_job = ?", (name,))
            db.execute(
                "UPDATE status_transition SET end_time = ? WHERE training_job = ? AND end_time IS NULL", (now, name)
            )
            self._add_transition(name, status, now, message)

    def record_container(self, name: str, container_id: str) -> None:
        """Remember the container that a training job runs in."""
        with self._transaction() as db:
            db.execute("UPDATE training_job SET container_id = ? WHERE name = ?", (container_id, name))

    def record_exit(self, name: str, exit_code: int, *, now: float) -> None:
        """Remember the exit code of a training job's container, before the container is removed."""
        with self._transaction() as db:
            db.execute(
                "UPDATE training_job SET exit_code = ?, training_end_time = ? WHERE name = ?", (exit_code, now, name)
            )

    def request_stop(self, name: str, reason: StopReason, *, now: float) -> None:
        """Remember that a training job is to stop; the first reason stays. A job that has ended is left alone."""
        marks = ", ".join("?" * len(_FINISHED))
        with self._transaction() as db:
            db.execute(
                "UPDATE training_job SET stop_reason = ?, stop_time = ?"
                f" WHERE name = ? AND stop_reason IS NULL AND status NOT IN ({marks})",
                (reason, now, name, *_FINISHED),
            )

    def transitions(self, name: str) -> list[StatusTransition]:
        """The secondary statuses that a training job went through, in order."""
        rows = self._db.execute(
            "SELECT * FROM status_transition WHERE training_job = ? ORDER BY position", (name,)
        ).fetchall()
        return [
            StatusTransition(
                status=SecondaryStatus(row["status"]),
                start_time=row["start_time"],
                end_time=row["end_time"],
                message=row["message"],
            )
            for row in rows
        ]

    # Observations and warnings

    def record_observations(self, name: str, observations: Iterable[Observation]) -> None:
        """Remember observations of a training job, each once, however often its log is read."""
        with self._transaction() as db:
            db.executemany(
                # Not INSERT OR IGNORE: its policy would replace the one in the trigger that sums up.
                "INSERT INTO observation (training_job, host, metric, line, match, value, time)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(name, o.host, o.metric, o.line, o.match, o.value, o.time) for o in observations],
            )

    def observations(self, name: str) -> list[Observation]:
        """All observations of a training job in the order of its log."""
        rows = self._db.execute(
            "SELECT * FROM observation WHERE training_job = ? ORDER BY host, line, match, metric", (name,)
        )
        return [
            Observation(
                host=row["host"],
                line=row["line"],
                match=row["match"],
                metric=row["metric"],
                value=row["value"],
                time=row["time"],
            )
            for row in rows
        ]

    def add_warning(self, name: str, text: str) -> None:
        """Remember something about a training job that its owner should know; the same text once."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO warning (training_job, text) VALUES (?, ?)", (name, text))

    def warnings(self, name: str) -> list[str]:
        """What the owner of a training job should know."""
        rows = self._db.execute("SELECT text FROM warning WHERE training_job = ? ORDER BY text", (name,))
        return [row["text"] for row in rows]

    # GPU leases

    def lease_gpus(self, name: str, gpus: Sequence[str], count: int) -> tuple[str, ...] | None:
        """Lease `count` of `gpus` to a training job, or none at all: None where not enough are free.

        A job that holds a lease keeps it. Exclusive across processes.
        """
        with self._transaction() as db:
            held = self.leased_gpus(name)
            if held or count == 0:
                return held
            taken = {row["gpu"] for row in db.execute("SELECT gpu FROM gpu_lease")}
            free = [gpu for gpu in gpus if gpu not in taken][:count]
            if len(free) < count:
                return None
            db.executemany("INSERT INTO gpu_lease (gpu, training_job) VALUES (?, ?)", [(gpu, name) for gpu in free])
            return tuple(free)

    def leased_gpus(self, name: str) -> tuple[str, ...]:
        """The GPUs that a training job holds."""
        rows = self._db.execute("SELECT gpu FROM gpu_lease WHERE training_job = ? ORDER BY gpu", (name,))
        return tuple(row["gpu"] for row in rows)

    # Inside

    def _create_schema(self) -> None:
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == SCHEMA_VERSION:
                return
            if version != 0:
                raise StoreError(
                    f"{self._path} was written by a newer Algodock (schema {version}, this one knows {SCHEMA_VERSION})."
                    " Update Algodock, or choose another home with ALGODOCK_HOME."
                )
            for statement in _statements(_SCHEMA.read_text(encoding="utf-8")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # a full disk has rolled it back already
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self._path}: {error}. Nothing that was recorded is lost.") from error

    def _add_transition(self, name: str, status: SecondaryStatus, now: float, message: str) -> None:
        self._db.execute(
            "INSERT INTO status_transition (training_job, position, status, start_time, message) VALUES (?,"
            " (SELECT count(*) FROM status_transition WHERE training_job = ?), ?, ?, ?)",
            (name, name, status, now, message),
        )

    def _training_jobs(self, where: str, parameters: Sequence[str]) -> list[TrainingJobRecord]:
        rows = self._db.execute(
            f"SELECT * FROM training_job WHERE {where} ORDER BY creation_time, trial_index, rowid",
            parameters,
        ).fetchall()
        summaries = self._db.execute(
            "SELECT training_job, metric, count, last, time, minimum, maximum FROM metric_summary"
            f" WHERE training_job IN (SELECT name FROM training_job WHERE {where})",
            parameters,
        )
        metrics: dict[str, dict[str, MetricSummary]] = {}
        for row in summaries:
            metrics.setdefault(row["training_job"], {})[row["metric"]] = MetricSummary(
                count=row["count"],
                last=row["last"],
                time=row["time"],
                minimum=row["minimum"],
                maximum=row["maximum"],
            )
        return [_training_job(row, metrics.get(row["name"], {})) for row in rows]


def _statements(script: str) -> Iterator[str]:
    """The statements of an SQL script, so that they run within one transaction (executescript would commit)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _tuning_job(row: sqlite3.Row) -> TuningJobRecord:
    return TuningJobRecord(
        name=row["name"],
        request=json.loads(row["request"]),
        status=JobStatus(row["status"]),
        random_seed=row["random_seed"],
        creation_time=row["creation_time"],
        end_time=row["end_time"],
        failure_reason=row["failure_reason"],
    )


def _training_job(row: sqlite3.Row, metrics: Mapping[str, MetricSummary]) -> TrainingJobRecord:
    return TrainingJobRecord(
        name=row["name"],
        request=json.loads(row["request"]),
        tuning_job=row["tuning_job"],
        trial_index=row["trial_index"],
        tuned=json.loads(row["tuned"]),
        gpu_count=row["gpu_count"],
        status=SecondaryStatus(row["status"]),
        container_id=row["container_id"],
        exit_code=row["exit_code"],
        stop_reason=StopReason(row["stop_reason"]) if row["stop_reason"] else None,
        stop_time=row["stop_time"],
        failure_reason=row["failure_reason"],
        creation_time=row["creation_time"],
        training_start_time=row["training_start_time"],
        training_end_time=row["training_end_time"],
        end_time=row["end_time"],
        metrics=metrics,
    )
