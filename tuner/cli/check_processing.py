"""A processing job as the good case of `algodock check`."""

from pathlib import Path
from typing import Any

import click

from contracts.channels import InputMode, SourceType
from contracts.processing import ProcessingInput, ProcessingJobSpec
from tuner.channels.addresses import is_local, local_path
from tuner.cli import job_files
from tuner.cli.machine import Machine
from tuner.conformance.processing.case import GivenInput, ProcessingCase
from tuner.errors import NotSupported
from tuner.requests import CREATE_PROCESSING_JOB

#: Why items of one kind do not apply to a job of the other.
NO_PROCESSING_JOB = "no processing job is known that it can do: give one with --job"
A_PROCESSING_JOB = "the job is a processing job; the image's other sides are checked without it"
#: Options whose name is not that of their value.
_NAMES = {
    "accepts": "accept",
    "channels": "channel",
    "claims": "claim",
    "content_types": "content-type",
    "metrics": "metric",
    "models": "model",
    "payloads": "payload",
}


def read_processing_case(
    image: str | None, machine: Machine, *, job_file: Path | None, **options: Any
) -> ProcessingCase | None:
    """The processing job in the file `job_file` as a good case; None where there is none, or it is of another kind.

    Raises click.UsageError for options about training, JobFileError, ValidationError, and NotSupported for inputs that
    a check cannot give.
    """
    if job_file is None or job_files.read(job_file, machine).operation != CREATE_PROCESSING_JOB:
        return None
    given = [name for name, value in options.items() if value]
    if given:
        name = _NAMES.get(given[0], given[0])
        raise click.UsageError(
            f"--{name}: {job_file} is a processing job; that option is about an image's other sides."
        )
    return _case(job_file, machine, image)


def _case(path: Path, machine: Machine, image: str | None) -> ProcessingCase:
    loaded = job_files.read_valid(path, machine, CREATE_PROCESSING_JOB)
    spec = ProcessingJobSpec.from_request(loaded.request)
    return ProcessingCase(
        image=image or spec.image,
        inputs=tuple(_given(one, path) for one in spec.inputs),
        outputs={one.name: one.local_path for one in spec.outputs},
        environment=spec.environment,
        entry_point=spec.entry_point,
        arguments=spec.arguments,
        network=not spec.network_isolation,
    )


def _given(one: ProcessingInput, path: Path) -> GivenInput:
    if not is_local(one.uri) or one.input_mode is not InputMode.FILE or one.s3_data_type is not SourceType.PREFIX:
        raise NotSupported(
            f"{path}: a check gives an input as files of this machine; input {one.name} is {one.uri}, as"
            f" {one.s3_data_type} in {one.input_mode} mode: name a folder of this machine (file://) in its place"
        )
    return GivenInput(name=one.name, path=local_path(one.uri), local_path=one.local_path)
