"""Job files on their way in: read, completed for this home, checked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuner.cli.machine import Machine
from tuner.errors import JobFileError
from tuner.requests import (
    CREATE_PROCESSING_JOB,
    CREATE_TRAINING_JOB,
    CREATE_TRANSFORM_JOB,
    CREATE_TUNING_JOB,
    Defaults,
    LoadedJob,
    check_channels,
    load_job,
    locate,
    raise_violations,
)

#: The command that runs a job file, by the operation that its request is for.
COMMANDS: Mapping[str, str] = {
    CREATE_TUNING_JOB: "tune",
    CREATE_TRAINING_JOB: "train",
    CREATE_TRANSFORM_JOB: "transform",
    CREATE_PROCESSING_JOB: "process",
}


def read(path: Path, machine: Machine, name: str | None = None) -> LoadedJob:
    """The job file at `path`, completed; not validated. Raises JobFileError, NotSupported."""
    # Results lie in the folders of the jobs anyway, so that is the output location of a job that names none.
    home = f"file://{quote(str(machine.profile.home))}"
    return load_job(path, Defaults(output_uri=f"{home}/jobs", home_uri=home), name)


def read_valid(
    path: Path, machine: Machine, operation: str, name: str | None = None, members: Mapping[str, Any] | None = None
) -> LoadedJob:
    """A job file for `operation` that is valid and whose channels are there; it may leave out those of `members`.

    Raises ValidationError with all that is wrong, each with its line; JobFileError where it is of the other kind.
    """
    job = read(path, machine, name)
    if job.operation != operation:
        command = COMMANDS[job.operation]
        raise JobFileError(f"{path} is a {job.operation} request: use `algodock {command} {path}`.")
    job = replace(job, request={**(members or {}), **job.request})
    job.check()
    raise_violations(locate(check_channels(job.operation, job.request), job.lines), path)
    return job
