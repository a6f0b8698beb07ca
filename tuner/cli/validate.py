"""`algodock validate`: all that is wrong with a job file."""

from pathlib import Path

import click

from tuner.cli import job_files, words
from tuner.cli.machine import Invocation
from tuner.cli.options import job_file_argument
from tuner.errors import Violation, ViolationKind
from tuner.requests import (
    LoadedJob,
    check_channels,
    format_violations,
    locate,
    missing_for_cloud,
    raise_violations,
)


@click.command()
@job_file_argument
@click.option("--cloud", is_flag=True, help="Say too what SageMaker itself would still want.")
@click.pass_obj
def validate(invocation: Invocation, job_file: Path, *, cloud: bool) -> None:
    """Say all that is wrong with JOB.yaml, a line each, as AWS would; nothing is started.

    The data of its channels is looked for too.
    """
    job = job_files.read(job_file, invocation.machine())
    violations = job.validate()
    # Only a valid request has channels that can be looked at.
    found = violations or locate(check_channels(job.operation, job.request), job.lines)
    raise_violations(found, job_file)
    click.echo(f"{job_file} is a valid {job.operation} request.")
    if cloud:
        _say_what_the_cloud_wants(job)


def _say_what_the_cloud_wants(job: LoadedJob) -> None:
    missing = missing_for_cloud(job.operation, job.request)
    if not missing:
        click.echo("SageMaker would take it as it is.")
        return
    # Told in the form of violations, which have a line each; a missing member has the line of what is around it.
    wanted = [Violation(path=path, message=why, kind=ViolationKind.RULE) for path, why in missing]
    click.echo(f"For SageMaker itself, {words.count(len(wanted), 'member')} would have to change:")
    click.echo(format_violations(locate(wanted, job.lines), job.path))
