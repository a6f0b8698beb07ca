"""`algodock serve`: a trained model behind HTTP, in this terminal."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from contracts.multi_model import TARGET_MODEL_HEADER
from contracts.serving import INVOCATIONS_PATH, START_UP_TIMEOUT_SECONDS, STOP_GRACE_SECONDS
from tuner.cli import words
from tuner.cli.displays import print_json, say_json, seldom
from tuner.cli.exit_codes import ExitCode
from tuner.cli.gpus import leased_gpus
from tuner.cli.machine import Invocation, Machine
from tuner.cli.model_source import ModelSource, find_model, find_models
from tuner.cli.options import json_option, limit_options
from tuner.engine.images import provide_image
from tuner.errors import EngineUnreachable, HomeInUse, ResourceInUse
from tuner.serving.calls import ping
from tuner.serving.container import ServedModel, check_environment, serving_container
from tuner.serving.endpoint import Endpoint, EndpointEvent, EventKind, Listener
from tuner.serving.endpoint import serve as serve_endpoint
from tuner.serving.errors import EndpointFailed
from tuner.serving.front_door import path_of
from tuner.serving.many_models import ManyModels
from tuner.serving.model_archive import unpack
from tuner.serving.ports import check_port
from tuner.serving.running import remove_orphans
from tuner.store.lock import ControllerLock
from tuner.store.records import ENDPOINT
from tuner.submission import Say
from tuner.work.interruptions import Interruptions

#: Within the endpoint's folder: what the container of many models sees as ``/opt/ml/models``.
_MODELS = "models"


def _variables(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if any(not name or not equals for name, equals, _ in pairs):
        raise click.BadParameter("a variable is given as NAME=VALUE")
    return {name: value for name, _, value in pairs}


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--image", help="The image that serves it; without it that of the training job.")
@click.option(
    "--multi-model",
    "has_many",
    is_flag=True,
    help="MODEL is a folder of archives (*.tar.gz); each is loaded when it is asked for.",
)
@click.option("--name", help="Name of the endpoint; without it that of the job or of the archive.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of this host; without it one that is free."
)
@click.option(
    "-e",
    "--env",
    "environment",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_variables,
    help="A variable for the container; may be given several times.",
)
@click.option(
    "--startup-timeout",
    "startup_seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=START_UP_TIMEOUT_SECONDS,
    show_default=True,
    help="How long the container may take until /ping answers 200.",
)
@click.option("--gpus", metavar="IDS", help="GPUs for the container: ids with commas between, or all; else none.")
@limit_options
@json_option("Print events as JSON Lines.")
@click.pass_obj
def serve(
    invocation: Invocation,
    /,
    model: str,
    *,
    image: str | None,
    has_many: bool,
    name: str | None,
    port: int,
    environment: dict[str, str],
    startup_seconds: float,
    gpus: str | None,
    as_json: bool,
    **overrides: Any,
) -> int:
    """Serve MODEL in this terminal, until Ctrl-C, as SageMaker would.

    MODEL is a training job, a tuning job (its best trial), or with --image a model.tar.gz or a folder. The container is
    started with the argument `serve`; it finds the model in /opt/ml/model, read-only, and has to answer GET /ping on
    port 8080 with 200, within 2 s each time. Its log is printed as it comes.

    With --multi-model the container serves many models, each one an archive in the folder MODEL: it is unpacked and
    loaded when `algodock invoke --target-model ARCHIVE` first asks for it, and unloaded when memory is short.

    `algodock invoke` sends it a file; any HTTP client may call the address that is printed, which only this machine
    reaches. The first Ctrl-C sends SIGTERM and waits up to 30 s, the second kills.

    With --json each line is an object whose "event" is log, in_service (with the url), unhealthy, healthy, stopping,
    killed, failed, or message. The exit code is 1 where the container fails, 0 once it was stopped.
    """
    machine = invocation.machine(gpus=gpus, **overrides)
    say: Say = say_json if as_json else _say
    try:
        check_environment(environment)
        check_port(port)
        source = find_models(model, image, name) if has_many else find_model(model, image, name, machine)
        if source.job is not None and source.job.tuning_job is not None:
            say(f"The model is that of {source.job.name}, trial {source.job.trial_index} of {source.job.tuning_job}.")
        with _place(source.name, machine, say) as folder, ExitStack() as stack:
            many = stack.enter_context(_many_models(source, folder, port, say)) if has_many else None
            gpu_ids = stack.enter_context(_gpus(source, machine, say, wanted=gpus is not None))
            served = ServedModel(
                endpoint_name=source.name,
                image=source.image,
                model_folder=_model_folder(source.path, folder, say) if many is None else folder / _MODELS,
                environment=environment,
                gpu_ids=gpu_ids,
                host_port=port if many is None else 0,
                front_door=None if many is None else many.address,
            )
            listener = _JsonListener() if as_json else _Listener(served, machine)
            _serve(served, machine, say, startup_seconds, listener=listener, many=many)
    except EndpointFailed as failure:
        _report(failure, as_json=as_json)
        return ExitCode.JOB_FAILED
    say("Stopped. Nothing of it is left.")
    return ExitCode.DONE


def _say(text: str) -> None:
    click.echo(f"-- {text}")


@contextmanager
def _place(name: str, machine: Machine, say: Say) -> Iterator[Path]:
    """The endpoint's folder, held by this process alone; raises ResourceInUse where another serves that name.

    Where nobody does, a container of that name is what a killed `serve` has left: it is replaced.
    """
    folder = machine.profile.endpoint_folder(name)
    lock = ControllerLock(machine.profile.endpoint_lock(name))
    try:
        lock.acquire()
    except HomeInUse as error:
        raise ResourceInUse(
            f"Cannot create already existing endpoint {name}: another process serves it ({error}). Stop that one with"
            " Ctrl-C, or give --name for another endpoint beside it."
        ) from error
    try:
        if remove_orphans(machine.engine, machine.profile, name):
            say(f"An earlier endpoint {name} was left behind by a process that was killed. This one replaces it.")
        yield folder
    finally:
        for unpacked in ("model", _MODELS):  # also what a killed `serve` of this name has left
            shutil.rmtree(folder / unpacked, ignore_errors=True)
        lock.release()


def _many_models(source: ModelSource, folder: Path, port: int, say: Say) -> ManyModels:
    if not any(source.path.rglob("*.tar.gz")):
        say(f"There is no archive (*.tar.gz) in {source.path} yet.")
    return ManyModels(endpoint_name=source.name, archives=source.path, unpacked=folder / _MODELS, port=port, say=say)


def _model_folder(source: Path, folder: Path, say: Say) -> Path:
    if source.is_dir():
        return source
    say(f"Unpacking {source} ({words.size(source.stat().st_size)}) ...")
    unpack(source, folder / "model")
    return folder / "model"


@contextmanager
def _gpus(source: ModelSource, machine: Machine, say: Say, *, wanted: bool) -> Iterator[Sequence[str]]:
    """The GPUs that the container gets, leased while it is served: those of --gpus, none without it."""
    if wanted:
        with leased_gpus(ENDPOINT, source.name, machine, say) as gpus:
            yield gpus
        return
    if source.job is not None and source.job.gpu_count:
        say(f"Served without GPUs; {source.job.name} was trained with {source.job.gpu_count}: see --gpus.")
    yield ()


def _serve(
    model: ServedModel,
    machine: Machine,
    say: Say,
    startup_seconds: float,
    *,
    listener: Listener,
    many: ManyModels | None,
) -> None:
    engine = machine.engine
    provide_image(engine, model.image, seldom(say, machine.clock))
    if model.gpu_ids:
        engine.check_gpus(model.image, model.gpu_ids)

    def listen(event: EndpointEvent) -> None:
        if many is not None and event.kind is EventKind.IN_SERVICE:
            many.open(endpoint.address)
            event = replace(event, text=f"http://{many.address}")
        listener(event)

    endpoint = Endpoint(
        engine=engine,
        spec=serving_container(model, machine.profile),
        listener=listen,
        ping=ping,
        clock=machine.clock,
        startup_seconds=startup_seconds,
    )
    say(f"Starting {model.image} as endpoint {model.endpoint_name}: /ping has {startup_seconds:g} s to answer 200.")

    def wait() -> None:
        endpoint.activity.pause(machine.parts.poll_seconds)

    try:
        with Interruptions() as interruptions, endpoint:
            serve_endpoint(endpoint, lambda: interruptions.stop_asked + interruptions.detach_asked, wait)
    except EngineUnreachable as error:
        error.add_note("The endpoint's container may still run: `algodock down` removes it once the engine answers.")
        raise


class _Listener:
    """Tells people: the container's lines as they are, ours with two dashes before them."""

    def __init__(self, model: ServedModel, machine: Machine) -> None:
        self._model = model
        self._machine = machine
        self._started = machine.clock()

    def __call__(self, event: EndpointEvent) -> None:
        if event.kind is EventKind.LOG:
            click.echo(event.text)
        elif event.kind is EventKind.IN_SERVICE:
            seconds = words.duration(self._machine.clock() - self._started)
            _say(f"In service after {seconds}: {event.text}")
            click.echo(
                "\n".join(f"   {line}" for line in _ways_to_invoke(self._model, event.text))
                + f"\n   Ctrl-C stops it: SIGTERM, and SIGKILL after {STOP_GRACE_SECONDS:g} s."
            )
        else:
            _say(event.text)


def _ways_to_invoke(model: ServedModel, url: str) -> tuple[str, str]:
    ours, curl = f"algodock invoke --endpoint {model.endpoint_name}", "curl -sS -H 'Content-Type: text/csv'"
    if model.front_door is None:
        return f"{ours} FILE", f"{curl} --data-binary @FILE {url}{INVOCATIONS_PATH}"
    return (
        f"{ours} --target-model ARCHIVE FILE",
        f"{curl} -H '{TARGET_MODEL_HEADER}: ARCHIVE' --data-binary @FILE {url}{path_of(model.endpoint_name)}",
    )


class _JsonListener:
    """Tells programs: an object an event."""

    def __call__(self, event: EndpointEvent) -> None:
        member = {EventKind.LOG: "line", EventKind.IN_SERVICE: "url"}.get(event.kind, "text")
        print_json({"event": event.kind.value, member: event.text})


def _report(failure: EndpointFailed, *, as_json: bool) -> None:
    if as_json:
        print_json({"event": "failed", "text": str(failure), "last_lines": list(failure.last_lines)})
    click.echo(f"Error: {failure}", err=True)
    if failure.last_lines:
        click.echo("The last lines of its log:", err=True)
        for line in failure.last_lines:
            click.echo(f"    {line}", err=True)
    else:
        click.echo("Its log is empty.", err=True)
