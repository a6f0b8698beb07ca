"""`algodock tune`: run a tuning job in this process, with a live view."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from tuner.cli import details, documents, exit_codes, job_files, words
from tuner.cli.displays import Display, JsonDisplay, PlainDisplay, print_json, say_json, seldom
from tuner.cli.live import CTRL_C, LiveDisplay
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import job_file_argument, json_option, machine_options
from tuner.cli.other_jobs import others_in_progress
from tuner.cli.screen import console
from tuner.cli.snapshot import TuningSnapshot, read_tuning_job
from tuner.cli.taken_names import what_now
from tuner.cli.waiting import follow
from tuner.dashboard.report import ReportFiles, write_report
from tuner.errors import ResourceInUse
from tuner.jobs.folder import JobFolder
from tuner.requests import CREATE_TUNING_JOB, LoadedJob
from tuner.store.sqlite_store import Store
from tuner.submission import find_tuning_job, name_for_another_run, submit_tuning_job


@click.command()
@job_file_argument
@click.option("--name", help="Name of the job, instead of the one in the file.")
@click.option("--again", is_flag=True, help="If the job has ended before, run it under the next free name: NAME-2.")
@machine_options
@json_option("Print events as JSON Lines, the last of them a summary of the whole job.")
@click.pass_obj
def tune(
    invocation: Invocation, /, job_file: Path, name: str | None, *, again: bool, as_json: bool, **overrides: Any
) -> int:
    """Run the tuning job in JOB.yaml, a CreateHyperParameterTuningJob request.

    The same command goes on with the job where it is, whatever ended it: finished trials stay as they are, running
    containers are adopted. The first Ctrl-C stops the job; the second leaves its containers running and detaches.

    At the end there are a table of the trials, a CSV, an HTML picture and the best trial's model.

    With --json each line is an object whose "event" is trial_started, trial_progress (value: the latest; reported: how
    many values so far), trial_ended, best, message, or at last summary.
    """
    machine = invocation.machine(**overrides)
    with machine.store() as store:
        loaded = job_files.read_valid(job_file, machine, CREATE_TUNING_JOB, name)
        if again:
            loaded = job_files.read_valid(
                job_file, machine, CREATE_TUNING_JOB, name_for_another_run(store, loaded.name)
            )
        display, first = _begin(loaded, store, machine, as_json=as_json)
        renamed = ["--name", loaded.name] if again or name else []
        come_back = shlex.join(["algodock", "tune", str(job_file), *renamed])
        snapshot = _follow(first.job.name, display, store, machine, come_back)
        _finish(snapshot, store, machine, as_json=as_json)
        return exit_codes.of_ended_job(snapshot.job.status)


def _begin(loaded: LoadedJob, store: Store, machine: Machine, *, as_json: bool) -> tuple[Display, TuningSnapshot]:
    """Submit the job, or find it in progress; say which."""
    say = say_json if as_json else click.echo
    known = find_tuning_job(store, loaded.name)
    try:
        job = submit_tuning_job(
            loaded.request,
            store=store,
            engine=machine.engine,
            profile=machine.profile,
            gpus=machine.gpus,
            now=machine.clock(),
            say=seldom(say, machine.clock),
        )
    except ResourceInUse as error:
        taken = find_tuning_job(store, loaded.name)
        raise ResourceInUse(f"{error}\n{what_now(loaded, None if taken is None else taken.status)}") from error
    first = read_tuning_job(store, job.name, machine.clock())
    if as_json:
        print_json({"event": "job", **_position(first), "going_on": known is not None})
    display = _display(first, as_json=as_json)
    if known is not None:
        display.say(
            f"Going on with {job.name}: {first.done} of {words.count(first.total, 'trial')}"
            f" {'is' if first.done == 1 else 'are'} done."
        )
    elif not as_json:
        display.say(f"Started {job.name}: {words.count(first.total, 'trial')}.")
    if isinstance(display, PlainDisplay):
        display.say(CTRL_C)
    others = others_in_progress(store, job.name)
    if others:
        display.say(f"Also going on in this home: {', '.join(others)}.")
    return display, first


def _display(first: TuningSnapshot, *, as_json: bool) -> Display:
    if as_json:
        return JsonDisplay(first)
    screen = console()
    if sys.stdout.isatty() and not screen.is_dumb_terminal:
        return LiveDisplay(screen)
    return PlainDisplay(first)


def _follow(name: str, display: Display, store: Store, machine: Machine, come_back: str) -> TuningSnapshot:
    snapshot = read_tuning_job(store, name, machine.clock())

    def has_ended() -> bool:
        nonlocal snapshot
        snapshot = read_tuning_job(store, name, machine.clock())
        display.show(snapshot)
        return snapshot.job.status.is_terminal

    try:
        follow(name, has_ended, machine=machine, store=store, say=display.say, come_back=come_back)
    finally:
        display.close()
    return snapshot


def _finish(snapshot: TuningSnapshot, store: Store, machine: Machine, *, as_json: bool) -> None:
    """The summary, and the files with all of it."""
    job, profile = snapshot.job, machine.profile
    files = _write_report(job.name, store, machine) if snapshot.trials else None
    if as_json:
        paths = {"csv": str(files.csv), "report": str(files.html)} if files else {"csv": None, "report": None}
        print_json({"event": "summary", **documents.tuning_job_document(snapshot, profile), **paths})
        return
    screen = console()
    click.echo(f"\n{job.name} is {job.status} after {words.duration(snapshot.elapsed)}.")
    if job.failure_reason:
        click.echo(job.failure_reason)
    details.print_trials(screen, snapshot, details.SUMMARY_ROWS)
    details.print_failures(snapshot)
    details.print_best(snapshot, profile)
    if files is not None:
        details.print_file("Table:", files.csv)
        details.print_file("Picture:", files.html)
    click.echo(f"\n`algodock show {job.name}` shows this again; `algodock best {job.name}` the best trial.")
    if snapshot.best is not None and JobFolder(profile.job_folder(snapshot.best.name)).model_artifact.exists():
        click.echo(f"`algodock serve {job.name}` serves the best trial's model.")


def _write_report(name: str, store: Store, machine: Machine) -> ReportFiles | None:
    try:
        return write_report(store, name, machine.profile.tuning_folder(name))
    except OSError as error:  # the job itself has ended well: that counts
        click.echo(f"The report could not be written: {error}", err=True)
        return None


def _position(snapshot: TuningSnapshot) -> dict[str, Any]:
    return {
        "name": snapshot.job.name,
        "status": snapshot.job.status.value,
        "trials_done": snapshot.done,
        "trials_total": snapshot.total,
    }
