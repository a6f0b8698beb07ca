"""What people and programs read of a processing job or a transform job."""

from typing import Any

import click
from rich.console import Console

from contracts.jobs import JobKind
from contracts.processing import ProcessingJobSpec
from contracts.transform import TransformJobSpec
from tuner.cli import words
from tuner.cli.details import print_lines
from tuner.cli.documents import existing, listed_job_document
from tuner.cli.job_logs import log_files
from tuner.cli.tables import plain_table, status_text
from tuner.profile import HostProfile
from tuner.store.records import JobRecord


def print_other_job(console: Console, job: JobRecord, profile: HostProfile, now: float) -> None:
    """All that `show` tells of a job."""
    console.print(f"{job.name}, a {job.kind} job: ", status_text(job.status), sep="", soft_wrap=True)
    if job.failure_reason:
        click.echo(f"  {job.failure_reason}")
    print_lines(
        {
            "image": _image(job),
            "doing": "" if job.is_finished else job.message,
            "exit code": "" if job.exit_code is None else str(job.exit_code),
            "message": job.exit_message.strip(),
            "time": words.duration((job.end_time or now) - job.creation_time),
        }
    )
    table = plain_table("data", "name", "where")
    for kind, name, uri in _places(job):
        table.add_row(kind, name, uri)
    console.print(table)
    for host, path in log_files(job, profile).items():
        click.echo(f"Log of {host}: {path if path.exists() else 'none'}")


def other_job_document(job: JobRecord, profile: HostProfile) -> dict[str, Any]:
    """A processing job or a transform job with all that is known of it."""
    return listed_job_document(
        job.name,
        f"{job.kind}_job",
        job.status,
        job.creation_time,
        job.end_time,
        failure_reason=job.failure_reason,
        status_message=job.message,
        exit_code=job.exit_code,
        exit_message=job.exit_message,
        start_time=job.start_time,
        image=_image(job),
        gpu_count=job.gpu_count,
        places=[{"kind": kind, "name": name, "uri": uri} for kind, name, uri in _places(job)],
        logs={host: existing(path) for host, path in log_files(job, profile).items()},
    )


def _image(job: JobRecord) -> str:
    if job.model is not None:
        return str(job.model["PrimaryContainer"]["Image"])
    return ProcessingJobSpec.from_request(job.request).image


def _places(job: JobRecord) -> list[tuple[str, str, str]]:
    """What the job reads and writes: kind, name, address."""
    if job.kind is JobKind.TRANSFORM:
        spec = TransformJobSpec.from_request(job.request)
        return [("input", "", spec.uri), ("output", "", spec.output_uri)]
    processing = ProcessingJobSpec.from_request(job.request)
    return [
        *(("input", one.name, one.uri) for one in processing.inputs),
        *(("output", one.name, one.uri) for one in processing.outputs),
    ]
