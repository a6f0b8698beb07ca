-- Version 6. Times are seconds since the epoch. JSON columns hold requests as they were given.

-- The service treats tuning-job names as case-insensitive.
-- `extension` is what the job's search file says, which a request has no word for.
CREATE TABLE tuning_job (
    name                      TEXT PRIMARY KEY COLLATE NOCASE,
    request                   TEXT NOT NULL,
    extension                 TEXT,
    status                    TEXT NOT NULL,
    random_seed               INTEGER NOT NULL,
    creation_time             REAL NOT NULL,
    convergence_detected_time REAL,
    end_time                  REAL,
    failure_reason            TEXT NOT NULL DEFAULT ''
) STRICT;

-- `definition_name` is that of the training job definition which a trial is of, where its tuning job has several.
-- `failure_kind` says whose doing a failure is. `losses` counts the rows of `loss`. `place` is the trial's in its search,
-- from 1: that of an earlier trial which came to nothing through no doing of its configuration, and is tried again.
-- The last three columns say how a trial that has ended stands among those of its tuning job, written as it ends:
-- whether it has a value of the objective, by how much it breaks the bounds of other metrics, and its value, negated
-- where great ones are good, so that less is better. 0 stands for no value.
CREATE TABLE training_job (
    name                TEXT PRIMARY KEY,
    request             TEXT NOT NULL,
    tuning_job          TEXT REFERENCES tuning_job (name),
    trial_index         INTEGER,
    definition_name     TEXT,
    tuned               TEXT NOT NULL DEFAULT '{}',
    gpu_count           INTEGER NOT NULL DEFAULT 0,
    status              TEXT NOT NULL,
    exit_code           INTEGER,
    stop_reason         TEXT,
    stop_time           REAL,
    interruption        TEXT,
    failure_reason      TEXT NOT NULL DEFAULT '',
    failure_kind        TEXT,
    losses              INTEGER NOT NULL DEFAULT 0,
    place               INTEGER,
    creation_time       REAL NOT NULL,
    training_start_time REAL,
    training_end_time   REAL,
    end_time            REAL,
    objective_status    TEXT,
    violation           REAL,
    minimized           REAL,
    UNIQUE (tuning_job, trial_index)
) STRICT;

-- Each time that a tuning job which had ended was given more trials: when, when it had ended, and how many trials it may
-- have in all since then.
CREATE TABLE more_trials (
    tuning_job        TEXT NOT NULL COLLATE NOCASE REFERENCES tuning_job (name),
    number            INTEGER NOT NULL,
    time              REAL NOT NULL,
    ended             REAL NOT NULL,
    max_training_jobs INTEGER NOT NULL,
    PRIMARY KEY (tuning_job, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX training_job_unfinished ON training_job (creation_time) WHERE end_time IS NULL;

-- The trials of a tuning job that have ended, the best first.
CREATE INDEX training_job_best_first
ON training_job (tuning_job, objective_status, violation, minimized, trial_index) WHERE objective_status IS NOT NULL;

CREATE INDEX training_job_places ON training_job (tuning_job, place) WHERE tuning_job IS NOT NULL;

CREATE TABLE status_transition (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    position     INTEGER NOT NULL,
    status       TEXT NOT NULL,
    start_time   REAL NOT NULL,
    end_time     REAL,
    message      TEXT NOT NULL,
    PRIMARY KEY (training_job, position)
) STRICT, WITHOUT ROWID;

-- One row for each number that a metric's regex captured. The key is the place in the log, so that reading a log
-- twice records it once.
CREATE TABLE observation (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    host         TEXT NOT NULL,
    metric       TEXT NOT NULL,
    line         INTEGER NOT NULL,
    match        INTEGER NOT NULL,
    value        REAL NOT NULL,
    time         REAL NOT NULL,
    PRIMARY KEY (training_job, metric, host, line, match)
) STRICT, WITHOUT ROWID;

-- What lists and the search want to know of a job's metrics, however many observations there are. Kept by the trigger
-- below, which fires for rows that are really added, and so counts each once.
CREATE TABLE metric_summary (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    metric       TEXT NOT NULL,
    count        INTEGER NOT NULL,
    minimum      REAL NOT NULL,
    maximum      REAL NOT NULL,
    last         REAL NOT NULL,
    time         REAL NOT NULL,
    line         INTEGER NOT NULL,
    match        INTEGER NOT NULL,
    PRIMARY KEY (training_job, metric)
) STRICT, WITHOUT ROWID;

-- The last observation is the one with the latest time; of equal times, the one further down in the log.
CREATE TRIGGER observation_is_summed_up AFTER INSERT ON observation
BEGIN
    INSERT INTO metric_summary (training_job, metric, count, minimum, maximum, last, time, line, match)
    VALUES (new.training_job, new.metric, 1, new.value, new.value, new.value, new.time, new.line, new.match)
    ON CONFLICT (training_job, metric) DO UPDATE SET
        count = count + 1,
        minimum = min(minimum, new.value),
        maximum = max(maximum, new.value),
        last = iif((new.time, new.line, new.match) > (time, line, match), new.value, last),
        time = iif((new.time, new.line, new.match) > (time, line, match), new.time, time),
        line = iif((new.time, new.line, new.match) > (time, line, match), new.line, line),
        match = iif((new.time, new.line, new.match) > (time, line, match), new.match, match);
END;

-- Where the output of the container that runs now begins in a host's log. Without a row: at its beginning. A job that was
-- interrupted goes on with a new container, and its log with the next line.
CREATE TABLE log_start (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    host         TEXT NOT NULL,
    lines        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (training_job, host)
) STRICT, WITHOUT ROWID;

-- Each time that a training job lost its containers to something that is no doing of its configuration, and why.
CREATE TABLE loss (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    number       INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    time         REAL NOT NULL,
    PRIMARY KEY (training_job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE warning (
    training_job TEXT NOT NULL REFERENCES training_job (name),
    text         TEXT NOT NULL,
    PRIMARY KEY (training_job, text)
) STRICT, WITHOUT ROWID;

-- A slot of a GPU is here while the containers of a job, or of an endpoint, may use it. A GPU has one slot, or as many as
-- the profile lets jobs share it. The primary key is what makes a lease exclusive, the second key what gives a job that
-- needs several GPUs different ones.
CREATE TABLE gpu_lease (
    gpu  TEXT NOT NULL,
    slot INTEGER NOT NULL,
    kind TEXT NOT NULL,
    job  TEXT NOT NULL,
    PRIMARY KEY (gpu, slot),
    UNIQUE (gpu, kind, job)
) STRICT, WITHOUT ROWID;

-- Processing jobs and transform jobs. A transform job keeps the model that it serves, as the request that makes one.
CREATE TABLE job (
    kind           TEXT NOT NULL,
    name           TEXT NOT NULL,
    request        TEXT NOT NULL,
    model          TEXT,
    gpu_count      INTEGER NOT NULL DEFAULT 0,
    status         TEXT NOT NULL,
    message        TEXT NOT NULL DEFAULT '',
    exit_code      INTEGER,
    exit_message   TEXT NOT NULL DEFAULT '',
    failure_reason TEXT NOT NULL DEFAULT '',
    creation_time  REAL NOT NULL,
    start_time     REAL,
    end_time       REAL,
    PRIMARY KEY (kind, name)
) STRICT;

-- The input objects whose output a transform job has delivered.
CREATE TABLE transformed_object (
    transform_job TEXT NOT NULL,
    key           TEXT NOT NULL,
    PRIMARY KEY (transform_job, key)
) STRICT, WITHOUT ROWID;

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
