"""`algodock stop`: ask a job to stop, and wait until it has."""

import click

from contracts.jobs import JobKind
from contracts.outcome import TRAINING_STOP_GRACE_SECONDS
from contracts.serving import STOP_GRACE_SECONDS
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.cli.names import Job, find_job, status_of
from tuner.cli.options import job_name_argument
from tuner.cli.waiting import follow_stop
from tuner.controller import stop_job
from tuner.store.records import JobRecord


@click.command()
@job_name_argument
@click.pass_obj
def stop(invocation: Invocation, name: str) -> int:
    """Stop the job NAME, whatever its kind: its containers get SIGTERM, and SIGKILL after 120 s.

    Those of a transform job have 30 s, and its output is discarded. The process that works this home does it; where
    there is none, this command does. What a container has written to /opt/ml/model until then is kept. A second `stop`
    of a job that is stopping waits with the first.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        stop_job(store, job.name, now=machine.clock())
        click.echo(
            f"Stopping {job.name}: containers get SIGTERM and up to {_grace_seconds(job):g} s."
            " Ctrl-C does not wait for it."
        )
        follow_stop(
            lambda: status_of(find_job(store, job.name)).is_terminal,
            machine=machine,
            store=store,
            come_back=f"algodock stop {job.name}",
        )
        click.echo(f"{job.name} is {status_of(find_job(store, job.name))}.")
    return ExitCode.DONE


def _grace_seconds(job: Job) -> float:
    is_transform_job = isinstance(job, JobRecord) and job.kind is JobKind.TRANSFORM
    return STOP_GRACE_SECONDS if is_transform_job else TRAINING_STOP_GRACE_SECONDS
