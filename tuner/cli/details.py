"""What people read of a job: the summary at the end of `tune` and `train`, and all of `show`."""

from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from contracts.definitions import TrainingDefinition
from tuner.cli import words
from tuner.cli.search_details import print_broken_bounds, print_front, search_lines
from tuner.cli.snapshot import TuningSnapshot
from tuner.cli.tables import MARKS, mark, plain_table, status_text, trial_table
from tuner.cli.warm_start import parents_line, print_overall_best
from tuner.jobs.folder import JobFolder
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord, TuningJobRecord, best_training_job
from tuner.store.sqlite_store import Store

#: How many trials a summary shows; all of them stand in the CSV.
SUMMARY_ROWS = 20
#: How many `show` shows; all of them are in its JSON.
SHOWN_ROWS = 100
_REASON_LENGTH = 160


def print_trials(console: Console, snapshot: TuningSnapshot, limit: int | None = None) -> None:
    """The trials, the best first; with a `limit`, how many were left out."""
    trials = snapshot.best_first()
    shown = trials[:limit]
    if shown:
        console.print(trial_table(snapshot, shown, console.width))
    marks = {mark(snapshot, trial).strip() for trial in shown}
    meanings = [f"{sign} {text}" for sign, text in MARKS.items() if sign in marks]
    if meanings:
        click.echo("; ".join(meanings) + "\n")
    if len(shown) < len(trials):
        click.echo(f"... and {words.count(len(trials) - len(shown), 'more trial')}\n")


def print_failures(snapshot: TuningSnapshot) -> None:
    """Why trials failed, each reason once with how often it happened."""
    reasons = Counter(trial.failure_reason for trial in snapshot.trials if trial.failure_reason)
    for reason, times in reasons.most_common():
        first = next(trial for trial in snapshot.trials if trial.failure_reason == reason)
        text = reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]} ..."
        happened = ("was" if times == 1 else "were") + " lost" if first.is_lost else "failed"
        click.echo(f"{words.count(times, 'trial')} {happened}, such as {first.name}: {text}")
    if reasons:
        click.echo("`algodock logs TRIAL` prints what a trial's container printed.")


def print_best(snapshot: TuningSnapshot, profile: HostProfile) -> None:
    """The best trial, its hyperparameters, and where its model is."""
    best = snapshot.best
    if best is None:
        metrics = " or ".join(snapshot.spec.metric_names)
        click.echo(f"No trial of {snapshot.job.name} has ended with a value of {metrics}.")
        return
    value = words.number(snapshot.job.value_of(best))
    definition = snapshot.definition_of(best)
    of = f" of {definition}" if definition else ""
    click.echo(f"Best:    trial {best.trial_index}{of} ({best.name}), {snapshot.job.metric_of(best)} {value}")
    click.echo(f"         {words.hyperparameters(best.tuned)}")
    print_broken_bounds(snapshot.job, best)
    print_file("Model:", JobFolder(profile.job_folder(best.name)).model_artifact)


def print_file(label: str, path: Path) -> None:
    """Where a file is and how large, or that it is not there."""
    if path.exists():
        click.echo(f"{label:<8} {path} ({words.size(path.stat().st_size)})")
    else:
        click.echo(f"{label:<8} none")


def print_tuning_job(console: Console, snapshot: TuningSnapshot, store: Store, profile: HostProfile) -> None:
    """All that `show` tells of a tuning job."""
    from tuner.cli.stopping import shadow_line  # noqa: PLC0415 - both bring numpy, which takes a while to import
    from tuner.controller import completion_reason  # noqa: PLC0415

    job, spec = snapshot.job, snapshot.spec
    console.print(f"{job.name}, a tuning job: ", status_text(job.status), sep="", soft_wrap=True)
    if job.failure_reason:
        click.echo(f"  {job.failure_reason}")
    lines = {
        "objective": words.objective(spec),
        "strategy": f"{spec.strategy}, seed {job.random_seed}",
        **search_lines(job),
        "parents": parents_line(job, store),
        "trials": f"{snapshot.done} of {snapshot.total} done, {spec.max_parallel_training_jobs} at a time",
        "time": words.duration(snapshot.elapsed),
        "stopping": shadow_line(store, job, snapshot.trials),
        "converged": _convergence(job),
        "complete": completion_reason(job, snapshot.trials) or "",
        **(_of_definition(spec.definitions[0]) if len(spec.definitions) == 1 else {}),
        "reports": str(profile.tuning_folder(job.name)),
    }
    print_lines(lines)
    if len(spec.definitions) > 1:
        console.print(_definition_table(snapshot))
    print_trials(console, snapshot, SHOWN_ROWS)
    print_front(console, snapshot)
    print_best(snapshot, profile)
    print_overall_best(snapshot, store)
    print_failures(snapshot)
    for warning, times in store.warnings_of_trials(job.name).items():
        click.echo(f"Warning ({words.count(times, 'trial')}): {warning}")


def _convergence(job: TuningJobRecord) -> str:
    if job.convergence_detected_time is None:
        return ""
    return f"after {words.duration(job.convergence_detected_time - job.creation_time)}: {words.CONVERGED}"


def _of_definition(definition: TrainingDefinition) -> dict[str, str]:
    return {"image": definition.image, "fixed": words.hyperparameters(definition.static)}


def _definition_table(snapshot: TuningSnapshot) -> Table:
    """How far each definition of a tuning job has come."""
    table = plain_table("definition", "trials", "best", "image", "fixed")
    for definition in snapshot.spec.definitions:
        trials = [trial for trial in snapshot.trials if trial.definition_name == definition.name]
        best = best_training_job(snapshot.job, trials)
        value = "" if best is None else words.number(snapshot.job.value_of(best))
        table.add_row(
            definition.name,
            str(len(trials)),
            f"{definition.objective.metric_name} {value}" if value else "",
            definition.image,
            words.hyperparameters(definition.static),
        )
    return table


def print_training_job(
    console: Console, job: TrainingJobRecord, store: Store, profile: HostProfile, now: float
) -> None:
    """All that `show` tells of a training job."""
    console.print(
        f"{job.name}, a training job: ", status_text(job.primary_status, str(job.status)), sep="", soft_wrap=True
    )
    if job.failure_reason:
        click.echo(f"  {job.failure_reason}")
    folder = JobFolder(profile.job_folder(job.name))
    gpus = ", ".join(store.leased_gpus(job.name)) or (f"{job.gpu_count} (given back)" if job.gpu_count else "none")
    lines = {
        "trial": "" if job.tuning_job is None else f"{job.trial_index} of {job.tuning_job}",
        "definition": job.definition_name or "",
        "image": job.spec.image,
        "hosts": "" if len(job.spec.hosts) == 1 else ", ".join(host.name for host in job.spec.hosts),
        "exit code": "" if job.exit_code is None else str(job.exit_code),
        "time": words.duration((job.end_time or now) - job.creation_time),
        "GPUs": gpus,
    }
    print_lines(lines)
    table = plain_table("status", "time", "what happened")
    for transition in store.transitions(job.name):
        seconds = 0.0 if job.is_finished and transition.end_time is None else (transition.end_time or now)
        spent = words.duration(seconds - transition.start_time) if seconds else ""
        table.add_row(str(transition.status), spent, transition.message)
    console.print(table)
    if job.spec.hyperparameters:
        table = plain_table("hyperparameter", "value")
        for name, value in job.spec.hyperparameters.items():
            table.add_row(name, f"{value} (tuned)" if name in job.tuned else value)
        console.print(table)
    print_training_job_end(console, job, store, folder)


def print_training_job_end(console: Console, job: TrainingJobRecord, store: Store, folder: JobFolder) -> None:
    """The metrics, warnings and files of a training job."""
    if job.metrics:
        table = plain_table("metric", "values", "last", "least", "greatest")
        for name, summary in job.metrics.items():
            table.add_row(
                name,
                str(summary.count),
                words.number(summary.last),
                words.number(summary.minimum),
                words.number(summary.maximum),
            )
        console.print(table)
    for warning in store.warnings(job.name):
        click.echo(f"Warning: {warning}")
    for host, path in folder.logs(job.spec.hosts).items():
        print_file("Log:" if len(job.spec.hosts) == 1 else f"{host}:", path)
    print_file("Model:", folder.model_artifact)
    print_file("Output:", folder.output_artifact)


def print_lines(lines: dict[str, str]) -> None:
    """A label and its text in each line; what is empty is left out."""
    for label, text in lines.items():
        if text:
            click.echo(f"  {label:<10} {text}")
