"""A validated request becomes a job of a home: everything that can be known beforehand is checked first.

What a job needs of this machine (its image, its GPUs) is looked at before anything is recorded, so that a job that
cannot run leaves nothing behind.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.jobs import JobKind, TrainingJobSpec, TuningJobSpec
from contracts.processing import ProcessingJobSpec
from contracts.resources import Host
from tuner.engine.images import provide_image
from tuner.engine.protocol import Engine
from tuner.errors import GpuUnavailable, ResourceInUse, ResourceNotFound
from tuner.jobs.sizing import gpu_count, gpus_of_host
from tuner.profile import HostProfile
from tuner.store.records import JobRecord, TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

_MAX_TUNING_JOB_NAME = 32

#: Told what takes a while, in a line for people.
Say = Callable[[str], None]


def submit_tuning_job(
    request: Mapping[str, Any],
    *,
    store: Store,
    engine: Engine,
    profile: HostProfile,
    gpus: Sequence[str],
    now: float,
    say: Say,
) -> TuningJobRecord:
    """Record the tuning job that `request` (validated, completed) asks for, or find it in progress.

    The same request under the same name goes on with the job where it is. Raises ResourceInUse where the name belongs
    to a job that has ended or that another request made; ImageNotFound and GpuUnavailable before anything is recorded.
    """
    spec = TuningJobSpec.from_request(request)
    existing = find_tuning_job(store, spec.name)
    if existing is not None:
        if existing.status.is_terminal or existing.request != request:
            raise ResourceInUse(
                f"A hyperparameter tuning job with the name, {spec.name}, already exists. Choose a different name."
            )
        return existing
    definition = spec.definition
    _check_machine(
        image=definition["AlgorithmSpecification"]["TrainingImage"],
        hosts=spec.hosts,
        engine=engine,
        profile=profile,
        gpus=gpus,
        say=say,
    )
    seed = secrets.randbelow(2**31) if spec.random_seed is None else spec.random_seed
    store.create_tuning_job(request, random_seed=seed, now=now)
    return store.tuning_job(spec.name)


def submit_training_job(
    request: Mapping[str, Any],
    *,
    store: Store,
    engine: Engine,
    profile: HostProfile,
    gpus: Sequence[str],
    now: float,
    say: Say,
) -> TrainingJobRecord:
    """Record the training job that `request` (validated, completed) asks for; as `submit_tuning_job` otherwise."""
    spec = TrainingJobSpec.from_request(request)
    try:
        existing = store.training_job(spec.name)
    except ResourceNotFound:
        existing = None
    if existing is not None:
        if existing.is_finished or existing.request != request:
            raise ResourceInUse(
                "Training job names must be unique within an AWS account and region, and a training job with this"
                f" name already exists ({spec.name})"
            )
        return existing
    _check_machine(image=spec.image, hosts=spec.hosts, engine=engine, profile=profile, gpus=gpus, say=say)
    store.create_training_job(request, now=now, gpu_count=gpu_count(profile, spec.hosts))
    return store.training_job(spec.name)


def submit_processing_job(
    request: Mapping[str, Any],
    *,
    store: Store,
    engine: Engine,
    profile: HostProfile,
    gpus: Sequence[str],
    now: float,
    say: Say,
) -> JobRecord:
    """Record the processing job that `request` (validated, completed) asks for; as `submit_tuning_job` otherwise."""
    spec = ProcessingJobSpec.from_request(request)
    try:
        existing = store.job(JobKind.PROCESSING, spec.name)
    except ResourceNotFound:
        existing = None
    if existing is not None and not existing.is_finished and existing.request == request:
        return existing
    if existing is None:
        _check_machine(image=spec.image, hosts=spec.hosts, engine=engine, profile=profile, gpus=gpus, say=say)
    store.create_job(  # says in the service's words that the name is taken, where it is
        JobKind.PROCESSING, request, now=now, gpu_count=gpu_count(profile, spec.hosts)
    )
    return store.job(JobKind.PROCESSING, spec.name)


def find_tuning_job(store: Store, name: str) -> TuningJobRecord | None:
    """The tuning job called `name`, or None."""
    try:
        return store.tuning_job(name)
    except ResourceNotFound:
        return None


def name_for_another_run(store: Store, name: str) -> str:
    """`name`, or the first of ``name-2``, ``name-3``, ... that is free, or that a job in progress has.

    Long names are shortened to leave room for the number.
    """

    def has_ended(candidate: str) -> bool:
        existing = find_tuning_job(store, candidate)
        return existing is not None and existing.status.is_terminal

    return next_name(name, has_ended, longest=_MAX_TUNING_JOB_NAME)


def next_name(name: str, has_ended: Callable[[str], bool], *, longest: int) -> str:
    """`name`, or the first of ``name-2``, ``name-3``, ... that no job has which `has_ended`.

    Long names are shortened to leave room for the number: at most `longest` characters.
    """
    candidate, number = name, 1
    while has_ended(candidate):
        number += 1
        ending = f"-{number}"
        candidate = name[: longest - len(ending)].rstrip("-") + ending
    return candidate


def _check_machine(
    *, image: str, hosts: Sequence[Host], engine: Engine, profile: HostProfile, gpus: Sequence[str], say: Say
) -> None:
    """Raise unless this machine has the image (or gets it) and the GPUs that a job needs."""
    needed = gpu_count(profile, hosts)
    if needed > len(gpus):
        asked = (
            f"gpus_per_training_job is {profile.gpus_per_training_job}"
            if profile.gpus_per_training_job
            else ", ".join(
                f"{host.name}: {host.instance_type} has {gpus_of_host(host, profile)}"
                if len(hosts) > 1
                else f"{host.instance_type} has {needed}"
                for host in hosts
            )
        )
        have = f"this machine has {len(gpus)}" if gpus else "this machine has none"
        raise GpuUnavailable(
            f"Each training job needs {needed} GPU{'s' if needed > 1 else ''} ({asked}), and {have}."
            " Choose an instance type without GPUs (or fewer), or set --gpus-per-job."
        )
    provide_image(engine, image, say)
    if needed:
        engine.check_gpus(image, list(gpus[:needed]))
