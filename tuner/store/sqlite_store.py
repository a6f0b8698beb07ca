"""The store: every fact of a job, in one SQLite file.

Several processes may open one home: the controller writes, commands read and ask for stops. WAL lets them; a writer
waits up to half a minute for another. There is no second implementation: `Store(":memory:")` is the fake.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts.errors import IllegalTransition
from contracts.jobs import (
    Interruption,
    JobKind,
    JobStatus,
    SecondaryStatus,
    StopReason,
    check_training_job_transition,
    check_tuning_job_transition,
)
from contracts.outcome import FailureKind, LossCause
from tuner.errors import ResourceInUse
from tuner.store.job_table import JobTable
from tuner.store.ledger_table import LedgerEntry, LedgerTable
from tuner.store.records import (
    LogStart,
    LossRecord,
    Observation,
    StatusTransition,
)
from tuner.store.tuning_job_reading import TuningJobReading

_FINISHED = tuple(
    str(status) for status in SecondaryStatus if status.primary.is_terminal
)  # written into queries as parameters


class Store(TuningJobReading, JobTable, LedgerTable):
    """Everything that is remembered of a home's jobs.

    One object belongs to one thread. All changes are transactions: after a crash a fact is there or it is not.
    """

    # Tuning jobs

    def create_tuning_job(
        self,
        request: Mapping[str, Any],
        *,
        random_seed: int,
        now: float,
        extension: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember a new tuning job, in progress; raises ResourceInUse where there is one of that name."""
        name = request["HyperParameterTuningJobName"]
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO tuning_job (name, request, extension, status, random_seed, creation_time)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        name,
                        json.dumps(request),
                        None if extension is None else json.dumps(extension),
                        JobStatus.IN_PROGRESS,
                        random_seed,
                        now,
                    ),
                )
        except sqlite3.IntegrityError as error:
            raise ResourceInUse(
                f"A hyperparameter tuning job with the name, {name}, already exists. Choose a different name."
            ) from error

    def change_tuning_job_status(self, name: str, status: JobStatus, *, now: float, failure_reason: str = "") -> None:
        """Move a tuning job along the table of legal transitions; raises IllegalTransition."""
        with self._transaction() as db:
            check_tuning_job_transition(self.tuning_job(name).status, status)
            db.execute(
                "UPDATE tuning_job SET status = ?, failure_reason = ?, end_time = ? WHERE name = ?",
                (status, failure_reason, now if status.is_terminal else None, name),
            )

    def give_more_trials(self, name: str, max_training_jobs: int, *, now: float) -> None:
        """Let a tuning job that has ended go on until it has had so many trials; raises IllegalTransition.

        No other change brings a job back that has ended.
        """
        with self._transaction() as db:
            job = self.tuning_job(name)
            if not job.status.is_terminal:
                raise IllegalTransition(f"a tuning job that is {job.status} is given no more trials")
            db.execute(
                "INSERT INTO more_trials (tuning_job, number, time, ended, max_training_jobs) VALUES (?, ?, ?, ?, ?)",
                (job.name, len(job.more_trials) + 1, now, job.end_time, max_training_jobs),
            )
            db.execute(
                "UPDATE tuning_job SET status = ?, failure_reason = '', end_time = NULL WHERE name = ?",
                (JobStatus.IN_PROGRESS, name),
            )

    def set_convergence_detected(self, name: str, now: float) -> None:
        """Remember when a tuning job was seen to have converged; the first time stays."""
        with self._transaction() as db:
            db.execute(
                "UPDATE tuning_job SET convergence_detected_time = coalesce(convergence_detected_time, ?)"
                " WHERE name = ?",
                (now, name),
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
        definition_name: str | None = None,
        place: int | None = None,
    ) -> None:
        """Remember a new training job, pending; raises ResourceInUse where there is one of that name.

        A trial without a `place` has one of its own, that of its index.
        """
        name = request["TrainingJobName"]
        try:
            with self._transaction() as db:
                db.execute(
                    "INSERT INTO training_job (name, request, tuning_job, trial_index, definition_name, place,"
                    " tuned, gpu_count, status, creation_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        name,
                        json.dumps(request),
                        tuning_job,
                        trial_index,
                        definition_name,
                        trial_index if place is None else place,
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

    def change_status(
        self,
        name: str,
        status: SecondaryStatus,
        *,
        now: float,
        message: str = "",
        failure_reason: str = "",
        failure_kind: FailureKind | None = None,
    ) -> None:
        """Move a training job along the table of legal transitions; raises IllegalTransition.

        A job that ends gives its GPUs back in the same transaction.
        """
        with self._transaction():
            self._change_status(name, status, now, message, failure_reason=failure_reason, failure_kind=failure_kind)

    def change_message(self, name: str, message: str) -> None:
        """Say more about the status that a training job is in: how far a download has come."""
        with self._transaction() as db:
            db.execute(
                "UPDATE status_transition SET message = ? WHERE training_job = ? AND end_time IS NULL AND message <> ?",
                (message, name, message),
            )

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

    def request_interruption(self, name: str, interruption: Interruption) -> None:
        """Remember that a training job is to lose its instances; raises ResourceNotFound."""
        with self._transaction() as db:
            db.execute("UPDATE training_job SET interruption = ? WHERE name = ?", (interruption, name))

    def record_interruption(self, name: str, log_starts: Mapping[str, LogStart], *, now: float) -> None:
        """Remember that a training job has lost its instances, and where, host by host, its log will go on."""
        with self._transaction() as db:
            db.execute("UPDATE training_job SET interruption = NULL WHERE name = ?", (name,))
            self._begin_logs(name, log_starts)
            self._change_status(name, SecondaryStatus.INTERRUPTED, now, "Spot instances were interrupted")

    def record_loss(
        self,
        name: str,
        cause: LossCause,
        reason: str,
        *,
        now: float,
        status: SecondaryStatus | None = None,
        message: str = "",
        log_starts: Mapping[str, LogStart] | None = None,
    ) -> None:
        """Remember that a training job has lost its containers, why, and where, host by host, its log will go on.

        It goes to `status` in the same transaction, with the whole of the story as `message`; without one it stays. If
        that is its end, it has failed for the infrastructure's sake.
        """
        with self._transaction() as db:
            db.execute("UPDATE training_job SET losses = losses + 1 WHERE name = ?", (name,))
            db.execute(
                "INSERT INTO loss (training_job, number, cause, reason, time)"
                " SELECT name, losses, ?, ?, ? FROM training_job WHERE name = ?",
                (cause, reason, now, name),
            )
            db.execute(
                "INSERT INTO warning (training_job, text)"
                " SELECT name, 'attempt ' || losses || ' was lost: ' || ? FROM training_job WHERE name = ?",
                (reason, name),
            )
            self._begin_logs(name, log_starts or {})
            if status is SecondaryStatus.FAILED:
                self._change_status(
                    name, status, now, message, failure_reason=message, failure_kind=FailureKind.INTERNAL
                )
            elif status is not None:
                self._change_status(name, status, now, message)

    def losses(self, name: str) -> list[LossRecord]:
        """Each time that a training job lost its containers, in order."""
        rows = self._db.execute("SELECT * FROM loss WHERE training_job = ? ORDER BY number", (name,))
        return [LossRecord(cause=LossCause(row["cause"]), reason=row["reason"], time=row["time"]) for row in rows]

    def log_start(self, name: str, host: str) -> LogStart:
        """Where the output of a host's container begins in the host's log."""
        row = self._db.execute(
            "SELECT lines, bytes FROM log_start WHERE training_job = ? AND host = ?", (name, host)
        ).fetchone()
        return LogStart() if row is None else LogStart(lines=row["lines"], bytes=row["bytes"])

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
        with self._transaction():
            self._add_observations(name, observations)

    def record_log(self, entry: LedgerEntry, observations: Iterable[Observation]) -> None:
        """Remember what was read of a container's log until now, and the observations found in it: both or nothing."""
        with self._transaction():
            self._add_observations(entry.job, observations)
            self._write_ledger(entry)

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

    def reported(
        self, tuning_job: str, metric: str, trials: Sequence[str] | None = None
    ) -> dict[str, list[tuple[float, float]]]:
        """When each trial of a tuning job reported which values of `metric`, in order, by the trial's name.

        With `trials`, of those that are called so.
        """
        of_some = f"AND name IN ({', '.join('?' * len(trials))})" if trials is not None else ""
        rows = self._db.execute(
            "SELECT training_job, time, value FROM observation JOIN training_job ON training_job = name"
            f" WHERE tuning_job = ? AND metric = ? {of_some} ORDER BY time, line, match",
            (self._exact_name(tuning_job), metric, *(trials or ())),
        )
        found: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            found.setdefault(row["training_job"], []).append((row["time"], row["value"]))
        return found

    def add_warning(self, name: str, text: str) -> None:
        """Remember something about a training job that its owner should know; the same text once."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO warning (training_job, text) VALUES (?, ?)", (name, text))

    def warnings(self, name: str) -> list[str]:
        """What the owner of a training job should know."""
        rows = self._db.execute("SELECT text FROM warning WHERE training_job = ? ORDER BY text", (name,))
        return [row["text"] for row in rows]

    def warnings_of_trials(self, tuning_job: str) -> dict[str, int]:
        """What the owner of a tuning job should know of its trials, each with how many of them it is about."""
        rows = self._db.execute(
            "SELECT text, count(*) AS times FROM warning JOIN training_job ON training_job = name"
            " WHERE tuning_job = ? GROUP BY text ORDER BY times DESC, text",
            (self._exact_name(tuning_job),),
        )
        return {row["text"]: row["times"] for row in rows}

    # Inside

    def _add_observations(self, name: str, observations: Iterable[Observation]) -> None:
        self._db.executemany(
            # Not INSERT OR IGNORE: its policy would replace the one in the trigger that sums up.
            "INSERT INTO observation (training_job, host, metric, line, match, value, time)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(name, o.host, o.metric, o.line, o.match, o.value, o.time) for o in observations],
        )

    def _begin_logs(self, name: str, starts: Mapping[str, LogStart]) -> None:
        """The next containers of a job go on with its logs from there."""
        self._db.executemany(
            "INSERT OR REPLACE INTO log_start (training_job, host, lines, bytes) VALUES (?, ?, ?, ?)",
            [(name, host, start.lines, start.bytes) for host, start in starts.items()],
        )

    def _change_status(
        self,
        name: str,
        status: SecondaryStatus,
        now: float,
        message: str,
        *,
        failure_reason: str = "",
        failure_kind: FailureKind | None = None,
    ) -> None:
        db = self._db
        check_training_job_transition(self.training_job(name).status, status)
        db.execute(
            "UPDATE training_job SET status = ?, failure_reason = ?, failure_kind = ? WHERE name = ?",
            (status, failure_reason, failure_kind, name),
        )
        if status is SecondaryStatus.TRAINING:
            db.execute(
                "UPDATE training_job SET training_start_time = coalesce(training_start_time, ?) WHERE name = ?",
                (now, name),
            )
        if status.primary.is_terminal:
            db.execute("UPDATE training_job SET end_time = ? WHERE name = ?", (now, name))
            self._end_lease(JobKind.TRAINING, name)
            trial = self.training_job(name)
            if trial.tuning_job is not None:
                self._write_standing(self.tuning_job(trial.tuning_job), trial)
        db.execute("UPDATE status_transition SET end_time = ? WHERE training_job = ? AND end_time IS NULL", (now, name))
        self._add_transition(name, status, now, message)

    def _add_transition(self, name: str, status: SecondaryStatus, now: float, message: str) -> None:
        self._db.execute(
            "INSERT INTO status_transition (training_job, position, status, start_time, message) VALUES (?,"
            " (SELECT count(*) FROM status_transition WHERE training_job = ?), ?, ?, ?)",
            (name, name, status, now, message),
        )
