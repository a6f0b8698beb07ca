"""`algodock metrics test`: what metric definitions capture in a log, before a job depends on them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import regex

from contracts.jobs import TrainingJobSpec
from contracts.metrics import MetricDefinition
from tuner.cli import job_files, laboratory
from tuner.cli.exit_codes import ExitCode
from tuner.cli.job_logs import log_files
from tuner.cli.machine import Invocation, Machine
from tuner.cli.names import Job, find_job
from tuner.cli.options import json_option
from tuner.engine.protocol import LogFrame, Stream
from tuner.errors import ResourceNotFound
from tuner.jobs.log_lines import LineAssembler
from tuner.jobs.metric_suggestion import suggest as suggestion_for
from tuner.store.records import JobRecord, TuningJobRecord


@click.group()
def metrics() -> None:
    """Try the metric definitions of a job on a log."""


@metrics.command()
@click.argument("log", metavar="LOG")
@click.option(
    "--metric",
    "given",
    multiple=True,
    metavar="NAME=REGEX",
    help="A definition to try; may be said several times.",
)
@click.option(
    "--job-file",
    metavar="JOB.yaml",
    type=click.Path(path_type=Path),
    help="Try the MetricDefinitions of this job file.",
)
@click.option("--suggest", metavar="TEXT", help="Suggest a pattern for this number of the log, or for this name.")
@json_option("Print one JSON document.")
@click.pass_obj
def test(
    invocation: Invocation, log: str, *, given: Sequence[str], job_file: Path | None, suggest: str | None, as_json: bool
) -> ExitCode:
    """Show line by line what metric definitions capture in LOG: a file, - for standard input, or a job's name.

    A job may run still or have ended; without --metric and --job-file its own definitions are tried. It is the code
    that reads the logs of jobs, so what is captured here is captured there.

    The exit code is 1 where a definition captures nothing, or no pattern can be suggested.
    """
    machine = invocation.machine()
    content, job = _read(log, machine)
    definitions = [*_parse(given), *(_of_file(job_file, machine) if job_file is not None else ())]
    if not definitions and suggest is None:
        definitions = _of_job(log, job)
    _check(definitions)
    lines = _lines(content)
    examined = laboratory.examine(definitions, lines)
    suggestion = None if suggest is None else suggestion_for(suggest, lines)
    if as_json:
        laboratory.print_document(examined, suggestion)
    else:
        laboratory.print_findings(examined)
        if suggest is not None:
            laboratory.print_suggestion(suggest, suggestion, len(lines))
    is_good = examined.is_complete and (suggest is None or suggestion is not None)
    return ExitCode.DONE if is_good else ExitCode.JOB_FAILED


def _read(log: str, machine: Machine) -> tuple[bytes, Job | None]:
    """The bytes of a log, and the job whose it is."""
    if log == "-":
        return sys.stdin.buffer.read(), None
    if Path(log).is_file():
        return Path(log).read_bytes(), None
    with machine.store_for_reading() as store:
        try:
            job = find_job(store, log)
        except ResourceNotFound as error:
            raise ResourceNotFound(f"{log} is no file, and no job either: {error}") from error
        if isinstance(job, TuningJobRecord):
            trials = ", ".join(trial.name for trial in store.trials(job.name)[-5:]) or "it has none yet"
            raise ResourceNotFound(f"{log} is a tuning job; name one of its trials: {trials}.")
    return _content(log_files(job, machine.profile)), job


def _content(files: Mapping[str, Path]) -> bytes:
    return b"".join(path.read_bytes() for path in files.values() if path.exists())


def _parse(given: Sequence[str]) -> list[MetricDefinition]:
    definitions = []
    for one in given:
        name, sign, pattern = one.partition("=")
        if not (name and sign and pattern):
            raise click.BadParameter(f"{one!r} is not of the form NAME=REGEX.", param_hint="--metric")
        definitions.append(MetricDefinition(name=name, regex=pattern))
    return definitions


def _of_file(job_file: Path, machine: Machine) -> list[MetricDefinition]:
    request = job_files.read(job_file, machine).request
    parts = [request, request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", ())]
    definitions = [
        MetricDefinition.from_request(definition)
        for part in parts
        for definition in part.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    ]
    if not definitions:
        raise click.UsageError(f"{job_file} has no MetricDefinitions.")
    return list(dict.fromkeys(definitions))


def _of_job(log: str, job: Job | None) -> list[MetricDefinition]:
    if job is None or isinstance(job, JobRecord | TuningJobRecord):
        raise click.UsageError(f"What is to be tried on {log}? Say --metric NAME=REGEX, --job-file or --suggest.")
    definitions = list(TrainingJobSpec.from_request(job.request).metric_definitions)
    if not definitions:
        raise click.UsageError(f"{job.name} has no MetricDefinitions: say --metric NAME=REGEX, or --suggest.")
    return definitions


def _check(definitions: Sequence[MetricDefinition]) -> None:
    """Raise UsageError with the place where a pattern does not compile."""
    for definition in definitions:
        try:
            regex.compile(definition.regex)
        except regex.error as error:
            place = getattr(error, "pos", None) or 0  # the package's types do not tell of it
            raise click.UsageError(
                f"the regular expression of metric {definition.name!r} does not compile: {error}\n"
                f"  {definition.regex}\n  {' ' * place}^"
            ) from error


def _lines(content: bytes) -> list[str]:
    """The lines of a log, by the rules for what a container prints."""
    assembler = LineAssembler()
    frame = LogFrame(stream=Stream.STDOUT, timestamp="", payload=content)
    return [line.text for line in (*assembler.feed(frame), *assembler.finish())]
