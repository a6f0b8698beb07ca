"""`algodock doctor`: has this machine what jobs need, and if not, what is to be done."""

import dataclasses
import json
from collections.abc import Iterable

import click
from rich.text import Text

from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.cli.options import json_option
from tuner.cli.screen import console
from tuner.doctor import CheckResult, CheckStatus, Surroundings, run_checks

_COLOURS = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red"}
_NAME_WIDTH = 16


@click.command()
@json_option("Print one JSON document.")
@click.pass_obj
def doctor(invocation: Invocation, *, as_json: bool) -> int:
    """Check the engine, its clock, room on disk, images, GPUs and network; say what to do about each that is amiss.

    The exit code is 3 where something is missing that every job needs. Nothing is changed.
    """
    machine = invocation.machine()
    results = run_checks(machine.engine, machine.profile, Surroundings(clock=machine.clock))
    return print_results(results, as_json=as_json)


def print_results(results: Iterable[CheckResult], *, as_json: bool) -> int:
    """Print a line a check, each as soon as it is made, and its remedy below; return the exit code."""
    made = []
    for result in results:
        made.append(result)
        if not as_json:
            status = Text(f"{result.status:<4}", style=_COLOURS[result.status])
            console().print(status, f" {result.name:<{_NAME_WIDTH}} {result.message}", soft_wrap=True)
            if result.remedy:
                click.echo(f"      {'':<{_NAME_WIDTH}} {result.remedy}")
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(result) for result in made], indent=2))
    return ExitCode.MACHINE if any(result.status is CheckStatus.FAIL for result in made) else ExitCode.DONE
