"""How training jobs are read from the store: one, those that go on, those of a tuning job."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from contracts.jobs import Interruption, SecondaryStatus, StopReason
from contracts.outcome import FailureKind
from tuner.errors import ResourceNotFound
from tuner.store.database import Database
from tuner.store.records import MetricSummary, TrainingJobRecord


class TrainingJobReading(Database):
    """The part of the store that reads training jobs."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self._trials: dict[str, list[TrainingJobRecord]] = {}
        self._going_on: dict[str, dict[str, int]] = {}  # the places of those that had not ended, by name

    def training_job(self, name: str) -> TrainingJobRecord:
        """The training job called `name`; raises ResourceNotFound."""
        jobs = self._training_jobs("name = ?", (name,))
        if not jobs:
            raise ResourceNotFound(f"There is no training job called {name}.")
        return jobs[0]

    def training_jobs(self) -> list[TrainingJobRecord]:
        """All training jobs, the oldest first."""
        return self._training_jobs("TRUE", ())

    def training_jobs_of_their_own(self) -> list[TrainingJobRecord]:
        """The training jobs that are no trials of a tuning job, the oldest first."""
        return self._training_jobs("tuning_job IS NULL", ())

    def training_jobs_beginning(self, beginning: str) -> list[TrainingJobRecord]:
        """The training jobs whose name begins so."""
        return self._training_jobs("name >= ? AND name < ?", (beginning, beginning + chr(0x10FFFF)))

    def names(self) -> list[str]:
        """The names of all jobs, of whatever kind."""
        rows = self._db.execute(
            "SELECT name FROM tuning_job UNION ALL SELECT name FROM training_job UNION ALL SELECT name FROM job"
        )
        return [row["name"] for row in rows]

    def trials(self, tuning_job: str) -> list[TrainingJobRecord]:
        """The training jobs of a tuning job, by trial index: a clock may have jumped back between two.

        A trial that has ended never changes, so it is read once: what a call reads is what is new, and what had not
        ended at the last.
        """
        name = self._exact_name(tuning_job)
        known, going_on = self._trials.setdefault(name, []), self._going_on.setdefault(name, {})
        for trial in self._jobs_called(list(going_on)):
            known[going_on[trial.name]] = trial
            if trial.is_finished:
                del going_on[trial.name]
        last = known[-1].trial_index if known else 0
        for trial in self._training_jobs("tuning_job = ? AND trial_index > ?", (name, last), order="trial_index"):
            if not trial.is_finished:
                going_on[trial.name] = len(known)
            known.append(trial)
        return list(known)

    def unfinished_training_jobs(self) -> list[TrainingJobRecord]:
        """The training jobs that have not ended, the oldest first."""
        return self._training_jobs("end_time IS NULL", ())

    # Inside

    def _exact_name(self, tuning_job: str) -> str:
        """A tuning job's name as its trials have it, by which an index finds them; names of jobs know no case."""
        row = self._db.execute("SELECT name FROM tuning_job WHERE name = ?", (tuning_job,)).fetchone()
        return tuning_job if row is None else str(row["name"])

    def _jobs_called(self, names: Sequence[str]) -> list[TrainingJobRecord]:
        """The training jobs of these names; of none, without asking."""
        return self._training_jobs(f"name IN ({', '.join('?' * len(names))})", names) if names else []

    def _training_jobs(
        self, where: str, parameters: Sequence[str | int | None], *, order: str = "creation_time, trial_index, rowid"
    ) -> list[TrainingJobRecord]:
        rows = self._db.execute(
            f"SELECT * FROM training_job WHERE {where} ORDER BY {order}",
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


def _training_job(row: sqlite3.Row, metrics: Mapping[str, MetricSummary]) -> TrainingJobRecord:
    return TrainingJobRecord(
        name=row["name"],
        request=json.loads(row["request"]),
        tuning_job=row["tuning_job"],
        trial_index=row["trial_index"],
        tuned=json.loads(row["tuned"]),
        gpu_count=row["gpu_count"],
        status=SecondaryStatus(row["status"]),
        exit_code=row["exit_code"],
        stop_reason=StopReason(row["stop_reason"]) if row["stop_reason"] else None,
        stop_time=row["stop_time"],
        interruption=Interruption(row["interruption"]) if row["interruption"] else None,
        failure_reason=row["failure_reason"],
        creation_time=row["creation_time"],
        training_start_time=row["training_start_time"],
        training_end_time=row["training_end_time"],
        end_time=row["end_time"],
        metrics=metrics,
        definition_name=row["definition_name"],
        failure_kind=FailureKind(row["failure_kind"]) if row["failure_kind"] else None,
        losses=row["losses"],
        place=row["place"],
    )
