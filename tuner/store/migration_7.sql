-- From version 6 to version 7.

-- Each time that a processing job or a transform job lost its containers to something that is no doing of its own, and why.
CREATE TABLE job_loss (
    kind   TEXT NOT NULL,
    job    TEXT NOT NULL,
    number INTEGER NOT NULL,
    cause  TEXT NOT NULL,
    reason TEXT NOT NULL,
    time   REAL NOT NULL,
    PRIMARY KEY (kind, job, number),
    FOREIGN KEY (kind, job) REFERENCES job (kind, name)
) STRICT, WITHOUT ROWID;

-- Where the output of the container that such a job has now begins in a host's log. Without a row: at its beginning.
CREATE TABLE job_log_start (
    kind  TEXT NOT NULL,
    job   TEXT NOT NULL,
    host  TEXT NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (kind, job, host),
    FOREIGN KEY (kind, job) REFERENCES job (kind, name)
) STRICT, WITHOUT ROWID;

-- When each container was last known to run.
ALTER TABLE log_ledger ADD COLUMN seen REAL;
