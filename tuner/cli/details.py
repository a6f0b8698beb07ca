"""What people read of a job: the summary at the end of `tune` and `train`, and all of `show`."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from contracts.definitions import TrainingDefinition
from contracts.tuning import CompletionCriteria
from tuner.cli import words
from tuner.cli.search_details import print_broken_bounds, print_front, search_lines
from tuner.cli.snapshot import TuningOverview
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


def print_trials(console: Console, overview: TuningOverview, limit: int) -> None:
    """The best trials, at most `limit`, and how many were left out."""
    shown = overview.best_first(limit)
    if shown:
        console.print(trial_table(overview, shown, console.width))
    marks = {mark(overview, trial).strip() for trial in shown}
    meanings = [f"{sign} {text}" for sign, text in MARKS.items() if sign in marks]
    if meanings:
        click.echo("; ".join(meanings) + "\n")
    if len(shown) < overview.count:
        click.echo(f"... and {words.count(overview.count - len(shown), 'more trial')}\n")


def print_failures(overview: TuningOverview) -> None:
    """Why trials failed, each reason once with how often it happened."""
    for one in overview.failures:
        text = one.reason if len(one.reason) <= _REASON_LENGTH else f"{one.reason[:_REASON_LENGTH]} ..."
        happened = ("was" if one.times == 1 else "were") + " lost" if one.is_lost else "failed"
        click.echo(f"{words.count(one.times, 'trial')} {happened}, such as {one.first}: {text}")
    if overview.failures:
        click.echo("`algodock logs TRIAL` prints what a trial's container printed.")


def print_best(overview: TuningOverview, profile: HostProfile) -> None:
    """The best trial, its hyperparameters, and where its model is."""
    best = overview.best
    if best is None:
        metrics = " or ".join(overview.spec.metric_names)
        click.echo(f"No trial of {overview.job.name} has ended with a value of {metrics}.")
        return
    value = words.number(overview.job.value_of(best))
    definition = overview.definition_of(best)
    of = f" of {definition}" if definition else ""
    click.echo(f"Best:    trial {best.trial_index}{of} ({best.name}), {overview.job.metric_of(best)} {value}")
    click.echo(f"         {words.hyperparameters(best.tuned)}")
    print_broken_bounds(overview.job, best)
    print_file("Model:", JobFolder(profile.job_folder(best.name)).model_artifact)


def print_file(label: str, path: Path) -> None:
    """Where a file is and how large, or that it is not there."""
    if path.exists():
        click.echo(f"{label:<8} {path} ({words.size(path.stat().st_size)})")
    else:
        click.echo(f"{label:<8} none")


def print_tuning_job(console: Console, overview: TuningOverview, store: Store, profile: HostProfile) -> None:
    """All that `show` tells of a tuning job."""
    job, spec = overview.job, overview.spec
    console.print(f"{job.name}, a tuning job: ", status_text(job.status), sep="", soft_wrap=True)
    if job.failure_reason:
        click.echo(f"  {job.failure_reason}")
    lines = {
        "objective": words.objective(spec),
        "strategy": f"{spec.strategy}, seed {job.random_seed}",
        **search_lines(job),
        "parents": parents_line(job, store),
        "trials": f"{overview.done} of {overview.total} done, {spec.max_parallel_training_jobs} at a time",
        "extended": "; ".join(
            f"to {words.count(more.max_training_jobs, 'trial')}, {words.duration(more.time - more.ended)} after its end"
            for more in job.more_trials
        ),
        "time": words.duration(overview.elapsed),
        "stopping": _stopping(job, store),
        "converged": _convergence(job),
        "complete": _completion(job, store),
        **(_of_definition(spec.definitions[0]) if len(spec.definitions) == 1 else {}),
        "reports": str(profile.tuning_folder(job.name)),
    }
    print_lines(lines)
    if len(spec.definitions) > 1:
        console.print(_definition_table(overview, store.trials(job.name)))
    print_trials(console, overview, SHOWN_ROWS)
    print_front(console, overview)
    print_best(overview, profile)
    print_overall_best(overview, store)
    print_failures(overview)
    for warning, times in store.warnings_of_trials(job.name).items():
        click.echo(f"Warning ({words.count(times, 'trial')}): {warning}")


def _stopping(job: TuningJobRecord, store: Store) -> str:
    if job.search.early_stopping is None:
        return ""
    from tuner.cli.stopping import shadow_line  # noqa: PLC0415 - it brings numpy, which takes a while to import

    return shadow_line(store, job, store.trials(job.name))


def _completion(job: TuningJobRecord, store: Store) -> str:
    if job.spec.completion == CompletionCriteria():
        return ""
    from tuner.controller import completion_reason  # noqa: PLC0415 - as above

    return completion_reason(job, store.trials(job.name)) or ""


def _convergence(job: TuningJobRecord) -> str:
    if job.convergence_detected_time is None:
        return ""
    return f"after {words.duration(job.convergence_detected_time - job.creation_time)}: {words.CONVERGED}"


def _of_definition(definition: TrainingDefinition) -> dict[str, str]:
    return {"image": definition.image, "fixed": words.hyperparameters(definition.static)}


def _definition_table(overview: TuningOverview, trials: Sequence[TrainingJobRecord]) -> Table:
    """How far each definition of a tuning job has come."""
    table = plain_table("definition", "trials", "best", "image", "fixed")
    for definition in overview.spec.definitions:
        own = [trial for trial in trials if trial.definition_name == definition.name]
        best = best_training_job(overview.job, own)
        value = "" if best is None else words.number(overview.job.value_of(best))
        table.add_row(
            definition.name,
            str(len(own)),
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
