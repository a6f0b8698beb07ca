-- From version 1 to version 2.

ALTER TABLE training_job DROP COLUMN container_id;

ALTER TABLE training_job ADD COLUMN interruption TEXT;

ALTER TABLE gpu_lease RENAME TO gpu_lease_1;

CREATE TABLE gpu_lease (
    gpu  TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    job  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO gpu_lease (gpu, kind, job) SELECT gpu, 'training', training_job FROM gpu_lease_1;

DROP TABLE gpu_lease_1;

CREATE TABLE log_start (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    host         TEXT NOT NULL,
    lines        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (training_job, host)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    kind           TEXT NOT NULL,
    name           TEXT NOT NULL,
    request        TEXT NOT NULL,
    model          TEXT,
    gpu_count      INTEGER NOT NULL DEFAULT 0,
    status         TEXT NOT NULL,
    exit_code      INTEGER,
    exit_message   TEXT NOT NULL DEFAULT '',
    failure_reason TEXT NOT NULL DEFAULT '',
    creation_time  REAL NOT NULL,
    start_time     REAL,
    end_time       REAL,
    PRIMARY KEY (kind, name)
) STRICT;

CREATE TABLE transformed_object (
    transform_job TEXT NOT NULL,
    key           TEXT NOT NULL,
    PRIMARY KEY (transform_job, key)
) STRICT, WITHOUT ROWID;
