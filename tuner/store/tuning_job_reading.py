"""How tuning jobs are read from the store: their requests, and how their trials stand, whatever the number of these."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.jobs import JobStatus, ObjectiveStatus, SecondaryStatus, StopReason
from contracts.outcome import FailureKind
from tuner.errors import ResourceNotFound
from tuner.store.records import MoreTrials, TrainingJobRecord, TuningJobRecord, in_places
from tuner.store.training_job_reading import TrainingJobReading


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureCount:
    """Why trials of a tuning job failed, how many did, and the name of the first of them.

    `is_lost`: that it was the infrastructure's doing.
    """

    reason: str
    times: int
    first: str
    is_lost: bool


class TuningJobReading(TrainingJobReading):
    """The part of the store that reads tuning jobs.

    How a trial stands among the others is written down as it ends, so that an index has the best of ten thousand.
    """

    def tuning_job(self, name: str) -> TuningJobRecord:
        """The tuning job called `name`; raises ResourceNotFound."""
        row = self._db.execute("SELECT * FROM tuning_job WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise ResourceNotFound(f"There is no tuning job called {name}.")
        return _tuning_job(row, self._more_trials(row["name"]))

    def tuning_jobs(self, *, unfinished: bool = False) -> list[TuningJobRecord]:
        """All tuning jobs, or those that have not ended, the oldest first."""
        where = "WHERE end_time IS NULL" if unfinished else ""
        rows = self._db.execute(f"SELECT * FROM tuning_job {where} ORDER BY creation_time, rowid")
        return [_tuning_job(row, self._more_trials(row["name"])) for row in rows.fetchall()]

    def trial_count(self, tuning_job: str) -> int:
        """How many trials a tuning job has."""
        return self._count("", tuning_job)

    def done_trial_count(self, tuning_job: str) -> int:
        """In how many places of the search a trial has ended, however it did; void ones do not count."""
        name = self._exact_name(tuning_job)
        (places,) = self._db.execute("SELECT max(place) FROM training_job WHERE tuning_job = ?", (name,)).fetchone()
        may_be_void = (
            f"AND objective_status = '{ObjectiveStatus.FAILED}'"
            f" AND (failure_kind = '{FailureKind.INTERNAL}' OR stop_reason = '{StopReason.TUNING_JOB}')"
        )
        if (places or 0) < self.trial_count(name) or self._count(may_be_void, name):
            job = self.tuning_job(name)
            return sum(trial.is_finished and not job.is_void(trial) for trial in in_places(self.trials(name)))
        return self._count("AND objective_status IS NOT NULL", name)

    def best_trial(self, tuning_job: str) -> TrainingJobRecord | None:
        """The trial that `best_training_job` finds among all; None while none has ended with a value."""
        found = self._ended(tuning_job, ObjectiveStatus.SUCCEEDED, limit=1)
        return found[0] if found else None

    def best_first(self, job: TuningJobRecord, limit: int) -> list[TrainingJobRecord]:
        """At most `limit` trials of `job`, in the order of its `standing_of` them; of equals, the earlier first."""
        found = self._ended(job.name, ObjectiveStatus.SUCCEEDED, limit=limit)
        going_on = self._training_jobs("tuning_job = ? AND end_time IS NULL", (self._exact_name(job.name),))
        found += sorted(going_on, key=lambda trial: (job.standing_of(trial), trial.trial_index))
        return (found + self._ended(job.name, ObjectiveStatus.FAILED, limit=max(limit - len(found), 0)))[:limit]

    def failures(self, tuning_job: str) -> Sequence[FailureCount]:
        """Why trials failed, what happened most often first."""
        rows = self._db.execute(
            "SELECT failure_reason, count(*) AS times, min(trial_index) AS first, name, status, failure_kind"
            " FROM training_job"
            " WHERE tuning_job = ? AND (objective_status = ? OR end_time IS NULL) AND failure_reason <> ''"
            " GROUP BY failure_reason ORDER BY times DESC, first",
            (self._exact_name(tuning_job), ObjectiveStatus.FAILED),
        )
        return [
            FailureCount(
                reason=row["failure_reason"],
                times=row["times"],
                first=row["name"],
                is_lost=(row["status"], row["failure_kind"]) == (SecondaryStatus.FAILED, FailureKind.INTERNAL),
            )
            for row in rows
        ]

    # Inside

    def _more_trials(self, tuning_job: str) -> tuple[MoreTrials, ...]:
        rows = self._db.execute("SELECT * FROM more_trials WHERE tuning_job = ? ORDER BY number", (tuning_job,))
        return tuple(
            MoreTrials(time=row["time"], ended=row["ended"], max_training_jobs=row["max_training_jobs"]) for row in rows
        )

    def _complete_migration(self, version: int) -> None:
        if version < 6:  # noqa: PLR2004 - a number of the schema, as in the scripts' names
            for job in self.tuning_jobs():
                for trial in self._training_jobs("tuning_job = ? AND end_time IS NOT NULL", (job.name,)):
                    self._write_standing(job, trial)

    def _write_standing(self, job: TuningJobRecord, trial: TrainingJobRecord) -> None:
        """Write down how a trial of `job` stands, which has just ended."""
        standing = job.standing_of(trial)
        self._db.execute(
            "UPDATE training_job SET objective_status = ?, violation = ?, minimized = ? WHERE name = ?",
            (standing.objective_status, standing.violation, standing.minimized, trial.name),
        )

    def _ended(self, tuning_job: str, status: ObjectiveStatus, *, limit: int) -> list[TrainingJobRecord]:
        """The best of the trials that ended so, the best first."""
        rows = self._db.execute(
            "SELECT name FROM training_job WHERE tuning_job = ? AND objective_status = ?"
            " ORDER BY violation, minimized, trial_index LIMIT ?",
            (self._exact_name(tuning_job), status, limit),
        )
        places = {row["name"]: place for place, row in enumerate(rows)}
        found = self._jobs_called(list(places))
        return sorted(found, key=lambda trial: places[trial.name])

    def _count(self, where: str, tuning_job: str) -> int:
        (count,) = self._db.execute(
            f"SELECT count(*) FROM training_job WHERE tuning_job = ? {where}",
            (self._exact_name(tuning_job),),
        ).fetchone()
        return int(count)


def _tuning_job(row: sqlite3.Row, more_trials: tuple[MoreTrials, ...]) -> TuningJobRecord:
    return TuningJobRecord(
        name=row["name"],
        request=json.loads(row["request"]),
        status=JobStatus(row["status"]),
        random_seed=row["random_seed"],
        creation_time=row["creation_time"],
        end_time=row["end_time"],
        failure_reason=row["failure_reason"],
        extension=None if row["extension"] is None else json.loads(row["extension"]),
        convergence_detected_time=row["convergence_detected_time"],
        more_trials=more_trials,
    )
