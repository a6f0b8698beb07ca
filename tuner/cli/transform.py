"""`algodock transform`: send the objects of an input through a model, in this process."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from contracts.errors import IllegalTransition
from contracts.jobs import JobKind, JobStatus
from contracts.serving import STOP_GRACE_SECONDS
from contracts.transform import TransformJobSpec
from tuner.cli import exit_codes, job_files, words
from tuner.cli.displays import print_json, seldom
from tuner.cli.machine import Invocation, Machine
from tuner.cli.model_source import ModelSource, find_model
from tuner.cli.options import job_file_argument, json_option, machine_options
from tuner.cli.other_jobs import others_in_progress
from tuner.cli.screen import console
from tuner.cli.taken_names import LONGEST_NAME
from tuner.cli.transform_screen import TransformDisplay, choose_display, outcome_document
from tuner.errors import EngineError, ResourceInUse, ResourceNotFound, StoreError
from tuner.requests import CREATE_TRANSFORM_JOB, LoadedJob
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import next_name
from tuner.transform.folder import TransformFolder, transform_folder
from tuner.transform.progress import read_progress
from tuner.transform.submission import find_transform_job, submit_transform_job
from tuner.work.interruptions import Detached, Interruptions
from tuner.work.log_tail import LogTail
from tuner.work.worker import Worker

#: How much of a container's log the end of a failed job repeats.
_LAST_LINES = 10

STOPPING = (
    f"Stopping: the container gets SIGTERM and up to {STOP_GRACE_SECONDS:g} s, and the output is discarded, as"
    " StopTransformJob does. Ctrl-C again detaches."
)


@click.command()
@job_file_argument
@click.option("--model", metavar="MODEL", help="The model instead of ModelName: a job, or with --image an archive.")
@click.option("--image", help="The image that serves it; without it that of the training job.")
@click.option("--name", help="Name of the job, instead of the one in the file.")
@click.option("--again", is_flag=True, help="If the job has ended before, run it under the next free name: NAME-2.")
@machine_options
@json_option("Print events as JSON Lines, the last of them a summary of the job.")
@click.pass_obj
def transform(
    invocation: Invocation,
    /,
    job_file: Path,
    *,
    model: str | None,
    image: str | None,
    name: str | None,
    again: bool,
    as_json: bool,
    **overrides: Any,
) -> int:
    """Run the transform job in JOB.yaml, a CreateTransformJob request: each input object becomes an output object.

    ModelName is a training job of this home, or a tuning job (its best trial); --model names another one, or with
    --image a model.tar.gz or a folder, and the file may leave ModelName out.

    The same command goes on with the job where it is: objects whose output was delivered are not sent again. The first
    Ctrl-C stops the job and discards its output; a terminal that closes, or a kill, leaves what was delivered.

    With --json each line is an object whose "event" is status, progress, log (line: what the data-log says), message,
    or at last summary.
    """
    machine = invocation.machine(**overrides)
    with machine.store() as store:
        loaded, source = _load(job_file, machine, model, image, name)
        if again:
            ended = {job.name for job in store.jobs(JobKind.TRANSFORM) if job.is_finished}
            free = next_name(loaded.name, ended.__contains__, longest=LONGEST_NAME)
            loaded, source = _load(job_file, machine, model, image, free)
        display = choose_display(console, as_json=as_json)
        try:
            is_chosen = model is not None or image is not None
            _submit(loaded, source, is_chosen=is_chosen, store=store, machine=machine, display=display)
            chosen = {"--model": model, "--image": image, "--name": loaded.name if again or name else None}
            come_back = ["algodock", "transform", str(job_file)]
            come_back += [word for option, value in chosen.items() if value for word in (option, value)]
            job = _follow(loaded.name, store, machine, display, shlex.join(come_back))
        finally:
            display.close()
        _finish(job, transform_folder(machine.profile, job.name), as_json=as_json)
        return exit_codes.of_ended_job(job.status)


def _load(
    job_file: Path, machine: Machine, model: str | None, image: str | None, name: str | None
) -> tuple[LoadedJob, ModelSource]:
    """The valid request in a file, and the model that it, or else the option, names."""
    if model is not None:
        source = find_model(model, image, None, machine)
        members = {"ModelName": source.name}
        return job_files.read_valid(job_file, machine, CREATE_TRANSFORM_JOB, name, members), source
    loaded = job_files.read_valid(job_file, machine, CREATE_TRANSFORM_JOB, name)
    try:
        return loaded, find_model(loaded.request["ModelName"], image, None, machine)
    except ResourceNotFound as error:
        raise ResourceNotFound(
            f"ModelName: {error}\nIt names a training job of this home, or a tuning job; --model MODEL.tar.gz --image"
            " IMAGE gives any other model."
        ) from error


def _model_request(source: ModelSource, name: str) -> Mapping[str, Any]:
    """The model as a CreateModel request: what a later process needs to go on."""
    return {
        "ModelName": name,
        "PrimaryContainer": {
            "Image": source.image,
            "ModelDataUrl": f"file://{quote(str(source.path))}",
            "Environment": {},
        },
    }


def _submit(
    loaded: LoadedJob,
    source: ModelSource,
    *,
    is_chosen: bool,
    store: Store,
    machine: Machine,
    display: TransformDisplay,
) -> None:
    """Record the job; `is_chosen` says that the model is one of the command's options, and not the file's."""
    known = find_transform_job(store, loaded.name)
    model = _model_request(source, loaded.request["ModelName"])
    if known is not None and known.model is not None and not known.is_finished and not is_chosen:
        model = known.model  # the best trial of a search may be another one by now
    elif source.job is not None and source.job.tuning_job is not None:
        trial = f"trial {source.job.trial_index} of {source.job.tuning_job}"
        display.say(f"The model is that of {source.job.name}, {trial}.")
    try:
        job = submit_transform_job(
            loaded.request,
            model,
            store=store,
            engine=machine.engine,
            profile=machine.profile,
            gpus=machine.gpus,
            now=machine.clock(),
            say=seldom(display.say, machine.clock),
        )
    except ResourceInUse as error:
        raise ResourceInUse(f"{error}\n{_what_now(loaded, store)}") from error
    display.say(f"Going on with {job.name}, which is {job.status}." if known is not None else f"Started {job.name}.")
    others = others_in_progress(store, job.name)
    if others:
        display.say(f"Also going on in this home: {', '.join(others)}.")


def _follow(name: str, store: Store, machine: Machine, display: TransformDisplay, come_back: str) -> JobRecord:
    job = store.job(JobKind.TRANSFORM, name)
    folder = transform_folder(machine.profile, name)
    tail = LogTail(folder.object_log)
    if job.start_time is not None:  # what an earlier process wrote was shown then
        tail.skip_to_last(0)

    def has_ended() -> bool:
        nonlocal job
        # The job first: what it did before it ended is in the files then.
        job = store.job(JobKind.TRANSFORM, name)
        for line in tail.read().decode(errors="replace").splitlines():
            display.log(line)
        display.show(job, read_progress(folder.progress), machine.clock())
        return job.is_finished

    def ask_stop() -> None:
        display.say(STOPPING)
        try:
            store.change_job_status(JobKind.TRANSFORM, name, JobStatus.STOPPING, now=machine.clock())
        except IllegalTransition as error:  # it ended in this very moment, or is stopping already
            display.say(str(error))

    worker = Worker(
        store=store,
        profile=machine.profile,
        find_engine=lambda: machine.engine,
        find_gpus=lambda: machine.gpus,
        read_gpu_memory=machine.parts.read_gpu_memory,
        say=display.say,
        clock=machine.clock,
        sleep=machine.parts.sleep,
        poll_seconds=machine.parts.poll_seconds,
    )
    with Interruptions(stop_asked=job.status is JobStatus.STOPPING) as interruptions:
        try:
            worker.run(has_ended, interruptions, None if job.status is JobStatus.STOPPING else ask_stop)
        except Detached as detached:
            if interruptions.stop_asked:
                text = f"Detached while {name} is stopping; `{come_back}` ends it."
            else:
                text = f"Detached. What was delivered stays; `{come_back}` goes on with {name}."
            raise Detached(text) from detached
        except (EngineError, StoreError, OSError) as error:
            error.add_note(f"{name} is not lost: `{come_back}` goes on with it.")
            raise
    return job


def _finish(job: JobRecord, folder: TransformFolder, *, as_json: bool) -> None:
    progress, output = read_progress(folder.progress), TransformJobSpec.from_request(job.request).output_uri
    if as_json:
        print_json({"event": "summary", **outcome_document(job, progress, output, folder.root)})
        return
    seconds = (job.end_time or job.creation_time) - job.creation_time
    click.echo(f"\n{job.name} is {job.status} after {words.duration(seconds)}.")
    if job.failure_reason:
        click.echo(job.failure_reason)
    if job.status is JobStatus.STOPPED:
        click.echo("Its output is discarded.")
    elif progress.delivered:
        click.echo(f"{words.count(progress.delivered, 'output object')} in {output}")
    if job.status is JobStatus.FAILED:
        _print_last_lines(folder.log())
    click.echo(f"Logs: {folder.log().parent}")


def _print_last_lines(log: Path) -> None:
    if not log.exists():
        return
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
    if lines:
        click.echo("The last lines of its container's log:")
        for line in lines:
            click.echo(f"    {line}")


def _what_now(loaded: LoadedJob, store: Store) -> str:
    job = find_transform_job(store, loaded.name)
    if job is None:
        return "Give --name for another job."
    if not job.is_finished:
        return (
            f"It is {job.status} and was started from another request or model: undo the change in {loaded.path} to go"
            " on with it, or give --name for another job beside it."
        )
    return "It has ended. --again runs it under the next free name, --name NAME under one of yours."
