"""`algodock validate`: all that is wrong with a job file."""

from pathlib import Path

import click

from tuner.cli import job_files, search_files, words
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import job_file_argument
from tuner.cli.search_files import search_option
from tuner.errors import Violation, ViolationKind
from tuner.requests import (
    LoadedJob,
    check_channels,
    format_violations,
    locate,
    missing_for_cloud,
    raise_violations,
)
from tuner.requests.node import Node
from tuner.requests.warm_start_rules import parent_names
from tuner.submission import wrong_with_parents


@click.command()
@job_file_argument
@search_option
@click.option("--cloud", is_flag=True, help="Say too what SageMaker itself would still want.")
@click.pass_obj
def validate(invocation: Invocation, job_file: Path, search_file: Path | None, *, cloud: bool) -> None:
    """Say all that is wrong with JOB.yaml, a line each, as AWS would; nothing is started.

    Then all that is wrong with JOB.search.yaml beside it, or the search file that is named.

    The data of its channels is looked for too, and the tuning jobs that it starts from in this home.
    """
    machine = invocation.machine()
    job = job_files.read(job_file, machine)
    violations = job.validate()
    # Only a valid request has channels that can be looked at.
    found = violations or locate(check_channels(job.operation, job.request), job.lines)
    raise_violations(found, job_file)
    missing = _check_parents(job, machine)
    search = search_files.read_valid(job, search_file)
    click.echo(f"{job_file} is a valid {job.operation} request.")
    for choice in job.choices:
        click.echo(f"Autotune: {choice}")
    if search is not None:
        click.echo(f"{search.path} is a valid search file for it.")
    for name in missing:
        click.echo(
            f"Not checked: whether it may start from {name}, which is no tuning job of {machine.profile.home}."
            " `algodock tune` wants it there."
        )
    if cloud:
        _say_what_the_cloud_wants(job)


def _check_parents(job: LoadedJob, machine: Machine) -> list[str]:
    """Raise ValidationError unless a tuning job may start from its parents; return those that the home has not."""
    if "WarmStartConfig" not in job.request:  # then no home has to be looked at
        return []
    with machine.store_for_reading() as store:
        unknown, wrong = wrong_with_parents(store, job.request)
    raise_violations(locate(wrong, job.lines), job.path)
    missing = {violation.path for violation in unknown}
    return [name for name, path in parent_names(Node(job.request)) if path in missing]


def _say_what_the_cloud_wants(job: LoadedJob) -> None:
    missing = missing_for_cloud(job.operation, job.request)
    if not missing:
        click.echo("SageMaker would take it as it is.")
        return
    # Told in the form of violations, which have a line each; a missing member has the line of what is around it.
    wanted = [Violation(path=path, message=why, kind=ViolationKind.RULE) for path, why in missing]
    click.echo(f"For SageMaker itself, {words.count(len(wanted), 'member')} would have to change:")
    click.echo(format_violations(locate(wanted, job.lines), job.path))
