"""What the commands return to the shell."""

import sqlite3
from enum import IntEnum

from contracts.jobs import JobStatus
from tuner.errors import EngineError, HomeInUse, StoreError


class ExitCode(IntEnum):
    """The exit codes of all commands; they are part of the interface."""

    DONE = 0
    JOB_FAILED = 1
    BAD_INPUT = 2
    MACHINE = 3
    JOB_STOPPED = 4
    BUG = 70
    DETACHED = 130


#: What `--help` says of each.
MEANINGS = {
    ExitCode.DONE: "done as asked; a job that was waited for is Completed",
    ExitCode.JOB_FAILED: "the job ended Failed, there is no result yet, or the image checked breaks a must",
    ExitCode.BAD_INPUT: "bad input: usage, a job file, a request that AWS would refuse, an unknown job",
    ExitCode.MACHINE: "the machine: no container engine, no image, no GPU, a full disk, an unreadable home",
    ExitCode.JOB_STOPPED: "the job ended Stopped",
    ExitCode.BUG: "a bug in Algodock",
    ExitCode.DETACHED: "detached by Ctrl-C or SIGHUP; the job's containers go on, those of a check are removed",
}

#: Errors that are about the machine; every other error of ours is about the input.
MACHINE_ERRORS = (EngineError, HomeInUse, StoreError, OSError, sqlite3.Error)

_CODES = {
    JobStatus.COMPLETED: ExitCode.DONE,
    JobStatus.FAILED: ExitCode.JOB_FAILED,
    JobStatus.STOPPED: ExitCode.JOB_STOPPED,
}


def of_ended_job(status: JobStatus) -> ExitCode:
    """The exit code of a command that waited for a job, which ended in `status`."""
    return _CODES[status]


def of_error(error: Exception) -> ExitCode:
    """The exit code for an error of ours, or of the operating system."""
    return ExitCode.MACHINE if isinstance(error, MACHINE_ERRORS) else ExitCode.BAD_INPUT
