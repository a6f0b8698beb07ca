"""`algodock list`: the jobs of a home."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import click

from contracts.jobs import JobKind, JobStatus
from tuner.cli import words
from tuner.cli.documents import listed_job_document
from tuner.cli.machine import Invocation
from tuner.cli.options import json_option
from tuner.cli.other_jobs import is_worked
from tuner.cli.screen import console
from tuner.cli.snapshot import StoredOverview
from tuner.cli.tables import plain_table, status_text
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    name: str
    kind: str
    status: JobStatus
    creation_time: float
    end_time: float | None
    trials: str = ""
    best: float | None = None
    metric: str = ""


@click.command(name="list")
@click.option("--all", "with_trials", is_flag=True, help="Trials of tuning jobs too.")
@click.option(
    "--status",
    metavar="STATUS",
    type=click.Choice([status.value for status in JobStatus], case_sensitive=False),
    help=f"Only jobs in this status: {', '.join(JobStatus)}.",
)
@click.option("--endpoints", "of_endpoints", is_flag=True, help="In place of jobs the endpoints that run.")
@json_option("Print one JSON document.")
@click.pass_obj
def list_jobs(
    invocation: Invocation, *, with_trials: bool, status: str | None, of_endpoints: bool, as_json: bool
) -> None:
    """List the jobs of this home, the newest last."""
    machine = invocation.machine()
    if of_endpoints:
        if with_trials or status is not None:
            raise click.UsageError("--endpoints goes neither with --all nor with --status: those are about jobs.")
        from tuner.cli.list_endpoints import list_endpoints  # noqa: PLC0415 - leads to numpy, which jobs' lists need not

        list_endpoints(machine.engine, machine.profile, as_json=as_json)
        return
    with machine.store_for_reading() as store:
        lines = sorted(_lines(store, machine.clock(), with_trials=with_trials), key=lambda line: line.creation_time)
    lines = [line for line in lines if status is None or line.status == status]
    if as_json:
        click.echo(json.dumps([_document(line) for line in lines], indent=2))
        return
    if not lines:
        click.echo("No jobs." if status else "No jobs yet. `algodock tune JOB.yaml` starts one.")
        return
    table = plain_table("name", "kind", "status", "trials", "best", "started", "time")
    now = machine.clock()
    for line in lines:
        table.add_row(
            line.name,
            line.kind,
            status_text(line.status),
            line.trials,
            "" if line.best is None else f"{line.metric} {words.number(line.best)}",
            f"{words.duration(now - line.creation_time)} ago",
            words.duration((line.end_time or now) - line.creation_time),
        )
    console().print(table)
    if any(not line.status.is_terminal for line in lines) and not is_worked(machine.profile):
        click.echo("No process works these jobs now: the command that started a job goes on with it.")


def _lines(store: Store, now: float, *, with_trials: bool) -> Iterator[_Line]:
    for job in store.tuning_jobs():
        overview = StoredOverview(job=job, now=now, store=store)
        best = overview.best
        yield _Line(
            name=job.name,
            kind="tuning",
            status=job.status,
            creation_time=job.creation_time,
            end_time=job.end_time,
            trials=f"{overview.done}/{overview.total}",
            best=None if best is None else job.value_of(best),
            metric=" or ".join(job.spec.metric_names) if best is None else job.metric_of(best),
        )
        if with_trials:
            yield from (_training_line(trial, job.metric_of(trial)) for trial in store.trials(job.name))
    yield from (_training_line(training_job) for training_job in store.training_jobs_of_their_own())
    for kind in (JobKind.PROCESSING, JobKind.TRANSFORM):
        for other in store.jobs(kind):
            yield _Line(
                name=other.name,
                kind=str(kind),
                status=other.status,
                creation_time=other.creation_time,
                end_time=other.end_time,
            )


def _training_line(job: TrainingJobRecord, metric: str = "") -> _Line:
    return _Line(
        name=job.name,
        kind="training" if job.tuning_job is None else "trial",
        status=job.primary_status,
        creation_time=job.creation_time,
        end_time=job.end_time,
        best=job.final_value(metric),
        metric=metric,
    )


def _document(line: _Line) -> dict[str, object]:
    document = listed_job_document(line.name, line.kind, line.status, line.creation_time, line.end_time)
    if line.trials:
        done, total = line.trials.split("/")
        document |= {"trials_done": int(done), "trials_total": int(total)}
    return document | {"metric": line.metric or None, "best": line.best}
