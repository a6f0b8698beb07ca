"""`algodock check`: whether an image keeps the container contract."""

import json
import shutil
import tempfile
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from tuner.cli import check_screen
from tuner.cli.check_case import read_case
from tuner.cli.check_parts import Asked, Bench, is_of, parts_of
from tuner.cli.check_processing import read_processing_case
from tuner.cli.check_serving import read_served_case, serving_options
from tuner.cli.exit_codes import ExitCode
from tuner.cli.gpus import leased_gpus
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import json_option
from tuner.conformance.case import Claim, GoodCase
from tuner.conformance.checklist import Item, checklist
from tuner.conformance.documents import Report, certificate, document, junit
from tuner.conformance.examination import Examination
from tuner.conformance.probe import CheckAbandoned, Patience
from tuner.conformance.processing.checks import processing_ids
from tuner.conformance.serving.case import ServingClaim
from tuner.engine.protocol import ImageFacts
from tuner.errors import ImageNotFound
from tuner.requests.service_model import did_you_mean
from tuner.store.lock import hold
from tuner.store.records import CHECK
from tuner.work.interruptions import Interruptions

_MOST_SIDE_BY_SIDE = 8
#: The names of the options that `serving_options` adds.
_OF_SERVING = ("models", "payloads", "content_types", "accepts", "malformed", "failing", "large", "variables")


def _item(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
    for name in (value,) if isinstance(value, str) else value or ():
        if name not in checklist():
            hint = did_you_mean(name, list(checklist()))
            raise click.BadParameter(f"{name} is no item of the checklist" + (f" ({hint})" if hint else ""))
    return value


@click.command()
@click.argument("image", metavar="[IMAGE]", required=False)
@click.option(
    "--job",
    "job_file",
    metavar="JOB.yaml",
    type=click.Path(path_type=Path),
    help="A training job as the good case: its image, hyperparameters, channels, metric definitions. Of a tuning job a"
    " trial in the middle of its ranges; or a processing job.",
)
@click.option(
    "--hyperparameters",
    metavar="FILE.json|NAME=VALUE",
    multiple=True,
    help="Hyperparameters of the good case; may be said several times.",
)
@click.option(
    "--channel",
    "channels",
    metavar="NAME=PATH",
    multiple=True,
    help="A channel of the good case: a folder or file of this machine.",
)
@click.option("--optional", metavar="NAME", multiple=True, help="A channel that the image can do without.")
@click.option("--metric", "metrics", metavar="NAME=REGEX", multiple=True, help="A metric definition of the image.")
@click.option("--objective", metavar="NAME", help="The metric that trials are judged by; without it the first one.")
@click.option(
    "--invalid",
    metavar="NAME=VALUE",
    multiple=True,
    help="A hyperparameter that the image must refuse; without it every number is replaced by a word.",
)
@click.option(
    "--claim",
    "claims",
    type=click.Choice([str(claim) for claim in (*Claim, *ServingClaim)]),
    multiple=True,
    help="What the image is said to do, so that the items about it apply; may be said several times.",
)
@serving_options
@click.option("--train", "must_train", is_flag=True, help="The items about training; with --serve both.")
@click.option("--serve", "must_serve", is_flag=True, help="The items about serving and batch transform.")
@click.option("--only", metavar="ID", multiple=True, callback=_item, help="Only this item; may be said several times.")
@click.option("--list", "list_items", is_flag=True, help="List all items of the checklist.")
@click.option("--explain", metavar="ID", callback=_item, help="Tell one item in full, and how to mend what breaks it.")
@click.option(
    "--jobs", "workers", type=click.IntRange(min=1), help="How many containers run side by side [the number of CPUs]."
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    default=Patience().limit,
    show_default=True,
    help="Seconds that the good case may take.",
)
@click.option(
    "--grace",
    type=click.FloatRange(min=0, min_open=True),
    default=Patience().grace,
    show_default=True,
    help="Seconds from SIGTERM to SIGKILL; the service gives 120, and 30 to a container that serves.",
)
@click.option(
    "--gpus",
    metavar="IDS",
    help="GPUs that every run gets: ids with commas between, or all; then one container runs at a time. Else none.",
)
@click.option(
    "--junit", "junit_file", metavar="FILE", type=click.Path(path_type=Path), help="Write the results as JUnit XML."
)
@click.option(
    "--certificate",
    "certificate_file",
    metavar="FILE.md",
    type=click.Path(path_type=Path),
    help="Write the results as a page in Markdown, with the image's digest.",
)
@json_option("Print one JSON document.")
@click.pass_obj
def check(
    invocation: Invocation,
    /,
    image: str | None,
    *,
    must_train: bool,
    must_serve: bool,
    only: Sequence[str],
    list_items: bool,
    explain: str | None,
    workers: int | None,
    limit: float,
    grace: float,
    gpus: str | None,
    junit_file: Path | None,
    certificate_file: Path | None,
    as_json: bool,
    **good_case: Any,
) -> int:
    """Check that IMAGE keeps SageMaker's container contract: run it in many ways, and judge each rule by itself.

    The good case is a job that the image can do, best a short one of three epochs or more: give it as --job, or with
    --hyperparameters, --channel and --metric. What it serves is asked with --payload; the model is the one that the
    good case trains, or --model. Each rule is reported as pass, fail, or not applicable, with what was sent, what came
    back, and how to mend it.

    The exit code is 1 where a rule is broken that is a must; what should be is a warning. Ctrl-C, SIGTERM and a
    terminal that closes end the check, and its containers with it: exit code 130.
    """
    items = [item for item in checklist().values() if not only or item.id in only]
    items = [item for item in items if is_of(item, must_train=must_train, must_serve=must_serve)]
    if explain is not None:
        items = [checklist()[explain]]
    if list_items or explain is not None:
        _tell(items, in_full=explain is not None, as_json=as_json)
        return ExitCode.DONE
    machine = invocation.machine(gpus=gpus)
    asked = _asked(image, machine, must_train=must_train, must_serve=must_serve, **good_case)
    if asked.processing is not None:
        items = [item for item in items if only or item.id in processing_ids()]
    patience = Patience(limit=limit, grace=grace)
    try:
        wanted = [item.id for item in items]
        report = _examine(machine, asked, wanted, workers=workers, patience=patience, with_gpus=gpus is not None)
    except CheckAbandoned:
        click.echo("The check was given up. Nothing of it is left running.", err=True)
        return ExitCode.DETACHED
    for path, text in ((junit_file, junit), (certificate_file, certificate)):
        if path is not None:
            path.write_text(text(report), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(document(report), indent=2, ensure_ascii=False))
    else:
        check_screen.print_report(report)
    return ExitCode.JOB_FAILED if report.broken else ExitCode.DONE


def _asked(image: str | None, machine: Machine, *, must_train: bool, must_serve: bool, **options: Any) -> Asked:
    """What the options ask for; those of serving are told from those of training by their names."""
    serving = {name: options.pop(name) for name in _OF_SERVING}
    claims = options.pop("claims")
    claims_of_serving = [claim for claim in claims if claim in tuple(ServingClaim)]
    training = {**options, "claims": [claim for claim in claims if claim not in claims_of_serving]}
    serving["claims"] = claims_of_serving
    processing = read_processing_case(image, machine, **training, **{name: serving[name] for name in _OF_SERVING})
    case = GoodCase(image=processing.image) if processing is not None else read_case(image, machine, **training)
    return Asked(
        training=case,
        serving=read_served_case(case.image, **serving),
        processing=processing,
        is_described_train=any(training.values()),
        is_described_serve=any(serving.values()),
        must_train=must_train,
        must_serve=must_serve,
    )


def _tell(items: Sequence[Item], *, in_full: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_item_document(item) for item in items], indent=2, ensure_ascii=False))
    elif in_full:
        check_screen.print_item(items[0])
    else:
        check_screen.print_items(items)


def _item_document(item: Item) -> dict[str, str]:
    return {
        "id": item.id,
        "section": item.section,
        "title": item.title,
        "severity": item.severity.value,
        "when": item.when,
        "sent": item.sent,
        "expected": item.expected,
        "mend": item.mend,
        "not_run": item.not_run,
    }


def _examine(
    machine: Machine,
    asked: Asked,
    wanted: Collection[str],
    *,
    workers: int | None,
    patience: Patience,
    with_gpus: bool,
) -> Report:
    facts, engine = _image(machine, asked.training.image), machine.engine.facts()
    side_by_side = workers or (1 if with_gpus else max(1, min(engine.cpus, _MOST_SIDE_BY_SIDE)))
    # Below the home, which the engine can see; an image's files are the image's own until they are removed.
    parent = machine.profile.home / "checks"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    folder.chmod(0o755)  # containers that do not run as root go through it
    cpus = engine.cpus / side_by_side if engine.cpus >= side_by_side else None
    bench = Bench(machine=machine, image=facts, folder=folder, patience=patience, cpus=cpus)
    # The lock tells `algodock gc` that somebody is still at work here.
    with hold(folder), Interruptions() as interruptions:  # a second signal must not disturb what removes the containers
        try:
            with _gpus(folder.name, machine, with_gpus=with_gpus) as gpus, check_screen.progress() as told:
                results = Examination(
                    parts_of(asked, replace(bench, gpus=gpus), wanted),
                    wanted=wanted,
                    workers=side_by_side,
                    progress=told,
                    is_given_up=lambda: interruptions.stop_asked or interruptions.detach_asked,
                ).results()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                click.echo(f"Files of the image's own user are left in {folder}.", err=True)
    return Report(
        image=asked.training.image,
        digest=facts.digest,
        date=datetime.fromtimestamp(machine.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        versions={"Algodock": version("algodock"), "container engine": engine.version},
        results=results,
    )


def _gpus(check: str, machine: Machine, *, with_gpus: bool) -> AbstractContextManager[Sequence[str]]:
    """The GPUs that every run gets, leased during the check."""
    if not with_gpus:
        return nullcontext(())
    return leased_gpus(CHECK, check, machine, lambda text: click.echo(text, err=True))


def _image(machine: Machine, reference: str) -> ImageFacts:
    try:
        return machine.engine.image(reference)
    except ImageNotFound:
        click.echo(f"The image {reference} is not on this machine. Pulling it ...", err=True)
        return machine.engine.pull(reference, lambda line: click.echo(line, err=True))
