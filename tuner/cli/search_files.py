"""Search files on their way in: found beside the job file or named, read, checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tuner.requests import CREATE_TUNING_JOB, LoadedJob
from tuner.requests.search_file import LoadedSearch, load_search, search_file_beside

_Function = TypeVar("_Function", bound=Callable[..., Any])


def search_option(function: _Function) -> _Function:
    """The option ``--search``."""
    return click.option(
        "--search",
        "search_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The search file of the job; without it JOB.search.yaml beside JOB.yaml, if it is there.",
    )(function)


def read_valid(job: LoadedJob, search_file: Path | None) -> LoadedSearch | None:
    """The search file of a valid `job`, the one at `search_file` or the one beside it; None where there is none.

    Raises JobFileError for what is no such file; ValidationError and NotSupported with all that is wrong, each with its
    line; click.UsageError where it is named for a job that is no tuning job.
    """
    if job.operation != CREATE_TUNING_JOB:
        if search_file is not None:
            raise click.UsageError(f"--search is for tuning jobs, and {job.path} is a {job.operation} request.")
        return None
    path = search_file or search_file_beside(job.path)
    if path is None:
        return None
    from tuner.suggestions import check_search  # noqa: PLC0415 - numpy takes a tenth of a second

    search = load_search(path)
    check_search(search, job.request)
    return search
