"""Job files on their way in: read, completed for this home, checked."""

from pathlib import Path
from urllib.parse import quote

from tuner.cli.machine import Machine
from tuner.errors import JobFileError
from tuner.requests import Defaults, LoadedJob, check_channels, load_job, locate, raise_violations


def read(path: Path, machine: Machine, name: str | None = None) -> LoadedJob:
    """The job file at `path`, completed; not validated. Raises JobFileError, NotSupported."""
    # Results lie in the folders of the jobs anyway, so that is the output location of a job that names none.
    return load_job(path, Defaults(output_uri=f"file://{quote(str(machine.profile.home))}/jobs"), name)


def read_valid(path: Path, machine: Machine, operation: str, name: str | None = None) -> LoadedJob:
    """A job file for `operation` that is valid and whose channels are there.

    Raises ValidationError with all that is wrong, each with its line; JobFileError where it is of the other kind.
    """
    job = read(path, machine, name)
    if job.operation != operation:
        command = {"CreateTrainingJob": "train", "CreateHyperParameterTuningJob": "tune"}[job.operation]
        raise JobFileError(f"{path} is a {job.operation} request: use `algodock {command} {path}`.")
    job.check()
    raise_violations(locate(check_channels(job.operation, job.request), job.lines), path)
    return job
