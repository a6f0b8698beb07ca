"""`algodock logs`: what a training job's container printed."""

import click

from contracts.jobs import SecondaryStatus
from tuner.cli.machine import Invocation, Machine
from tuner.cli.names import find_job
from tuner.cli.options import job_name_argument
from tuner.cli.other_jobs import is_worked
from tuner.errors import ResourceNotFound
from tuner.jobs.folder import JobFolder
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.work.interruptions import Interruptions
from tuner.work.log_tail import LogTail

_SHOWN_TRIALS = 20


@click.command()
@job_name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends; Ctrl-C leaves it alone.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Begin with the last N lines.")
@click.pass_obj
def logs(invocation: Invocation, name: str, *, follow: bool, tail: int | None) -> None:
    """Print what the container of the training job NAME printed, both its outputs, line by line.

    The beginning of a name will do where no other begins so: cifar10-003 for cifar10-003-1a2b3c4d.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        if isinstance(job, TuningJobRecord):
            raise ResourceNotFound(_choose(job, store.trials(job.name)))
        log = LogTail(JobFolder(machine.profile.job_folder(job.name)).log())
        if tail is not None:
            log.skip_to_last(tail)
        if follow:
            _follow(job.name, log, store, machine)
        else:
            _print(log)
            if job.status is SecondaryStatus.PENDING:
                click.echo(f"{job.name} has not started yet; -f waits for it.", err=True)


def _follow(name: str, log: LogTail, store: Store, machine: Machine) -> None:
    has_warned = False
    with Interruptions() as interruptions:
        while not interruptions.stop_asked and not interruptions.detach_asked:
            # The job first: what it printed before it ended is in the file then.
            is_finished = store.training_job(name).is_finished
            _print(log)
            if is_finished:
                return
            if not has_warned and not is_worked(machine.profile):
                has_warned = True
                click.echo("No process works this job now, so no lines will come until one does.", err=True)
            machine.parts.sleep(machine.parts.poll_seconds)


def _print(log: LogTail) -> None:
    lines = log.read()
    if lines:
        click.echo(lines, nl=False)


def _choose(job: TuningJobRecord, trials: list[TrainingJobRecord]) -> str:
    if not trials:
        return f"{job.name} is a tuning job without trials yet."
    last = sorted(trials, key=lambda trial: (not trial.is_finished, trial.creation_time))[-_SHOWN_TRIALS:]
    lines = "\n".join(f"  {trial.name}  {trial.status}" for trial in last)
    return f"{job.name} is a tuning job; each of its trials has a log of its own. Choose one:\n{lines}"
