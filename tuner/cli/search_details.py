"""What people read of a search file: what it says, and what follows from it for the trials."""

import click
from rich.console import Console

from contracts.search_extension import NumberBelief, TextBelief
from tuner.cli import words
from tuner.cli.snapshot import TuningOverview
from tuner.cli.tables import plain_table
from tuner.store.records import TrainingJobRecord, TuningJobRecord

_Belief = NumberBelief | TextBelief


def search_lines(job: TuningJobRecord) -> dict[str, str]:
    """What the search file of a job says, a label and a text a line; empty where it says nothing of that."""
    search = job.search
    second, first = search.second_objective, search.first_configurations
    return {
        "second": "" if second is None else f"{second.type.lower()} {second.metric_name}",
        "bounds": "; ".join(str(constraint) for constraint in search.metric_constraints),
        "holds": "; ".join(constraint.text for constraint in search.constraints),
        "depends": "; ".join(
            f"{condition.name} is there where {condition.depends_on} is {' or '.join(condition.values)}"
            for condition in search.conditions
        ),
        "begins": ""
        if not first
        else f"with {words.count(len(first), 'configuration')} that {_were_given(len(first))}",
        "believed": "; ".join(_belief_in_words(name, belief) for name, belief in search.prior_belief.items()),
    }


def _were_given(count: int) -> str:
    return "was given" if count == 1 else "were given"


def _belief_in_words(name: str, belief: _Belief) -> str:
    if isinstance(belief, NumberBelief):
        return f"{name} around {belief.around} (spread {belief.spread:g})"
    return f"{name} {', '.join(f'{text} {weight:g}' for text, weight in belief.weights.items())}"


def print_broken_bounds(job: TuningJobRecord, trial: TrainingJobRecord) -> None:
    """Which bounds of metrics a trial does not keep; nothing where it keeps all."""
    text = broken_bounds(job, trial)
    if text:
        click.echo(f"         It does not keep {text}.")


def broken_bounds(job: TuningJobRecord, trial: TrainingJobRecord) -> str:
    """The bounds of metrics that a trial does not keep, with its values; empty where it keeps all."""
    broken = []
    for constraint in job.search.metric_constraints:
        value = trial.final_value(constraint.metric_name)
        if constraint.violation(value) > 0:
            broken.append(f"{constraint} ({'never printed' if value is None else words.number(value)})")
    return "; ".join(broken)


def print_front(console: Console, overview: TuningOverview) -> None:
    """The Pareto front of a job with two objectives, the best of the first objective first."""
    second = overview.job.search.second_objective
    if second is None or not overview.front:
        return
    first = overview.spec.definitions[0].objective
    console.print(f"Pareto front of {first.metric_name} and {second.metric_name}: no trial is better in both.")
    table = plain_table()
    table.add_column("trial", justify="right", no_wrap=True)
    for name in (first.metric_name, second.metric_name):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("hyperparameters", overflow="fold")
    for trial in overview.front:
        table.add_row(
            str(trial.trial_index),
            words.number(trial.final_value(first.metric_name)),
            words.number(trial.final_value(second.metric_name)),
            words.hyperparameters(trial.tuned),
        )
    console.print(table)
