-- From version 5 to version 6.

-- How a trial that has ended stands among those of its tuning job. The store fills it in: a job's request says how.
ALTER TABLE training_job ADD COLUMN objective_status TEXT;
ALTER TABLE training_job ADD COLUMN violation REAL;
ALTER TABLE training_job ADD COLUMN minimized REAL;

CREATE INDEX training_job_best_first
ON training_job (tuning_job, objective_status, violation, minimized, trial_index) WHERE objective_status IS NOT NULL;

CREATE INDEX training_job_places ON training_job (tuning_job, place) WHERE tuning_job IS NOT NULL;
