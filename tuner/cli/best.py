"""`algodock best`: the best trial of a tuning job."""

import json

import click

from tuner.cli import details, documents
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.cli.names import find_job
from tuner.cli.options import job_name_argument, json_option
from tuner.cli.snapshot import StoredOverview
from tuner.cli.warm_start import print_overall_best
from tuner.errors import ResourceNotFound
from tuner.store.records import TuningJobRecord


@click.command()
@job_name_argument
@json_option("Print one JSON document; null where there is no best trial yet.")
@click.pass_obj
def best(invocation: Invocation, name: str, *, as_json: bool) -> int:
    """Show the best trial of the tuning job NAME so far, and where its model is.

    Trials of jobs that it started from are not counted, but a better one of them is told.
    The exit code is 1 while no trial has ended with a value.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        if not isinstance(job, TuningJobRecord):
            raise ResourceNotFound(f"{job.name} is a training job; only tuning jobs have a best trial.")
        overview = StoredOverview(job=job, now=machine.clock(), store=store)
        found = overview.best
        if as_json:
            document = None if found is None else documents.trial_document(overview, found, machine.profile)
            click.echo(json.dumps(document, indent=2))
        else:
            details.print_best(overview, machine.profile)
            print_overall_best(overview, store)
    return ExitCode.JOB_FAILED if found is None else ExitCode.DONE
