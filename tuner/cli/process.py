"""`algodock process`: run one processing job in this process, with its log as it comes."""

import shlex
from pathlib import Path
from typing import Any

import click

from contracts.jobs import JobKind
from tuner.cli import exit_codes, job_files, words
from tuner.cli.displays import print_json, say_json, seldom
from tuner.cli.job_logs import log_files
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import job_file_argument, json_option, machine_options
from tuner.cli.other_job_details import other_job_document
from tuner.cli.other_jobs import others_in_progress
from tuner.cli.taken_names import LONGEST_NAME, what_now
from tuner.cli.waiting import follow
from tuner.errors import ResourceInUse
from tuner.requests import CREATE_PROCESSING_JOB, LoadedJob
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import Say, next_name, submit_processing_job
from tuner.work.log_tail import HostLogs


@click.command()
@job_file_argument
@click.option("--name", help="Name of the job, instead of the one in the file.")
@click.option("--again", is_flag=True, help="If the job has ended before, run it under the next free name: NAME-2.")
@machine_options
@json_option("Print events as JSON Lines, the last of them a summary of the job.")
@click.pass_obj
def process(
    invocation: Invocation, /, job_file: Path, name: str | None, *, again: bool, as_json: bool, **overrides: Any
) -> int:
    """Run the processing job in JOB.yaml, a CreateProcessingJob request, and print its log as it comes.

    Inputs are mounted read-only where they lie. Outputs are copied to their addresses when all containers have ended
    with exit code 0, and with S3UploadMode Continuous while they run. The same command goes on with the job where it
    is. The first Ctrl-C stops the job; the second leaves its containers running and detaches.

    With --json each line is an object whose "event" is status, log (line: what a container printed), message, or at
    last summary.
    """
    machine = invocation.machine(**overrides)
    with machine.store() as store:
        loaded = job_files.read_valid(job_file, machine, CREATE_PROCESSING_JOB, name)
        if again:
            ended = {job.name for job in store.jobs(JobKind.PROCESSING) if job.is_finished}
            free = next_name(loaded.name, ended.__contains__, longest=LONGEST_NAME)
            loaded = job_files.read_valid(job_file, machine, CREATE_PROCESSING_JOB, free)
        say: Say = say_json if as_json else click.echo
        _submit(loaded, store, machine, say)
        renamed = ["--name", loaded.name] if again or name else []
        come_back = shlex.join(["algodock", "process", str(job_file), *renamed])
        job = _follow(loaded.name, store, machine, say, come_back, as_json=as_json)
        _finish(job, machine, as_json=as_json)
        return exit_codes.of_ended_job(job.status)


def _submit(loaded: LoadedJob, store: Store, machine: Machine, say: Say) -> None:
    known = any(job.name == loaded.name for job in store.jobs(JobKind.PROCESSING))
    try:
        job = submit_processing_job(
            loaded.request,
            store=store,
            engine=machine.engine,
            profile=machine.profile,
            gpus=machine.gpus,
            now=machine.clock(),
            say=seldom(say, machine.clock),
        )
    except ResourceInUse as error:
        statuses = {one.name: one.status for one in store.jobs(JobKind.PROCESSING)}
        raise ResourceInUse(f"{error}\n{what_now(loaded, statuses.get(loaded.name))}") from error
    say(f"Going on with {job.name}, which is {job.status}." if known else f"Started {job.name}.")
    others = others_in_progress(store, job.name)
    if others:
        say(f"Also going on in this home: {', '.join(others)}.")


def _follow(name: str, store: Store, machine: Machine, say: Say, come_back: str, *, as_json: bool) -> JobRecord:
    job = store.job(JobKind.PROCESSING, name)
    logs = HostLogs(log_files(job, machine.profile))
    status = ""

    def has_ended() -> bool:
        nonlocal job, status
        # The job first: what it printed before it ended is in the files then.
        job = store.job(JobKind.PROCESSING, name)
        lines = logs.read()
        if as_json:
            for line in lines.decode(errors="replace").split("\n")[:-1]:
                print_json({"event": "log", "line": line})
            if job.status != status:
                print_json({"event": "status", "status": job.status.value})
        elif lines:
            click.echo(lines, nl=False)
        status = job.status
        return job.is_finished

    follow(name, has_ended, machine=machine, store=store, say=say, come_back=come_back)
    return job


def _finish(job: JobRecord, machine: Machine, *, as_json: bool) -> None:
    if as_json:
        print_json({"event": "summary", **other_job_document(job, machine.profile)})
        return
    seconds = (job.end_time or machine.clock()) - job.creation_time
    click.echo(f"\n{job.name} is {job.status} after {words.duration(seconds)}.")
    for text in (job.failure_reason, job.exit_message):
        if text:
            click.echo(text.rstrip())
    click.echo(f"\n`algodock show {job.name}` shows more.")
