"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tuner.profile import parse_bytes

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _bytes(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_bytes(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def limit_options(function: _Function) -> _Function:
    """What each container may take of this machine, over what the profile says."""
    for decorator in (
        click.option(
            "--shm", "shm_bytes", metavar="SIZE", callback=_bytes, help="Shared memory of each container, such as 2g."
        ),
        click.option(
            "--memory",
            "memory_bytes",
            metavar="SIZE",
            callback=_bytes,
            help="Memory limit of each container, such as 8g.",
        ),
        click.option(
            "--cpus", type=click.FloatRange(min=0, min_open=True), help="CPUs of each container, such as 1.5."
        ),
    ):
        function = decorator(function)
    return function


def machine_options(function: _Function) -> _Function:
    """What one run of jobs may take of this machine, over what the profile says."""
    for decorator in (
        limit_options,
        click.option(
            "--gpus-per-job",
            "gpus_per_training_job",
            type=click.IntRange(min=0),
            help="GPUs of each training job; without it what the job's instance type has.",
        ),
        click.option("--gpus", metavar="IDS", help="GPUs that may be used: ids with commas between, or all."),
    ):
        function = decorator(function)
    return function


def json_option(text: str) -> Callable[[_Function], _Function]:
    """The option ``--json``, with `text` as its help."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def job_file_argument(function: _Function) -> _Function:
    """The argument JOB.yaml."""
    return click.argument("job_file", metavar="JOB.yaml", type=click.Path(path_type=Path))(function)


#: The argument of commands that take the name of a job.
job_name_argument = click.argument("name", metavar="NAME")
