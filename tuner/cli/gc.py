"""`algodock gc`: what nobody needs any more is shown with its size, and removed."""

import json
import re
from collections.abc import Iterable, Sequence

import click

from tuner.cli import words
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation, Machine
from tuner.cli.options import json_option
from tuner.cli.screen import console
from tuner.cli.tables import plain_table
from tuner.doctor import BASE_IMAGE, REFERENCE_IMAGE
from tuner.jobs.gpu_leases import end_stale_leases
from tuner.leftovers.in_home import cached, left_in_home, outlived
from tuner.leftovers.leftover import Leftover
from tuner.leftovers.on_engine import left_on_engine
from tuner.leftovers.removal import NotRemoved, Remover
from tuner.store.sqlite_store import Store

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])")
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def _age(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    match = _AGE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not an age such as 12h, 30d or 8w")
    return float(match[1]) * _SECONDS[match[2]]


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--older-than",
    metavar="AGE",
    callback=_age,
    help="Remove the folders of jobs that ended longer ago, such as 30d; their records and the best models stay.",
)
@click.option("--cache", "with_cache", is_flag=True, help="Remove what was downloaded from S3, if no job uses it.")
@json_option("Print one JSON document; removes only with --yes.")
@click.pass_obj
def gc(
    invocation: Invocation,
    *,
    dry_run: bool,
    yes: bool,
    older_than: float | None,
    with_cache: bool,
    as_json: bool,
) -> int:
    """Remove what killed processes and deleted homes have left: containers, networks, folders, FIFOs.

    Everything is shown with its size first. Nothing is touched that belongs to an unfinished job, to an endpoint that
    is served, to a check that runs, or to another home that is there. It may run while jobs do, and as often as you
    like.

    With --older-than the folders of jobs that ended long ago go, too. What the store knows of them stays, and so does
    the output of the best trial of each tuning job and of training jobs that are no trials.
    """
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json does not ask: add --dry-run or --yes.")
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        found = _find(store, machine, older_than, with_cache=with_cache)
        if not as_json:
            _show(found, machine)
        removed: list[Leftover] = []
        failures: list[str] = []
        if not dry_run and found and (yes or click.confirm("Remove them?")):
            # Once more: somebody may have come to need one while we waited for the answer.
            still = {(one.kind, one.identity) for one in _find(store, machine, older_than, with_cache=with_cache)}
            wanted = [one for one in found if (one.kind, one.identity) in still]
            removed, failures = remove_all(wanted, machine)
            end_stale_leases(store, machine.engine, machine.profile)
    if as_json:
        click.echo(json.dumps(_document(found, removed, failures), indent=2))
    elif removed or failures:
        click.echo(f"Removed {words.count(len(removed), 'thing')}, {words.size(_sum(removed))}.")
    for failure in failures:
        click.echo(f"Not removed: {failure}", err=True)
    return ExitCode.MACHINE if failures else ExitCode.DONE


def remove_all(found: Iterable[Leftover], machine: Machine) -> tuple[list[Leftover], list[str]]:
    """Remove `found`, in that order; return what was removed, and a text for each that could not be."""
    remover = Remover(
        machine.engine,
        machine.profile.home,
        (BASE_IMAGE, REFERENCE_IMAGE),
        lambda: machine.parts.sleep(machine.parts.poll_seconds),
    )
    removed, failures = [], []
    for one in found:
        try:
            if remover.remove(one):
                removed.append(one)
        except NotRemoved as error:
            failures.append(str(error))
    return removed, failures


def _find(store: Store, machine: Machine, older_than: float | None, *, with_cache: bool) -> list[Leftover]:
    profile = machine.profile
    found = [*left_on_engine(machine.engine, store, profile), *left_in_home(store, profile)]
    if older_than is not None:
        found += outlived(store, profile, before=machine.clock() - older_than)
    if with_cache:
        found += cached(store, profile)
    return found


def _show(found: Sequence[Leftover], machine: Machine) -> None:
    if not found:
        click.echo(f"Nothing was left in {machine.profile.home} and on the engine.")
        return
    table = plain_table("what", "size", "name", "why")
    for one in found:
        table.add_row(one.kind, words.size(one.size_bytes) if one.size_bytes else "", one.name, one.why)
    console().print(table)
    click.echo(f"{words.count(len(found), 'thing')}, {words.size(_sum(found))}.")


def _document(found: Sequence[Leftover], removed: Sequence[Leftover], failures: Sequence[str]) -> dict[str, object]:
    gone = {(one.kind, one.identity) for one in removed}
    return {
        "leftovers": [
            {
                "kind": one.kind.value,
                "name": one.name,
                "why": one.why,
                "bytes": one.size_bytes,
                "spared": list(one.spared),
                "removed": (one.kind, one.identity) in gone,
            }
            for one in found
        ],
        "bytes": _sum(found),
        "removed_bytes": _sum(removed),
        "failures": list(failures),
    }


def _sum(found: Iterable[Leftover]) -> int:
    return sum(one.size_bytes for one in found)
