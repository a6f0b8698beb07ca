"""Requests: a job file is read with line numbers, completed from the profile, and validated as AWS would."""

from tuner.requests.channels import check_channels
from tuner.requests.completion import (
    CREATE_PROCESSING_JOB,
    CREATE_TRAINING_JOB,
    CREATE_TRANSFORM_JOB,
    CREATE_TUNING_JOB,
    Defaults,
    complete,
    missing_for_cloud,
)
from tuner.requests.front_door import (
    LoadedJob,
    format_violations,
    load_job,
    locate,
    raise_violations,
    service_message,
    validate,
)

__all__ = [
    "CREATE_PROCESSING_JOB",
    "CREATE_TRAINING_JOB",
    "CREATE_TRANSFORM_JOB",
    "CREATE_TUNING_JOB",
    "Defaults",
    "LoadedJob",
    "check_channels",
    "complete",
    "format_violations",
    "load_job",
    "locate",
    "missing_for_cloud",
    "raise_violations",
    "service_message",
    "validate",
]
