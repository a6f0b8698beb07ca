"""`algodock logs`: what the containers of a job printed."""

from collections.abc import Mapping
from pathlib import Path

import click

from contracts.jobs import SecondaryStatus
from tuner.cli.job_logs import log_files
from tuner.cli.machine import Invocation, Machine
from tuner.cli.names import find_job
from tuner.cli.options import job_name_argument
from tuner.cli.other_jobs import is_worked
from tuner.errors import ResourceNotFound
from tuner.store.records import JobRecord, TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.work.interruptions import Interruptions
from tuner.work.log_tail import HostLogs

_SHOWN_TRIALS = 20


@click.command()
@job_name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends; Ctrl-C leaves it alone.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Begin with the last N lines.")
@click.option("--host", metavar="HOST", help="Only that host of several, such as algo-2.")
@click.pass_obj
def logs(invocation: Invocation, name: str, *, follow: bool, tail: int | None, host: str | None) -> None:
    """Print what the containers of the job NAME printed, both their outputs, line by line.

    Of a job on several hosts each line begins with its host's name, as in [algo-2].
    The beginning of a name will do where no other begins so: cifar10-003 for cifar10-003-1a2b3c4d.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        if isinstance(job, TuningJobRecord):
            raise ResourceNotFound(_choose(job, store.trials(job.name)))
        log = HostLogs(_of_host(host, log_files(job, machine.profile)))
        if tail is not None:
            log.skip_to_last(tail)
        if follow:
            _follow(job, log, store, machine)
        else:
            _print(log)
            if job.status is SecondaryStatus.PENDING or (isinstance(job, JobRecord) and job.start_time is None):
                click.echo(f"{job.name} has not started yet; -f waits for it.", err=True)


def _of_host(host: str | None, logs: Mapping[str, Path]) -> Mapping[str, Path]:
    if host is None:
        return logs
    if host not in logs:
        raise ResourceNotFound(f"The job has no host {host}; it has {', '.join(logs)}.")
    return {host: logs[host]}


def _follow(job: TrainingJobRecord | JobRecord, log: HostLogs, store: Store, machine: Machine) -> None:
    has_warned = False
    with Interruptions() as interruptions:
        while not interruptions.stop_asked and not interruptions.detach_asked:
            # The job first: what it printed before it ended is in the file then.
            now = store.job(job.kind, job.name) if isinstance(job, JobRecord) else store.training_job(job.name)
            _print(log)
            if now.is_finished:
                return
            if not has_warned and not is_worked(machine.profile):
                has_warned = True
                click.echo("No process works this job now, so no lines will come until one does.", err=True)
            machine.parts.sleep(machine.parts.poll_seconds)


def _print(log: HostLogs) -> None:
    lines = log.read()
    if lines:
        click.echo(lines, nl=False)


def _choose(job: TuningJobRecord, trials: list[TrainingJobRecord]) -> str:
    if not trials:
        return f"{job.name} is a tuning job without trials yet."
    last = sorted(trials, key=lambda trial: (not trial.is_finished, trial.creation_time))[-_SHOWN_TRIALS:]
    lines = "\n".join(f"  {trial.name}  {trial.status}" for trial in last)
    return f"{job.name} is a tuning job; each of its trials has a log of its own. Choose one:\n{lines}"
