-- From version 4 to version 5.

-- No version has ever read `replaces`: until now every trial has had a place of its own.
ALTER TABLE training_job DROP COLUMN replaces;
ALTER TABLE training_job ADD COLUMN place INTEGER;
UPDATE training_job SET place = trial_index;

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
