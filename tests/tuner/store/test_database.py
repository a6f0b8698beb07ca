"""The file of a home: opened by every version since the first."""

import json
import sqlite3
from pathlib import Path

import pytest
from job_requests import training_request, tuning_request

from contracts.jobs import JobKind, SecondaryStatus, StopReason
from contracts.outcome import LossCause
from tuner.errors import StoreError
from tuner.store.database import SCHEMA_VERSION
from tuner.store.records import LogStart
from tuner.store.sqlite_store import Store

#: The schema of each earlier version as it was released; what a home of that time was made with.
SCHEMAS = Path(__file__).with_name("schemas")

A_JOB_OF_VERSION_1 = """
INSERT INTO training_job (name, request, gpu_count, status, container_id, creation_time)
VALUES ('old', '{"TrainingJobName": "old"}', 1, 'Training', 'abc', 1.0);
INSERT INTO gpu_lease (gpu, training_job) VALUES ('GPU-a', 'old');
"""

A_JOB_OF_VERSION_2 = """
INSERT INTO tuning_job (name, request, status, random_seed, creation_time)
VALUES ('old', '{"HyperParameterTuningJobName": "old"}', 'InProgress', 7, 1.0);
INSERT INTO training_job (name, request, tuning_job, trial_index, status, creation_time)
VALUES ('old-001', '{"TrainingJobName": "old-001"}', 'old', 1, 'Training', 1.0);
"""

#: As the rows of a store have it: the objective is to be made great.
A_TUNING_REQUEST = json.dumps(tuning_request("old"))

#: Something in every table.
A_HOME_OF_VERSION_3 = """
INSERT INTO tuning_job (name, request, extension, status, random_seed, creation_time, convergence_detected_time)
VALUES ('old', 'A_TUNING_REQUEST', '{"Beliefs": []}', 'InProgress', 7, 1.0, 9.0);
INSERT INTO training_job (name, request, tuning_job, trial_index, definition_name, tuned, gpu_count, status, exit_code,
  stop_reason, failure_reason, creation_time, training_start_time, training_end_time, end_time)
VALUES
  ('old-001', '{"TrainingJobName": "old-001"}', 'old', 1, 'small', '{"rate": "0.1"}', 1, 'Training', NULL, NULL, '',
   1.0, 2.0, NULL, NULL),
  ('old-002', '{"TrainingJobName": "old-002"}', 'old', 2, 'small', '{"rate": "0.2"}', 1, 'Failed', 3, NULL,
   'AlgorithmError: no good, exit code: 3', 1.5, 2.0, 3.0, 4.0),
  ('old-003', '{"TrainingJobName": "old-003"}', 'old', 3, 'small', '{"rate": "0.3"}', 0, 'Stopped', 0, 'EarlyStopping',
   '', 1.6, 2.0, 3.0, 4.5);
INSERT INTO status_transition VALUES
  ('old-001', 0, 'Pending', 1.0, 2.0, 'Waiting for a free slot'), ('old-001', 1, 'Training', 2.0, NULL, 'Training');
INSERT INTO observation VALUES
  ('old-001', 'algo-1', 'loss', 3, 1, 0.5, 2.5), ('old-001', 'algo-1', 'loss', 5, 1, 0.25, 2.75);
INSERT INTO log_start VALUES ('old-001', 'algo-1', 2, 40);
INSERT INTO warning VALUES ('old-001', 'metric "x" was never found');
INSERT INTO gpu_lease VALUES ('GPU-a', 'training', 'old-001'), ('GPU-b', 'transform', 'batch');
INSERT INTO job (kind, name, request, model, gpu_count, status, creation_time, start_time)
VALUES ('transform', 'batch', '{"TransformJobName": "batch"}', '{"ModelName": "m"}', 1, 'InProgress', 1.0, 2.0);
INSERT INTO transformed_object VALUES ('batch', 'part-1');
""".replace("A_TUNING_REQUEST", A_TUNING_REQUEST)

#: Trials that stand differently: two with values, one of which breaks a bound; one that failed; one that goes on.
A_JOB_OF_VERSION_4 = """
INSERT INTO tuning_job (name, request, extension, status, random_seed, creation_time)
VALUES ('old', 'A_TUNING_REQUEST', '{"MetricConstraints": [{"MetricName": "size", "Maximum": 10}]}', 'InProgress', 7,
  1.0);
INSERT INTO training_job (name, request, tuning_job, trial_index, status, failure_reason, creation_time, end_time)
VALUES
  ('old-001', '{}', 'old', 1, 'Failed', 'AlgorithmError: no good, exit code: 3', 1.0, 2.0),
  ('old-002', '{}', 'old', 2, 'Completed', '', 1.0, 2.5),
  ('old-003', '{}', 'old', 3, 'Stopped', '', 1.5, 3.0),
  ('old-004', '{}', 'old', 4, 'Training', '', 2.0, NULL);
INSERT INTO observation VALUES
  ('old-002', 'algo-1', 'validation:accuracy', 1, 1, 0.9, 1.5), ('old-002', 'algo-1', 'size', 2, 1, 15.0, 1.6),
  ('old-003', 'algo-1', 'validation:accuracy', 1, 1, 0.8, 1.5), ('old-003', 'algo-1', 'size', 2, 1, 5.0, 1.6),
  ('old-004', 'algo-1', 'validation:accuracy', 1, 1, 0.99, 2.5);
""".replace("A_TUNING_REQUEST", A_TUNING_REQUEST)

TRIALS_OF_VERSION_4 = """
INSERT INTO tuning_job (name, request, status, random_seed, creation_time)
VALUES ('old', 'A_TUNING_REQUEST', 'InProgress', 7, 1.0);
INSERT INTO training_job (name, request, tuning_job, trial_index, status, failure_kind, losses, creation_time, end_time)
VALUES
  ('old-001', '{"TrainingJobName": "old-001"}', 'old', 1, 'Failed', 'InternalServerError', 1, 1.0, 2.0),
  ('old-002', '{"TrainingJobName": "old-002"}', 'old', 2, 'Training', NULL, 0, 1.0, NULL);
INSERT INTO loss VALUES ('old-001', 1, 'DiskFull', 'no room', 1.5);
""".replace("A_TUNING_REQUEST", A_TUNING_REQUEST)


def columns(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """All tables of a file with their columns: name, type, whether needed, default, place in the key."""
    with sqlite3.connect(path) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: {row[1:] for row in db.execute(f"PRAGMA table_info({name})")} for name in names}
    db.close()
    return found


def indexes(path: Path) -> set[tuple[str, str]]:
    """All indexes of a file, as they were made, without line ends."""
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    db.close()
    return {(name, " ".join(sql.split())) for name, sql in rows}


def home_of_version(version: int, path: Path, rows: str = "") -> Path:
    """A file as that version left it."""
    with sqlite3.connect(path) as db:
        db.executescript((SCHEMAS / f"{version}.sql").read_text())
        db.executescript(rows)
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    return path


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_older_file_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """It has then what a new one has."""
    old = home_of_version(version, tmp_path / "old.db")
    Store(old).close()
    Store(tmp_path / "new.db").close()

    assert columns(tmp_path / "new.db") == columns(old)
    assert indexes(tmp_path / "new.db") == indexes(old)


def test_what_version_1_remembered_is_kept(tmp_path: Path) -> None:
    """A job that was running goes on, with its GPU."""
    with Store(home_of_version(1, tmp_path / "old.db", A_JOB_OF_VERSION_1)) as store:
        job = store.training_job("old")

        assert (SecondaryStatus.TRAINING, 1) == (job.status, job.gpu_count)
        assert ("GPU-a",) == store.leased_gpus("old", JobKind.TRAINING)


def test_what_version_2_remembered_is_kept(tmp_path: Path) -> None:
    """A tuning job of that time has nothing but its request."""
    with Store(home_of_version(2, tmp_path / "old.db", A_JOB_OF_VERSION_2)) as store:
        job = store.tuning_job("old")

        assert ("old", None, None) == (job.name, job.extension, job.convergence_detected_time)
        assert [None] == [trial.definition_name for trial in store.trials("old")]


def test_what_version_3_remembered_is_kept(tmp_path: Path) -> None:
    """Jobs of every kind with all that is known of them; leases go on."""
    with Store(home_of_version(3, tmp_path / "old.db", A_HOME_OF_VERSION_3)) as store:
        tuning_job, transform = store.tuning_job("old"), store.job(JobKind.TRANSFORM, "batch")
        running, failed, stopped = store.trials("old")

        assert ({"Beliefs": []}, 9.0) == (tuning_job.extension, tuning_job.convergence_detected_time)
        assert ("small", {"rate": "0.1"}, SecondaryStatus.TRAINING) == (
            running.definition_name,
            running.tuned,
            running.status,
        )
        assert (3, "AlgorithmError: no good, exit code: 3") == (failed.exit_code, failed.failure_reason)
        assert (StopReason.EARLY_STOPPING, 4.5) == (stopped.stop_reason, stopped.end_time)
        assert [(3, 0.5), (5, 0.25)] == [(one.line, one.value) for one in store.observations("old-001")]
        assert (2, 0.25) == (running.metrics["loss"].count, running.metrics["loss"].last)
        assert LogStart(lines=2, bytes=40) == store.log_start("old-001", "algo-1")
        assert ['metric "x" was never found'] == store.warnings("old-001")
        assert [1.0, 2.0] == [one.start_time for one in store.transitions("old-001")]
        assert [("GPU-a",), ("GPU-b",)] == [
            tuple(store.leased_gpus("old-001")),
            tuple(store.leased_gpus("batch", JobKind.TRANSFORM)),
        ]
        assert ({"ModelName": "m"}, frozenset({"part-1"})) == (transform.model, store.transformed("batch"))


def test_the_trials_of_version_4_are_ordered(tmp_path: Path) -> None:
    """How each stands was not written down then; those with a value are first, and they say what counts."""
    with Store(home_of_version(4, tmp_path / "old.db", A_JOB_OF_VERSION_4)) as store:
        job = store.tuning_job("old")
        best = store.best_trial("old")

        assert [3, 2, 4, 1] == [trial.trial_index for trial in store.best_first(job, 4)]
        assert best is not None
        assert ("old-003", 3, 4) == (best.name, store.done_trial_count("old"), store.trial_count("old"))


def test_every_table_of_version_3_has_something_in_it_that_is_kept(tmp_path: Path) -> None:
    """The test above forgets none."""
    path = home_of_version(3, tmp_path / "old.db", A_HOME_OF_VERSION_3)
    with sqlite3.connect(path) as db:
        counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in columns(path)}
    db.close()
    Store(path).close()

    assert {} == {table: count for table, count in counts.items() if count == 0}
    with sqlite3.connect(path) as db:
        assert counts == {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in counts}
    db.close()


def test_what_version_4_remembered_is_kept(tmp_path: Path) -> None:
    """Every trial of that time has a place of its own; losses stay."""
    with Store(home_of_version(4, tmp_path / "old.db", TRIALS_OF_VERSION_4)) as store:
        lost, running = store.trials("old")

        assert [1, 2] == [lost.place, running.place]
        assert (True, 1, [LossCause.DISK_FULL]) == (
            lost.is_lost,
            lost.losses,
            [one.cause for one in store.losses("old-001")],
        )
        assert SecondaryStatus.TRAINING is running.status


def test_a_migration_that_is_cut_short_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction: the next start does it again."""
    path = home_of_version(1, tmp_path / "old.db", A_JOB_OF_VERSION_1)
    before = columns(path)
    monkeypatch.setattr("tuner.store.database.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(FileNotFoundError):  # there is no script for it
        Store(path)

    assert before == columns(path)


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """Its text says what to do."""
    path = tmp_path / "new.db"
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()

    with pytest.raises(StoreError, match="newer Algodock"):
        Store(path)


def test_looking_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    """A controller that stands still in the middle of a transaction is no reason not to answer."""
    path = tmp_path / "algodock.db"
    with Store(path) as store:
        store.create_training_job(training_request("one"), now=1.0)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with Store(path) as store:
        found = [job.name for job in store.training_jobs()]
    writer.close()

    assert ["one"] == found


@pytest.mark.parametrize("place", [0, 4096])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, place: int) -> None:
    """Whether that is seen when it is opened, or when something is looked for in it."""
    path = tmp_path / "algodock.db"
    with Store(path) as store:
        store.create_training_job(training_request("one"), now=1.0)
    spoilt = path.read_bytes()[:place] + b"\xff" * (path.stat().st_size - place)
    path.write_bytes(spoilt)
    with pytest.raises(StoreError, match=r"algodock.db is damaged: .* left as it is"), Store(path) as store:
        store.training_jobs()

    assert spoilt == path.read_bytes()
