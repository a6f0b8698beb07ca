"""`algodock down`: nothing of this home is left on the engine."""

from contextlib import suppress

import click

from contracts.outcome import TRAINING_STOP_GRACE_SECONDS
from tuner.channels.fetching import free
from tuner.cli import words
from tuner.cli.exit_codes import ExitCode
from tuner.cli.gc import remove_all
from tuner.cli.machine import Invocation, Machine
from tuner.cli.other_jobs import unfinished_jobs
from tuner.cli.waiting import follow_stop
from tuner.controller import stop_job
from tuner.engine.isolation import APART_LABEL
from tuner.engine.protocol import HOME_LABEL, PROBE_LABEL, ContainerStatus, ContainerSummary
from tuner.errors import EngineRejected, StoreError
from tuner.jobs.gpu_leases import end_stale_leases
from tuner.leftovers.in_home import left_in_home
from tuner.store.sqlite_store import Store


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--now", "at_once", is_flag=True, help="Kill containers at once; do not let them save what they have.")
@click.option("--cache", "with_cache", is_flag=True, help="Remove what was downloaded from S3, too.")
@click.pass_obj
def down(invocation: Invocation, *, yes: bool, at_once: bool, with_cache: bool) -> int:
    """Stop all jobs of this home, then remove every container that carries its label.

    Jobs end as with `stop`: their containers get SIGTERM and up to 120 s, with --now SIGKILL. Files of the home stay,
    but for what killed processes have left of checks, endpoints and Pipe channels, and with --cache the copies of data
    in S3. `algodock gc` finds more.
    Containers are removed also where the home's database is gone.
    """
    machine = invocation.machine()
    containers = _containers(machine)
    with _store(machine) as store:
        jobs = unfinished_jobs(store)
        if not jobs and not containers:
            click.echo(f"Nothing of {machine.profile.home} is running.")
            remove_all(left_in_home(store, machine.profile, with_jobs=False), machine)
            if with_cache:
                _free_cache(machine)
            return ExitCode.DONE
        click.echo(
            f"{machine.profile.home}: {words.count(len(jobs), 'unfinished job')}"
            f"{' (' + ', '.join(jobs) + ')' if jobs else ''}, {words.count(len(containers), 'container')}."
        )
        if not yes and not click.confirm("Stop the jobs and remove the containers?"):
            click.echo("Nothing was changed.")
            return ExitCode.DONE
        if jobs:
            _stop(jobs, store, machine, at_once=at_once)
        left_over = _clear(machine, store)
    removed = f" {words.count(len(left_over), 'container')} that no job knew removed." if left_over else ""
    click.echo(f"Stopped {words.count(len(jobs), 'job')}.{removed} Nothing of this home is left on the engine.")
    if with_cache:
        _free_cache(machine)
    return ExitCode.DONE


def _clear(machine: Machine, store: Store) -> list[ContainerSummary]:
    """Remove all that is left of this home, now that no job is; return which containers that were."""
    engine, profile = machine.engine, machine.profile
    left_over = _containers(machine)
    for container in left_over:
        engine.remove(container.container_id)
    for network in engine.networks({HOME_LABEL: str(profile.home)}):
        engine.remove_network(network.network_id)
    if not engine.containers({HOME_LABEL: None}):  # the network that containers of all homes are in
        for network in engine.networks({APART_LABEL: "true"}):
            with suppress(EngineRejected):  # another home has begun to use it since we looked
                engine.remove_network(network.network_id)
    end_stale_leases(store, engine, profile)
    _, failures = remove_all(left_in_home(store, profile, with_jobs=False), machine)
    for failure in failures:
        click.echo(f"Not removed: {failure}", err=True)
    return left_over


def _free_cache(machine: Machine) -> None:
    freed = free(machine.profile.cache, ())  # no job is left that could use it
    click.echo(f"Removed {words.size(freed)} that had been downloaded from S3.")


def _store(machine: Machine) -> Store:
    try:
        return machine.store_for_reading()
    except StoreError as error:
        click.echo(f"{error} Removing its containers all the same.", err=True)
        return Store(":memory:")


def _containers(machine: Machine) -> list[ContainerSummary]:
    """The containers of this home, and what a GPU check that was killed in the middle has left."""
    engine = machine.engine
    return [*engine.containers({HOME_LABEL: str(machine.profile.home)}), *engine.containers({PROBE_LABEL: "true"})]


def _stop(jobs: list[str], store: Store, machine: Machine, *, at_once: bool) -> None:
    for name in jobs:
        stop_job(store, name, now=machine.clock())
    if not at_once:
        click.echo(f"Stopping: containers get SIGTERM and up to {TRAINING_STOP_GRACE_SECONDS} s; --now kills them.")

    def has_ended() -> bool:
        if at_once:
            for container in _containers(machine):
                if container.status is ContainerStatus.RUNNING:
                    machine.engine.signal(container.container_id, "SIGKILL")
        return not unfinished_jobs(store)

    follow_stop(has_ended, machine=machine, store=store, come_back="algodock down")
