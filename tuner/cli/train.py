"""`algodock train`: run one training job in this process, with its log as it comes."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tuner.cli import details, documents, exit_codes, job_files, words
from tuner.cli.displays import print_json, say_json, seldom
from tuner.cli.job_logs import log_files
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import job_file_argument, json_option, machine_options
from tuner.cli.other_jobs import others_in_progress
from tuner.cli.screen import console
from tuner.cli.taken_names import LONGEST_NAME, what_now
from tuner.cli.waiting import follow
from tuner.errors import ResourceInUse
from tuner.jobs.folder import JobFolder
from tuner.requests import CREATE_TRAINING_JOB, LoadedJob
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import Say, next_name, submit_training_job
from tuner.work.log_tail import HostLogs


@click.command()
@job_file_argument
@click.option("--name", help="Name of the job, instead of the one in the file.")
@click.option("--again", is_flag=True, help="If the job has ended before, run it under the next free name: NAME-2.")
@machine_options
@json_option("Print events as JSON Lines, the last of them a summary of the job.")
@click.pass_obj
def train(
    invocation: Invocation, /, job_file: Path, name: str | None, *, again: bool, as_json: bool, **overrides: Any
) -> int:
    """Run the training job in JOB.yaml, a CreateTrainingJob request, and print its log as it comes.

    The same command goes on with the job where it is: a running container is adopted, and its log printed from the
    beginning. The first Ctrl-C stops the job; the second leaves its container running and detaches.

    With --json each line is an object whose "event" is status, log (line: what the container printed), metric, message,
    or at last summary.
    """
    machine = invocation.machine(**overrides)
    with machine.store() as store:
        loaded = job_files.read_valid(job_file, machine, CREATE_TRAINING_JOB, name)
        if again:
            ended = {job.name for job in store.training_jobs() if job.is_finished}
            free = next_name(loaded.name, ended.__contains__, longest=LONGEST_NAME)
            loaded = job_files.read_valid(job_file, machine, CREATE_TRAINING_JOB, free)
        say: Say = say_json if as_json else click.echo
        _submit(loaded, store, machine, say)
        renamed = ["--name", loaded.name] if again or name else []
        come_back = shlex.join(["algodock", "train", str(job_file), *renamed])
        job = _follow(loaded.name, store, machine, say, come_back, as_json=as_json)
        _finish(job, store, machine, as_json=as_json)
        return exit_codes.of_ended_job(job.primary_status)


def _submit(loaded: LoadedJob, store: Store, machine: Machine, say: Say) -> None:
    known = any(job.name == loaded.name for job in store.training_jobs())
    try:
        job = submit_training_job(
            loaded.request,
            store=store,
            engine=machine.engine,
            profile=machine.profile,
            gpus=machine.gpus,
            now=machine.clock(),
            say=seldom(say, machine.clock),
        )
    except ResourceInUse as error:
        statuses = {one.name: one.primary_status for one in store.training_jobs()}
        raise ResourceInUse(f"{error}\n{what_now(loaded, statuses.get(loaded.name))}") from error
    say(f"Going on with {job.name}, which is {job.status}." if known else f"Started {job.name}.")
    others = others_in_progress(store, job.name)
    if others:
        say(f"Also going on in this home: {', '.join(others)}.")


class _Shown:
    """What of a job was printed already."""

    def __init__(self, logs: Mapping[str, Path]) -> None:
        self.tail = HostLogs(logs)
        self.status = ""
        self.counts: dict[str, int] = {}


def _follow(name: str, store: Store, machine: Machine, say: Say, come_back: str, *, as_json: bool) -> TrainingJobRecord:
    job = store.training_job(name)
    shown = _Shown(log_files(job, machine.profile))
    show = _show_json if as_json else _show_lines

    def has_ended() -> bool:
        nonlocal job
        # The job first: what it printed before it ended is in the file then.
        job = store.training_job(name)
        show(job, shown)
        return job.is_finished

    follow(name, has_ended, machine=machine, store=store, say=say, come_back=come_back)
    return job


def _show_lines(job: TrainingJobRecord, shown: _Shown) -> None:
    lines = shown.tail.read()
    if lines:
        click.echo(lines, nl=False)
    if job.status != shown.status and not job.is_finished:
        click.echo(f"-- {job.status}")
    shown.status = job.status


def _show_json(job: TrainingJobRecord, shown: _Shown) -> None:
    for line in shown.tail.read().decode(errors="replace").split("\n")[:-1]:
        print_json({"event": "log", "line": line})
    for metric, summary in job.metrics.items():
        if summary.count > shown.counts.get(metric, 0):
            shown.counts[metric] = summary.count
            print_json({"event": "metric", "metric": metric, "value": summary.last, "reported": summary.count})
    if job.status != shown.status:
        print_json({"event": "status", "status": job.primary_status.value, "secondary_status": job.status.value})
    shown.status = job.status


def _finish(job: TrainingJobRecord, store: Store, machine: Machine, *, as_json: bool) -> None:
    if as_json:
        print_json({"event": "summary", **documents.training_job_document(job, store, machine.profile)})
        return
    seconds = (job.end_time or machine.clock()) - job.creation_time
    why = "" if job.status == str(job.primary_status) else f" ({job.status})"
    click.echo(f"\n{job.name} is {job.primary_status}{why} after {words.duration(seconds)}.")
    if job.failure_reason:
        click.echo(job.failure_reason)
    details.print_training_job_end(console(), job, store, JobFolder(machine.profile.job_folder(job.name)))
    click.echo(f"\n`algodock show {job.name}` shows more.")
