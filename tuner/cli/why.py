"""`algodock show --why`: why trials were suggested, for people as tables and for programs as JSON."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from tuner.cli import words
from tuner.cli.names import Job
from tuner.cli.tables import plain_table
from tuner.errors import ResourceNotFound
from tuner.hindsight import Hindsight
from tuner.search.explanation import Explanation, Foresight, Origin, foresight
from tuner.search.surrogate import INTERVAL
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

_STRATEGIES: Mapping[str, str] = {
    "Random": "Random draws every trial from the ranges, evenly in the scale of each. No value counts.",
    "Hyperband": "Hyperband draws every trial from the ranges, and stops the weaker ones early.",
    "Grid": "Grid takes the combinations in a fixed order, the last range varying fastest. No value counts.",
}
_BELIEVED = "Half of the draws are from the PriorBelief of the search file."
_ORIGINS: Mapping[Origin, str] = {
    Origin.AGAIN: "again: the trial that had this configuration before was lost, or stopped before its first value",
    Origin.GIVEN: "given: FirstConfigurations of the search file has it",
    Origin.START: "start: too few trials had ended with a value to predict others",
    Origin.MODEL: "model: where the greatest improvement was expected",
    Origin.RANDOM: "random: drawn from the ranges",
    Origin.GRID: "grid: the next combination in order",
    Origin.UNKNOWN: "unknown: from what the trials before it had come to by then, this version of Algodock would have"
    " suggested another configuration. Another version suggested it, or the machine's clock was set back.",
}
_PERCENT = words.percent(INTERVAL)


def why_document(store: Store, job: Job) -> dict[str, Any]:
    """Why the trials of a tuning job, or one trial, were suggested; raises ResourceNotFound for another job."""
    hindsight, trials = _asked(store, job)
    explanations = _explained(hindsight, trials)
    seen = foresight(explanations)
    return {
        "kind": "why",
        "tuning_job": hindsight.job.name,
        "strategy": hindsight.job.spec.strategy,
        "interval": INTERVAL,
        "foresight": None if seen is None or len(trials) == 1 else asdict(seen),
        "trials": [
            {
                **asdict(explanation),
                "training_job": trial.name,
                "definition": trial.definition_name,
                "hyperparameters": dict(trial.tuned),
            }
            for trial, explanation in zip(trials, explanations, strict=True)
        ],
    }


def print_why(console: Console, store: Store, job: Job) -> None:
    """The same for people."""
    hindsight, trials = _asked(store, job)
    if isinstance(job, TrainingJobRecord):
        _print_trial(console, hindsight, job)
    else:
        _print_tuning_job(console, hindsight, trials)


def _asked(store: Store, job: Job) -> tuple[Hindsight, Sequence[TrainingJobRecord]]:
    if isinstance(job, TuningJobRecord):
        hindsight = Hindsight.of(store, job)
        return hindsight, hindsight.trials
    if isinstance(job, TrainingJobRecord) and job.tuning_job is not None:
        return Hindsight.of(store, store.tuning_job(job.tuning_job)), [job]
    raise ResourceNotFound(f"{job.name} is no trial of a tuning job: nobody suggested its hyperparameters.")


def _explained(hindsight: Hindsight, trials: Sequence[TrainingJobRecord]) -> list[Explanation]:
    shown = track(
        trials,
        "Working out what was known",
        console=Console(file=sys.stderr),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    return [hindsight.explanation(trial) for trial in shown]


def _print_tuning_job(console: Console, hindsight: Hindsight, trials: Sequence[TrainingJobRecord]) -> None:
    job = hindsight.job
    click.echo(f"{job.name}, a tuning job: why its {words.count(len(trials), 'trial')} were suggested")
    _print_strategy(job)
    explanations = _explained(hindsight, trials)
    if not _is_told_in_words(job):
        several = len(job.spec.definitions) > 1
        is_bounded = bool(job.search.metric_constraints)
        headings = ["expected", f"{_PERCENT} between", *["keeps"] * is_bounded, "gain", "leaned on"]
        table = plain_table(
            "trial", *["definition"] * several, "chosen by", "ended", "pending", "best", *headings, "value"
        )
        for trial, one in zip(trials, explanations, strict=True):
            table.add_row(str(one.trial), *[trial.definition_name] * several, *_cells(one, is_bounded=is_bounded))
        console.print(table)
        click.echo("`ended`, `pending` and `best` are what was known when the trial was suggested.")
    for origin in (Origin.AGAIN, Origin.GIVEN, Origin.UNKNOWN):
        found = [str(one.trial) for one in explanations if one.origin is origin]
        if found:
            click.echo(f"Trial {', '.join(found)}: {_ORIGINS[origin].removeprefix(f'{origin}: ')}")
    _print_foresight(foresight(explanations))


def _cells(one: Explanation, *, is_bounded: bool) -> list[str]:
    expected = one.expectation
    mean = between = gain = ""
    if expected is not None:
        between = f"{words.number(expected.low)} and {words.number(expected.high)}"
        mean, gain = words.number(expected.mean), words.number(expected.improvement)
    keeps = "" if one.chance_of_keeping is None else words.percent(one.chance_of_keeping)
    return [
        str(one.origin),
        str(one.ended),
        ", ".join(map(str, one.pending)),
        words.number(one.best),
        mean,
        between,
        *[keeps] * is_bounded,
        gain,
        ", ".join(f"{influence.trial} ({words.percent(influence.share)})" for influence in one.influences),
        words.number(one.value),
    ]


def _is_told_in_words(job: TuningJobRecord) -> bool:
    """Whether a strategy's trials are all suggested for the same reason."""
    return job.suggesting != "Bayesian"


def _print_strategy(job: TuningJobRecord) -> None:
    if _is_told_in_words(job):
        click.echo(_STRATEGIES[job.spec.strategy])
        if job.search.prior_belief and job.spec.strategy != "Grid":
            click.echo(_BELIEVED)
    elif job.search.second_objective is not None:
        click.echo("Two objectives are joined into one, anew for each trial: what was expected of it is in no units.")


def _print_foresight(seen: Foresight | None) -> None:
    if seen is None:
        return
    inside = round(seen.coverage * seen.trials)
    click.echo(
        f"\nHow good the predictions were, of {words.count(seen.trials, 'trial')}, before their values were known:"
    )
    click.echo(f"  {inside} of {seen.trials} values lay in the interval; {_PERCENT} of them are to.")
    click.echo(
        f"  The median error is {words.number(seen.error)}; of always saying the median of what was known, it is"
        f" {words.number(seen.typical_error)}."
    )
    if seen.rank_correlation is not None:
        click.echo(f"  The rank correlation is {seen.rank_correlation:.2f}: 1 is the right order, 0 is chance.")


def _print_trial(console: Console, hindsight: Hindsight, trial: TrainingJobRecord) -> None:
    job, one = hindsight.job, hindsight.explanation(trial)
    metric = job.metric_of(trial)
    click.echo(f"{trial.name}, trial {trial.trial_index} of {job.name}: why it was suggested")
    click.echo(f"  {words.hyperparameters(trial.tuned)}")
    _print_strategy(job)
    lines = {
        "chosen by": _ORIGINS[one.origin],
        "definition": trial.definition_name or "",
        "known": f"{words.count(one.ended, 'trial')} had ended"
        + ("" if one.best is None else f", the best with {metric} {words.number(one.best)}"),
        "pending": ", ".join(map(str, one.pending)) or "none",
    }
    if one.expectation is not None:
        expected = one.expectation
        lines["expected"] = (
            f"{metric} {words.number(expected.mean)}; with a chance of {_PERCENT} between"
            f" {words.number(expected.low)} and {words.number(expected.high)}"
        )
        if expected.improvement is None:
            lines["gain"] = "no trial had kept all bounds: one was looked for that does"
        else:
            lines["gain"] = f"{words.number(expected.improvement)} over the best, on average (where it is worse, 0)"
    if one.chance_of_keeping is not None:
        lines["keeps"] = f"all bounds of other metrics with a chance of {words.percent(one.chance_of_keeping)}"
    if one.value is not None:
        lines["value"] = words.number(one.value) + (", but it breaks a bound" if one.breaks_bounds else "")
    for label, text in lines.items():
        if text:
            click.echo(f"  {label:<10} {text}")
    if one.influences:
        by_index = {other.trial_index: other for other in hindsight.trials}
        table = plain_table("leaned on trial", "share", metric, "hyperparameters")
        for influence in one.influences:
            value = "failed" if influence.value is None else words.number(influence.value)
            tuned = words.hyperparameters(by_index[influence.trial].tuned)
            table.add_row(str(influence.trial), words.percent(influence.share), value, tuned)
        console.print(table)
