"""The command `algodock`: the composition root, and the one place where errors become messages and exit codes."""

import os
import sqlite3
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from contracts.errors import ContractError
from tuner.cli import exit_codes, words
from tuner.cli.exit_codes import ExitCode
from tuner.cli.lazy_group import LazyCommand, LazyGroup
from tuner.cli.machine import Invocation, Parts
from tuner.errors import NotSupported, TunerError, ValidationError
from tuner.work.interruptions import Detached

COMMANDS: Mapping[str, LazyCommand] = {
    "tune": LazyCommand(where="tuner.cli.tune:tune", summary="Run a tuning job, or go on with it."),
    "train": LazyCommand(where="tuner.cli.train:train", summary="Run one training job, or go on with it."),
    "transform": LazyCommand(
        where="tuner.cli.transform:transform", summary="Send an input through a model, or go on with it."
    ),
    "process": LazyCommand(where="tuner.cli.process:process", summary="Run a processing job, or go on with it."),
    "validate": LazyCommand(where="tuner.cli.validate:validate", summary="Say all that is wrong with a job file."),
    "init": LazyCommand(where="tuner.cli.init:init", summary="Write the folder of a new algorithm."),
    "check": LazyCommand(where="tuner.cli.check:check", summary="Check that an image keeps the container contract."),
    "list": LazyCommand(where="tuner.cli.list_jobs:list_jobs", summary="List the jobs of this home."),
    "show": LazyCommand(where="tuner.cli.show:show", summary="Show all that is known of a job."),
    "logs": LazyCommand(where="tuner.cli.logs:logs", summary="Print what the containers of a job printed."),
    "metrics": LazyCommand(where="tuner.cli.metrics:metrics", summary="Try metric definitions on a log."),
    "best": LazyCommand(where="tuner.cli.best:best", summary="Show the best trial of a tuning job."),
    "serve": LazyCommand(where="tuner.cli.serve:serve", summary="Serve a trained model until Ctrl-C."),
    "invoke": LazyCommand(where="tuner.cli.invoke:invoke", summary="Send a file to a model that is served."),
    "interrupt": LazyCommand(
        where="tuner.cli.interrupt:interrupt", summary="Take a training job's spot instances away."
    ),
    "stop": LazyCommand(where="tuner.cli.stop:stop", summary="Stop a job and wait until it has."),
    "down": LazyCommand(where="tuner.cli.down:down", summary="Stop all jobs and remove all containers of this home."),
    "gc": LazyCommand(where="tuner.cli.gc:gc", summary="Remove what nobody needs any more."),
    "doctor": LazyCommand(where="tuner.cli.doctor:doctor", summary="Check that this machine has what jobs need."),
}

_EXIT_CODES = "\n".join(f"{code.value:>5}  {meaning}" for code, meaning in exit_codes.MEANINGS.items())


class _Commands(LazyGroup):
    lazy_commands = COMMANDS


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=(
        "Build, prove and tune machine-learning containers on your own machine, with the contract and the words of"
        f" Amazon SageMaker.\n\n\b\nExit codes:\n{_EXIT_CODES}"
    ),
)
@click.option("--home", type=click.Path(path_type=Path), help="Where jobs are kept [ALGODOCK_HOME, else ~/.algodock].")
@click.option("--docker-host", metavar="URL", help="Where the container engine listens [DOCKER_HOST].")
@click.version_option(None, "--version", package_name="algodock", prog_name="algodock", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, docker_host: str | None) -> None:
    """Options before the command: where jobs are kept and where the engine is."""
    parts = ctx.obj if isinstance(ctx.obj, Parts) else Parts()
    ctx.obj = Invocation(parts=parts, home=home, docker_host=docker_host)


def main(arguments: Sequence[str] | None = None, parts: Parts | None = None) -> int:
    """Run the command line and return its exit code; what it is put together from may be given as `parts`."""
    try:
        outcome = cli.main(
            None if arguments is None else list(arguments), prog_name="algodock", standalone_mode=False, obj=parts
        )
        sys.stdout.flush()
    except SystemExit:  # click's way out when nobody reads its output
        return _nobody_reads()
    except Exception as error:  # noqa: BLE001 - the rim: everything becomes a message and an exit code
        try:
            return _report(error)
        except OSError:  # the terminal has gone
            return _nobody_reads()
    return outcome if isinstance(outcome, int) else ExitCode.DONE


def _report(error: Exception) -> int:
    """Say on stderr what went wrong; return the exit code for it."""
    code = ExitCode.BAD_INPUT
    match error:
        case BrokenPipeError():
            code = _nobody_reads()
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort() | Detached():
            click.echo(str(error), err=True)
            code = ExitCode.DETACHED
        case click.ClickException():
            error.show()
        case ValidationError() | NotSupported() if error.violations:
            # A line each, in the form that editors and grep know.
            click.echo(f"{error}\n{words.count(len(error.violations), 'problem')} found.", err=True)
        case TunerError() | ContractError() | OSError() | sqlite3.Error():
            click.echo("\n".join([f"Error: {error}", *getattr(error, "__notes__", ())]), err=True)
            code = exit_codes.of_error(error)
        case _:
            traceback.print_exception(error)
            click.echo("This is a bug in Algodock. Nothing that was recorded is lost; please report it.", err=True)
            code = ExitCode.BUG
    return code


def _nobody_reads() -> ExitCode:
    """Whoever read our output has gone; Python would complain once more when it flushes at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    return ExitCode.DETACHED
