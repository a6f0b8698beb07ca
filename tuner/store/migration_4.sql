-- From version 3 to version 4.

ALTER TABLE training_job ADD COLUMN failure_kind TEXT;
ALTER TABLE training_job ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE training_job ADD COLUMN replaces INTEGER;
UPDATE training_job SET failure_kind = substr(failure_reason, 1, instr(failure_reason, ':') - 1)
WHERE failure_reason GLOB 'AlgorithmError:*' OR failure_reason GLOB 'ClientError:*'
   OR failure_reason GLOB 'InternalServerError:*';

-- Each time that a training job lost its containers to something that is no doing of its configuration, and why.
CREATE TABLE loss (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    number       INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    time         REAL NOT NULL,
    PRIMARY KEY (training_job, number)
) STRICT, WITHOUT ROWID;

-- A GPU may have several slots. Leases go on.
ALTER TABLE gpu_lease RENAME TO gpu_lease_of_version_3;

CREATE TABLE gpu_lease (
    gpu  TEXT NOT NULL,
    slot INTEGER NOT NULL,
    kind TEXT NOT NULL,
    job  TEXT NOT NULL,
    PRIMARY KEY (gpu, slot),
    UNIQUE (gpu, kind, job)
) STRICT, WITHOUT ROWID;

INSERT INTO gpu_lease (gpu, slot, kind, job) SELECT gpu, 0, kind, job FROM gpu_lease_of_version_3;

DROP TABLE gpu_lease_of_version_3;

-- What a job waits for, in words.
ALTER TABLE job ADD COLUMN message TEXT NOT NULL DEFAULT '';

-- What was read of each container's output, in the transaction that adds the observations found in it: the two never
-- disagree. `stream_bytes` and `digest` are of the engine's own encoding of the log.
CREATE TABLE log_ledger (
    kind          TEXT NOT NULL,
    job           TEXT NOT NULL,
    host          TEXT NOT NULL,
    container     TEXT NOT NULL,
    first_line    INTEGER NOT NULL,
    frames        INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    lines         INTEGER NOT NULL,
    matched_lines INTEGER NOT NULL,
    captures      INTEGER NOT NULL,
    cut_lines     INTEGER NOT NULL,
    reconnections INTEGER NOT NULL,
    gaps          INTEGER NOT NULL,
    is_read_back  INTEGER NOT NULL,
    first_time    TEXT NOT NULL,
    last_time     TEXT NOT NULL,
    stream_bytes  INTEGER NOT NULL,
    digest        TEXT NOT NULL,
    PRIMARY KEY (kind, job, host, container)
) STRICT, WITHOUT ROWID;

-- What a home is asked most often, among the hundred thousand jobs that it may have.
DROP INDEX training_job_by_status;
CREATE INDEX training_job_unfinished ON training_job (creation_time) WHERE end_time IS NULL;
