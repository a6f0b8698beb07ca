"""The processing side of `algodock check`: one processing job, run in several ways."""
