"""What is to be served: from what the user typed to a model on this host, and the image that serves it."""

import re
from dataclasses import dataclass
from pathlib import Path

import click

from tuner.cli.machine import Machine
from tuner.cli.names import find_job
from tuner.cli.search_details import broken_bounds
from tuner.errors import NotSupported, ResourceNotFound, ValidationError
from tuner.jobs.folder import JobFolder
from tuner.store.records import JobRecord, TrainingJobRecord
from tuner.store.sqlite_store import Store

_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_ARCHIVES = (".tar.gz", ".tgz")
_LONGEST_NAME = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """An archive or a folder on this host, what serves it, and what its endpoint is called; `job` made it, if known."""

    name: str
    path: Path
    image: str
    job: TrainingJobRecord | None = None


def find_model(model: str, image: str | None, name: str | None, machine: Machine) -> ModelSource:
    """The model that `model` names: a job, or where an `image` is given too an archive or a folder.

    Raises ResourceNotFound, ValidationError, and click.UsageError where the image is missing.
    """
    path = Path(model)
    if "/" in model or model.endswith(_ARCHIVES) or (image is not None and path.exists()):
        if not path.exists():
            raise ResourceNotFound(f"There is no file {model}.")
        if image is None:
            raise click.UsageError(f"--image IMAGE is needed beside {model}: an archive does not say what serves it.")
        return ModelSource(name=_endpoint_name(name or _name_of(path)), path=path.absolute(), image=image)
    with machine.store_for_reading() as store:
        job = _training_job(store, model)
        found = find_job(store, model)
    artifact = JobFolder(machine.profile.job_folder(job.name)).model_artifact
    if not artifact.exists():
        state = "left no model" if job.is_finished else f"is {job.primary_status} and has no model yet"
        raise ResourceNotFound(f"The training job {job.name} {state}.")
    return ModelSource(name=_endpoint_name(name or found.name), path=artifact, image=image or job.spec.image, job=job)


def find_models(folder: str, image: str | None, name: str | None) -> ModelSource:
    """The folder of archives that a multi-model endpoint serves, by the `image` given.

    Raises ResourceNotFound, NotSupported for a prefix in S3, and click.UsageError where the image is missing.
    """
    if folder.startswith("s3://"):
        raise NotSupported(
            f"{folder}: a multi-model endpoint serves archives of a folder on this machine. Copy them here first, for"
            f" instance with `aws s3 sync {folder} ./models`."
        )
    path = Path(folder)
    if not path.is_dir():
        raise ResourceNotFound(f"There is no folder {folder}: --multi-model serves a folder with archives (*.tar.gz).")
    if image is None:
        raise click.UsageError(f"--image IMAGE is needed beside {folder}: archives do not say what serves them.")
    return ModelSource(name=_endpoint_name(name or _name_of(path)), path=path.absolute(), image=image)


def _training_job(store: Store, name: str) -> TrainingJobRecord:
    job = find_job(store, name)
    if isinstance(job, TrainingJobRecord):
        return job
    if isinstance(job, JobRecord):
        raise ResourceNotFound(f"{name} is a {job.kind} job, which makes no model.")
    best = store.best_trial(job.name)
    if best is None:
        raise ResourceNotFound(f"No trial of {job.name} has ended with a value of its objective, so none is the best.")
    if broken := broken_bounds(job, best):
        click.echo(
            f"No trial of {job.name} keeps its bounds; {best.name} comes closest, but not to {broken}.", err=True
        )
    return best


def _name_of(path: Path) -> str:
    """A name for the endpoint of an archive or folder: its own, in the letters that endpoints' names have."""
    stem = path.absolute().name
    for ending in _ARCHIVES:
        stem = stem.removesuffix(ending)
    return re.sub(r"[^a-zA-Z0-9]+", "-", stem).strip("-")[:_LONGEST_NAME].rstrip("-") or "model"


def _endpoint_name(name: str) -> str:
    if not _ENDPOINT_NAME.fullmatch(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'endpointName' failed to satisfy constraint: Member must"
            r" satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
        )
    return name
