"""The file of a home: opened by every version since the first."""

import sqlite3
from pathlib import Path

import pytest

from contracts.jobs import JobKind, SecondaryStatus
from tuner.errors import StoreError
from tuner.store.database import SCHEMA_VERSION
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


def columns(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """All tables of a file with their columns: name, type, whether needed, default, place in the key."""
    with sqlite3.connect(path) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: {row[1:] for row in db.execute(f"PRAGMA table_info({name})")} for name in names}
    db.close()
    return found


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
