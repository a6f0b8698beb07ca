-- From version 2 to version 3.

ALTER TABLE tuning_job ADD COLUMN extension TEXT;

ALTER TABLE tuning_job ADD COLUMN convergence_detected_time REAL;

ALTER TABLE training_job ADD COLUMN definition_name TEXT;
