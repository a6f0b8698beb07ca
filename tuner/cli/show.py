"""`algodock show`: all that is known of one job."""

import json

import click

from tuner.cli import details, documents
from tuner.cli.exit_codes import ExitCode
from tuner.cli.ledger import show_ledger
from tuner.cli.machine import Invocation
from tuner.cli.names import Job, find_job, status_of
from tuner.cli.options import job_name_argument, json_option
from tuner.cli.other_job_details import other_job_document, print_other_job
from tuner.cli.other_jobs import is_worked
from tuner.cli.screen import console
from tuner.cli.snapshot import StoredOverview, read_tuning_job
from tuner.cli.warm_start import warm_start_document
from tuner.store.records import JobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store


@click.command()
@job_name_argument
@json_option("Print one JSON document.")
@click.option("--why", is_flag=True, help="Why a tuning job's trials, or one trial, were suggested.")
@click.option("--ledger", is_flag=True, help="What was read of the job's logs, and whether anything is missing.")
@click.option("--early-stopping", is_flag=True, help="What stopping rules would have done to a tuning job's trials.")
@click.pass_obj
def show(
    invocation: Invocation, name: str, *, as_json: bool, why: bool, ledger: bool, early_stopping: bool
) -> ExitCode | None:
    """Show the job called NAME, whatever its kind.

    The beginning of a training job's name will do where no other begins so: cifar10-003 for cifar10-003-1a2b3c4d.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        now = machine.clock()
        if why:
            _show_why(store, job, as_json=as_json)
            return None
        if ledger:
            return show_ledger(store, job, as_json=as_json)
        if early_stopping:
            _show_early_stopping(store, job, as_json=as_json)
            return None
        if isinstance(job, TuningJobRecord):
            if as_json:
                snapshot = read_tuning_job(store, job.name, now)
                document = documents.tuning_job_document(snapshot, machine.profile)
                document |= warm_start_document(snapshot, store, machine.profile)
                click.echo(json.dumps(document, indent=2))
            else:
                overview = StoredOverview(job=job, now=now, store=store)
                details.print_tuning_job(console(), overview, store, machine.profile)
        elif isinstance(job, JobRecord):
            if as_json:
                click.echo(json.dumps(other_job_document(job, machine.profile), indent=2))
            else:
                print_other_job(console(), job, machine.profile, now)
        elif as_json:
            click.echo(json.dumps(documents.training_job_document(job, store, machine.profile), indent=2))
        else:
            details.print_training_job(console(), job, store, machine.profile, now)
    if not as_json and not status_of(job).is_terminal and not is_worked(machine.profile):
        click.echo("No process works this job now: the command that started it goes on with it.")
    return None


def _show_why(store: Store, job: Job, *, as_json: bool) -> None:
    from tuner.cli.why import print_why, why_document  # noqa: PLC0415 - it brings numpy, which takes a while to import

    if as_json:
        click.echo(json.dumps(why_document(store, job), indent=2))
    else:
        print_why(console(), store, job)


def _show_early_stopping(store: Store, job: Job, *, as_json: bool) -> None:
    from tuner.cli.stopping import (  # noqa: PLC0415 - it brings numpy, which takes a while to import
        early_stopping_document,
        print_early_stopping,
    )

    if as_json:
        click.echo(json.dumps(early_stopping_document(store, job), indent=2))
    else:
        print_early_stopping(console(), store, job)
