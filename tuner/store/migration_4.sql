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
