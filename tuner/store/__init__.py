"""The only memory: every fact of a job, in SQLite, before it is acted upon."""
