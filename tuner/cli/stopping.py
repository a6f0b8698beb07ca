"""`algodock show --early-stopping`: what stopping rules would have done to a tuning job, from what it reported."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import click
from rich.console import Console

from contracts.early_stopping import ForecastStopping
from tuner.cli import words
from tuner.cli.names import Job
from tuner.cli.tables import plain_table
from tuner.errors import ResourceNotFound
from tuner.search.stopping_report import WouldHave
from tuner.stopping import StoppingReport, shadow_of, stopping_report
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store


def early_stopping_document(store: Store, job: Job) -> dict[str, Any]:
    """The report for programs; raises ResourceNotFound for what is no tuning job. Trials are named by their index."""
    tuning_job, reports = _asked(store, job)
    return {
        "kind": "early_stopping",
        "tuning_job": tuning_job.name,
        "status": str(tuning_job.status),
        "false_stop_rate": _forecast_of(tuning_job).false_stop_rate,
        "definitions": [
            {
                "definition": report.definition.name,
                "trials": len(report.trials),
                "cut_short": report.cut_short,
                "rules": {name: _rule_document(report, done) for name, done in report.rules.items()},
            }
            for report in reports
        ],
    }


def print_early_stopping(console: Console, store: Store, job: Job) -> None:
    """The same for people."""
    tuning_job, reports = _asked(store, job)
    count = sum(len(report.trials) for report in reports)
    click.echo(
        f"{tuning_job.name}, a tuning job: what early stopping would have done to its {words.count(count, 'trial')}"
    )
    rate = _forecast_of(tuning_job).false_stop_rate
    for report in reports:
        if len(reports) > 1:
            click.echo(f"\n{report.definition.name}")
        table = plain_table("rule", "stopped", "after", "epochs saved", "best trial", "best left")
        for name, done in report.rules.items():
            rule = f"{name}, at most {rate:.0%} false stops" if name == "forecast" else name
            table.add_row(rule, *_cells(report, done))
        console.print(table)
        if report.cut_short:
            click.echo(
                f"{words.count(report.cut_short, 'trial')} had been stopped while the job ran:"
                " what would have come of more epochs is not known."
            )
    click.echo(
        "An epoch is a printed value of the objective. That slots would have been free sooner is left out of account."
    )


def shadow_line(store: Store, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> str:
    """What `show` says of the early stopping that a job's search file asks for; empty where it asks for none."""
    forecast = job.search.early_stopping
    if forecast is None:
        return ""
    asked = f"forecast, at most {forecast.false_stop_rate:.0%} false stops"
    done = shadow_of(store, job, trials)
    return asked if done is None else f"{asked}, in shadow: {in_words(done, len(trials))}"


def in_words(done: WouldHave, trials: int) -> str:
    """What a rule would have done: ``would have stopped 11 of 30 trials after 4.2 epochs ...``."""
    if not done.stopped_at:
        return f"would have stopped none of {words.count(trials, 'trial')} so far"
    after = fmean(done.stopped_at.values())
    fate = "the best is among them" if done.loses_the_best else "none of them was the best"
    return (
        f"would have stopped {len(done.stopped_at)} of {words.count(trials, 'trial')} after {after:.1f} epochs on"
        f" average, saving {_share(done):.0%} of all epochs; {fate}"
    )


def _asked(store: Store, job: Job) -> tuple[TuningJobRecord, tuple[StoppingReport, ...]]:
    if not isinstance(job, TuningJobRecord):
        raise ResourceNotFound(f"{job.name} is no tuning job: early stopping compares the trials of one.")
    return job, stopping_report(store, job, store.trials(job.name))


def _forecast_of(job: TuningJobRecord) -> ForecastStopping:
    return job.search.early_stopping or ForecastStopping()


def _share(done: WouldHave) -> float:
    return done.saved / done.epochs if done.epochs else 0.0


def _cells(report: StoppingReport, done: WouldHave) -> list[str]:
    after = f"{fmean(done.stopped_at.values()):.1f} epochs" if done.stopped_at else ""
    fate = "" if done.best is None else "lost" if done.loses_the_best else "kept"
    return [
        f"{len(done.stopped_at)} of {len(report.trials)}",
        after,
        f"{done.saved} of {done.epochs} ({_share(done):.0%})",
        fate,
        words.number(_value(report, done.best_left)),
    ]


def _value(report: StoppingReport, place: int | None) -> float | None:
    if place is None:
        return None
    return report.trials[place].final_value(report.definition.objective.metric_name)


def _rule_document(report: StoppingReport, done: WouldHave) -> dict[str, Any]:
    def index(place: int | None) -> int | None:
        return None if place is None else report.trials[place].trial_index

    return {
        "stopped": {str(index(place)): epoch for place, epoch in done.stopped_at.items()},
        "epochs": done.epochs,
        "saved": done.saved,
        "best": index(done.best),
        "loses_the_best": done.loses_the_best,
        "best_left": index(done.best_left),
        "value_left": _value(report, done.best_left),
    }
