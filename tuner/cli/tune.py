"""`algodock tune`: run a tuning job in this process, with a live view."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from contracts.tuning import WarmStartType
from tuner.cli import details, documents, exit_codes, job_files, search_files, words
from tuner.cli.displays import Display, JsonDisplay, PlainDisplay, print_json, say_json, seldom
from tuner.cli.live import CTRL_C, LiveDisplay
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import job_file_argument, json_option, machine_options
from tuner.cli.other_jobs import others_in_progress
from tuner.cli.screen import console
from tuner.cli.search_details import print_front
from tuner.cli.search_files import search_option
from tuner.cli.snapshot import TuningSnapshot, read_tuning_job
from tuner.cli.taken_names import what_now
from tuner.cli.waiting import follow
from tuner.cli.warm_start import print_overall_best, warm_start_document
from tuner.dashboard.report import HTML_NAME, ReportFiles, write_report
from tuner.errors import ResourceInUse, ResourceNotFound, ValidationError
from tuner.jobs.folder import JobFolder
from tuner.requests import CREATE_TUNING_JOB, LoadedJob, locate, raise_violations
from tuner.requests.search_file import LoadedSearch
from tuner.store.records import TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import (
    Say,
    extend_tuning_job,
    find_tuning_job,
    name_for_another_run,
    submit_tuning_job,
    warm_start_in_words,
)


@click.command()
@job_file_argument
@click.option("--name", help="Name of the job, instead of the one in the file.")
@click.option("--again", is_flag=True, help="If the job has ended before, run it under the next free name: NAME-2.")
@click.option(
    "--extend", type=click.IntRange(min=1), metavar="N", help="If the job has ended before, give it N more trials."
)
@click.option(
    "--warm-start-from",
    "parents",
    metavar="NAME",
    multiple=True,
    help="Learn from a tuning job of this home that has ended; up to five times.",
)
@click.option("--transfer", is_flag=True, help="With --warm-start-from: its data or its algorithm were not the same.")
@search_option
@machine_options
@json_option("Print events as JSON Lines, the last of them a summary of the whole job.")
@click.pass_obj
def tune(
    invocation: Invocation,
    /,
    job_file: Path,
    name: str | None,
    parents: tuple[str, ...],
    search_file: Path | None,
    *,
    again: bool,
    extend: int | None,
    transfer: bool,
    as_json: bool,
    **overrides: Any,
) -> int:
    """Run the tuning job in JOB.yaml, a CreateHyperParameterTuningJob request.

    What is known of the search beyond that (conditions, constraints, first configurations, beliefs) is in
    JOB.search.yaml beside it.

    The same command goes on with the job where it is, whatever ended it: finished trials stay as they are, running
    containers are adopted. The first Ctrl-C stops the job; the second leaves its containers running and detaches.

    --extend gives a job that has ended more trials, under its name: what has been tried stays, and the search goes on.

    At the end there are a table of the trials, a CSV, an HTML picture and the best trial's model.

    With --json each line is an object whose "event" is trial_started, trial_progress (value: the latest; reported: how
    many values so far), trial_ended, best, message, or at last summary.
    """
    if again and extend is not None:
        raise click.UsageError(
            "--again starts another job, --extend goes on with the one that has ended: leave one out."
        )
    machine = invocation.machine(**overrides)
    members = _warm_start(parents, transfer=transfer)
    if members and "WarmStartConfig" in job_files.read(job_file, machine).request:
        raise click.UsageError(f"{job_file} has a WarmStartConfig: leave out --warm-start-from, or that.")
    with machine.store() as store:
        if again:
            name = name_for_another_run(store, name or job_files.read(job_file, machine).name) or None
        loaded = job_files.read_valid(job_file, machine, CREATE_TUNING_JOB, name, members)
        search = search_files.read_valid(loaded, search_file)
        display, first = _begin(loaded, search, store, machine, extend=extend, as_json=as_json)
        options = _options(name, parents, search_file, transfer=transfer)
        come_back = shlex.join(["algodock", "tune", str(job_file), *options])
        snapshot = _follow(first.job.name, display, store, machine, come_back)
        _finish(snapshot, store, machine, as_json=as_json)
        return exit_codes.of_ended_job(snapshot.job.status)


def _warm_start(parents: Sequence[str], *, transfer: bool) -> dict[str, Any]:
    """The members of a request that starts from `parents`; raises UsageError."""
    if transfer and not parents:
        raise click.UsageError("--transfer goes with --warm-start-from.")
    if not parents:
        return {}
    kind = WarmStartType.TRANSFER_LEARNING if transfer else WarmStartType.IDENTICAL_DATA_AND_ALGORITHM
    names = [{"HyperParameterTuningJobName": name} for name in parents]
    return {"WarmStartConfig": {"WarmStartType": kind.value, "ParentHyperParameterTuningJobs": names}}


def _options(name: str | None, parents: Sequence[str], search_file: Path | None, *, transfer: bool) -> list[str]:
    """The options with which a job file is the same job again."""
    named = [] if name is None else ["--name", name]
    started = [word for parent in parents for word in ("--warm-start-from", parent)]
    searched = [] if search_file is None else ["--search", str(search_file)]
    return [*named, *started, *(["--transfer"] if transfer else []), *searched]


def _begin(
    loaded: LoadedJob,
    search: LoadedSearch | None,
    store: Store,
    machine: Machine,
    *,
    extend: int | None,
    as_json: bool,
) -> tuple[Display, TuningSnapshot]:
    """Submit the job, find it in progress, or give it more trials; say which."""
    say = say_json if as_json else click.echo
    known = find_tuning_job(store, loaded.name)
    say_seldom = seldom(say, machine.clock)
    if extend is None:
        job = _submit(known, loaded, search, store, machine, say=say_seldom)
    else:
        job = _extend(known, loaded, search, store, machine, trials=extend, say=say_seldom)
    first = read_tuning_job(store, job.name, machine.clock())
    if as_json:
        print_json({"event": "job", **_position(first), "going_on": known is not None})
    display = _display(first, as_json=as_json)
    if extend is not None:
        display.say(f"Extended {job.name} by {words.count(extend, 'trial')}.")
    if known is not None:
        display.say(
            f"Going on with {job.name}: {first.done} of {words.count(first.total, 'trial')}"
            f" {'is' if first.done == 1 else 'are'} done."
        )
    elif not as_json:
        display.say(f"Started {job.name}: {words.count(first.total, 'trial')}.")
    if known is None:
        _say_of_new_job(display, loaded, store, job)
    if search is not None:
        display.say(f"Its search is as {search.path} says.")
    if isinstance(display, PlainDisplay):
        display.say(CTRL_C)
    others = others_in_progress(store, job.name)
    if others:
        display.say(f"Also going on in this home: {', '.join(others)}.")
    return display, first


def _submit(
    known: TuningJobRecord | None,
    loaded: LoadedJob,
    search: LoadedSearch | None,
    store: Store,
    machine: Machine,
    *,
    say: Say,
) -> TuningJobRecord:
    """Record the job, or find it where it is; raises ResourceInUse, which says what to do, and ValidationError."""
    try:
        return submit_tuning_job(
            loaded.request,
            store=store,
            engine=machine.engine,
            profile=machine.profile,
            gpus=machine.gpus,
            now=machine.clock(),
            say=say,
            extension=None if search is None else search.extension,
        )
    except ValidationError as error:  # of its parents: what the file alone has wrong has been said before
        raise_violations(locate(error.violations, loaded.lines), loaded.path)
        raise
    except ResourceInUse as error:
        if known is not None and _is_to_be_shown(known, loaded, search, store, machine):
            return store.tuning_job(known.name)
        taken = find_tuning_job(store, loaded.name)
        raise ResourceInUse(f"{error}\n{what_now(loaded, None if taken is None else taken.status)}") from error


def _extend(
    known: TuningJobRecord | None,
    loaded: LoadedJob,
    search: LoadedSearch | None,
    store: Store,
    machine: Machine,
    *,
    trials: int,
    say: Say,
) -> TuningJobRecord:
    """Give the job, which has to be that of the file and to have ended, more trials; raises as `extend_tuning_job`."""
    if known is None:
        raise ResourceNotFound(
            f"There is no tuning job called {loaded.name} to extend. Without --extend the same command starts it."
        )
    if not _is_of(known, loaded, search):
        raise ResourceInUse(
            f"{known.name} was started from another request or search file: undo the change in {loaded.path} to extend"
            f" it. With other ranges or limits, start another job that learns from it: --warm-start-from {known.name}."
        )
    return extend_tuning_job(
        known.name,
        trials,
        store=store,
        engine=machine.engine,
        profile=machine.profile,
        gpus=machine.gpus,
        now=machine.clock(),
        say=say,
    )


def _is_of(job: TuningJobRecord, loaded: LoadedJob, search: LoadedSearch | None) -> bool:
    """Whether a job was made from this request and this search file."""
    return job.request == loaded.request and job.extension == (None if search is None else search.extension)


def _is_to_be_shown(
    job: TuningJobRecord, loaded: LoadedJob, search: LoadedSearch | None, store: Store, machine: Machine
) -> bool:
    """Whether this very job has ended since we looked, or whoever worked it was killed before it came to its report."""
    if not _is_of(job, loaded, search):
        return False
    report = machine.profile.tuning_folder(job.name) / HTML_NAME
    has_report = report.exists() and report.stat().st_mtime >= (job.end_time or 0.0)  # not that of before an extension
    return not job.status.is_terminal or (bool(store.trials(job.name)) and not has_report)


def _say_of_new_job(display: Display, loaded: LoadedJob, store: Store, job: TuningJobRecord) -> None:
    """What a job begins with that its file does not say word for word."""
    for choice in loaded.choices:
        display.say(f"Autotune: {choice}")
    if (start := warm_start_in_words(store, job)) is not None:
        display.say(start)


def _display(first: TuningSnapshot, *, as_json: bool) -> Display:
    if as_json:
        return JsonDisplay(first)
    screen = console()
    if sys.stdout.isatty() and not screen.is_dumb_terminal:
        return LiveDisplay(screen)
    return PlainDisplay(first)


def _follow(name: str, display: Display, store: Store, machine: Machine, come_back: str) -> TuningSnapshot:
    snapshot = read_tuning_job(store, name, machine.clock())
    said: set[tuple[str, str]] = set()

    def has_ended() -> bool:
        nonlocal snapshot
        snapshot = read_tuning_job(store, name, machine.clock())
        for trial in snapshot.trials:
            for warning in () if trial.is_finished else store.warnings(trial.name):
                if (trial.name, warning) not in said:
                    said.add((trial.name, warning))
                    display.say(f"Warning, trial {trial.trial_index}: {warning}")
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
        document = documents.tuning_job_document(snapshot, profile)
        print_json({"event": "summary", **document, **warm_start_document(snapshot, store, profile), **paths})
        return
    screen = console()
    click.echo(f"\n{job.name} is {job.status} after {words.duration(snapshot.elapsed)}.")
    if job.failure_reason:
        click.echo(job.failure_reason)
    details.print_trials(screen, snapshot, details.SUMMARY_ROWS)
    details.print_failures(snapshot)
    print_front(screen, snapshot)
    details.print_best(snapshot, profile)
    print_overall_best(snapshot, store)
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
