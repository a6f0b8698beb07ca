"""What the commands say of a tuning job's parents."""

from typing import Any

import click

from tuner.cli import documents, words
from tuner.cli.snapshot import TuningOverview, TuningSnapshot
from tuner.profile import HostProfile
from tuner.store.parents import overall_best, parent_jobs
from tuner.store.records import TuningJobRecord
from tuner.store.sqlite_store import Store


def parents_line(job: TuningJobRecord, store: Store) -> str:
    """The parents by name, and how much they have in common with the job; empty where it has none."""
    warm_start = job.spec.warm_start
    if warm_start is None:
        return ""
    there = {parent.name.lower() for parent in parent_jobs(store, job)}
    names = [name if name.lower() in there else f"{name} (not in this home any more)" for name in warm_start.parents]
    return f"{', '.join(names)}: {warm_start.type}"


def print_overall_best(overview: TuningOverview, store: Store) -> None:
    """The best trial of the job and its parents, where those can be compared."""
    found = overall_best(store, overview.job)
    if found is None:
        return
    job, trial = found.job, found.trial
    if job.name == overview.job.name:
        click.echo("Of all, with the parents: the same.")
        return
    value = words.number(job.value_of(trial))
    click.echo(f"Of all, with the parents: trial {trial.trial_index} ({trial.name}), {job.metric_of(trial)} {value}")
    click.echo(f"         {words.hyperparameters(trial.tuned)}")
    click.echo(f"         `algodock best {job.name}` shows it, `algodock serve {job.name}` serves it.")


def warm_start_document(snapshot: TuningSnapshot, store: Store, profile: HostProfile) -> dict[str, Any]:
    """What a tuning job's JSON says of its parents, and of the best trial of all; null where there is none."""
    warm_start = snapshot.spec.warm_start
    found = overall_best(store, snapshot.job)
    best = None
    if found is not None:
        of_it = TuningSnapshot(job=found.job, trials=(found.trial,), now=snapshot.now)
        best = {"tuning_job": found.job.name, **documents.trial_document(of_it, found.trial, profile)}
    return {
        "warm_start": None
        if warm_start is None
        else {"type": warm_start.type.value, "parents": list(warm_start.parents)},
        "overall_best": best,
    }
