"""`algodock interrupt`: take a training job's spot instances away, as the cloud would."""

import click

from contracts.jobs import Interruption, SecondaryStatus
from contracts.outcome import TRAINING_STOP_GRACE_SECONDS
from tuner.cli.exit_codes import ExitCode
from tuner.cli.machine import Invocation
from tuner.cli.names import find_job
from tuner.cli.options import job_name_argument
from tuner.cli.other_jobs import is_worked
from tuner.errors import TunerError
from tuner.store.records import TrainingJobRecord


@click.command()
@job_name_argument
@click.option("--no-notice", is_flag=True, help="SIGKILL at once, instead of SIGTERM and 120 s.")
@click.pass_obj
def interrupt(invocation: Invocation, name: str, *, no_notice: bool) -> int:
    """Interrupt the training job NAME as the loss of a spot instance would; for jobs with EnableManagedSpotTraining.

    Its containers end, and new ones start with an empty /opt/ml/model and the checkpoints that were saved: the way to
    see whether an image goes on from its checkpoints. What the cloud gives before it takes an instance is not
    documented; try both, with notice and without.
    """
    machine = invocation.machine()
    with machine.store_for_reading() as store:
        job = find_job(store, name)
        if not isinstance(job, TrainingJobRecord):
            raise TunerError(f"{job.name} is no training job: only those can run on spot instances.")
        if job.spec.max_wait_seconds is None:
            raise TunerError(
                f"{job.name} does not run on spot instances: set EnableManagedSpotTraining to true, and"
                " MaxWaitTimeInSeconds in its StoppingCondition."
            )
        if job.status is not SecondaryStatus.TRAINING:
            raise TunerError(f"{job.name} is {job.status}: only a job that is Training can be interrupted.")
        store.request_interruption(job.name, Interruption.WITHOUT_NOTICE if no_notice else Interruption.WITH_NOTICE)
        how = "SIGKILL" if no_notice else f"SIGTERM and up to {TRAINING_STOP_GRACE_SECONDS} s"
        click.echo(f"Interrupting {job.name}: its containers get {how}, and start afresh.")
        if not is_worked(machine.profile):
            click.echo("No process works this home now; the command that started the job does it when it goes on.")
    return ExitCode.DONE
