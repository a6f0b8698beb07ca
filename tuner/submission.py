"""A validated request becomes a job of a home: everything that can be known beforehand is checked first.

What a job needs of this machine (its image, its GPUs) is looked at before anything is recorded, so that a job that
cannot run leaves nothing behind.
"""

import copy
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.definitions import TrainingDefinition
from contracts.errors import IllegalTransition
from contracts.jobs import JobKind, JobStatus, TrainingJobSpec, TuningJobSpec
from contracts.processing import ProcessingJobSpec
from contracts.resources import Host, hosts_from_request
from tuner.engine.images import provide_image
from tuner.engine.protocol import Engine
from tuner.errors import GpuUnavailable, ResourceInUse, ResourceNotFound, TunerError, Violation
from tuner.hopelessness import has_failed_for_the_machine
from tuner.jobs.sizing import first_provided, gpu_count, gpus_of_host
from tuner.profile import HostProfile
from tuner.requests.completion import CREATE_TUNING_JOB
from tuner.requests.front_door import format_violations, raise_violations
from tuner.requests.node import Node
from tuner.requests.parent_rules import ParentJob, check_parents, unknown_parents
from tuner.requests.rules import check_rules
from tuner.requests.warm_start_rules import parent_names
from tuner.store.records import JobRecord, TrainingJobRecord, TuningJobRecord, in_places
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
    extension: Mapping[str, Any] | None = None,
) -> TuningJobRecord:
    """Record the tuning job that `request` (validated, completed) asks for, or find it in progress.

    `extension` is what its search file says (validated). The same two under the same name go on with the job where it
    is. Raises ResourceInUse where the name belongs to a job that has ended or that another request made. Before
    anything is recorded: ResourceNotFound for a parent that is not in the store, ValidationError for one that cannot be
    one or a search in which there is nothing, ImageNotFound and GpuUnavailable.
    """
    spec = TuningJobSpec.from_request(request)
    existing = find_tuning_job(store, spec.name)
    if existing is not None:
        if existing.status.is_terminal or existing.request != request or existing.extension != extension:
            raise ResourceInUse(
                f"A hyperparameter tuning job with the name, {spec.name}, already exists. Choose a different name."
            )
        return existing
    _check_parents(store, request)
    for image, resources in _needs(spec.definitions, engine, profile, len(gpus)):
        hosts = hosts_from_request(resources)
        _check_machine(image=image, hosts=hosts, engine=engine, profile=profile, gpus=gpus, say=say)
    seed = secrets.randbelow(2**31) if spec.random_seed is None else spec.random_seed
    try:
        store.create_tuning_job(request, random_seed=seed, now=now, extension=extension)
    except ResourceInUse:
        job = store.tuning_job(spec.name)
        if job.request != request or job.extension != extension:
            raise  # else another command has recorded the same job since we looked
    return store.tuning_job(spec.name)


def extend_tuning_job(
    name: str,
    trials: int,
    *,
    store: Store,
    engine: Engine,
    profile: HostProfile,
    gpus: Sequence[str],
    now: float,
    say: Say,
) -> TuningJobRecord:
    """Let the tuning job called `name`, which has ended, go on for so many more trials; it is in progress then.

    Before anything is recorded: ResourceNotFound; ResourceInUse for a job that has not ended; TunerError where more
    trials make no sense; ValidationError where they would be more than the service allows; ImageNotFound and
    GpuUnavailable.
    """
    job = store.tuning_job(name)
    total = _extended(store, job, trials)
    for image, resources in _needs(job.spec.definitions, engine, profile, len(gpus)):
        hosts = hosts_from_request(resources)
        _check_machine(image=image, hosts=hosts, engine=engine, profile=profile, gpus=gpus, say=say)
    try:
        store.give_more_trials(job.name, total, now=now)
    except IllegalTransition as error:  # another command was quicker
        raise ResourceInUse(_goes_on(store.tuning_job(name))) from error
    return store.tuning_job(job.name)


def _extended(store: Store, job: TuningJobRecord, trials: int) -> int:
    """How many trials a job that has ended may have in all with so many more; raises where it can have none."""
    from tuner.suggestions import space_of  # noqa: PLC0415 - it brings numpy, which takes a while to import

    if trials < 1:
        raise TunerError(f"{job.name} cannot be extended by {trials} trials: give at least 1.")
    if not job.status.is_terminal:
        raise ResourceInUse(_goes_on(job))
    had = store.trials(job.name)
    if job.status is JobStatus.FAILED and not has_failed_for_the_machine(job, had):
        raise TunerError(
            f"{job.name} is Failed because no trial of it succeeded: more would fail the same way. Mend that, and start"
            " another job (--again, or another name)."
        )
    tried = sum(not job.is_void(trial) for trial in in_places(had))
    sizes = [space_of(definition, job.search).size for definition in job.spec.definitions]
    if None not in sizes and tried >= sum(size or 0 for size in sizes):
        raise TunerError(f"{job.name} has tried all {tried} configurations that there are: there is nothing to add.")
    request = copy.deepcopy(dict(job.request))
    limits = request["HyperParameterTuningJobConfig"]["ResourceLimits"]
    if job.spec.strategy != "Grid":  # for which the service wants the number of all combinations
        limits["MaxNumberOfTrainingJobs"] = tried + trials
    found = [*check_rules(CREATE_TUNING_JOB, request), *wrong_with_parents(store, request)[1]]
    raise_violations(violation for violation in found if "MaxNumberOfTrainingJobs" in violation.path)
    return tried + trials


def _goes_on(job: TuningJobRecord) -> str:
    return (
        f"{job.name} is {job.status}: only a job that has ended is extended. The command that started it goes on with"
        f" it; `algodock stop {job.name}` ends it."
    )


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
    try:
        store.create_training_job(request, now=now, gpu_count=gpu_count(profile, spec.hosts))
    except ResourceInUse:
        if store.training_job(spec.name).request != request:
            raise  # else another command has recorded the same job since we looked
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
    try:
        store.create_job(JobKind.PROCESSING, request, now=now, gpu_count=gpu_count(profile, spec.hosts))
    except ResourceInUse:  # in the service's words
        if existing is not None or store.job(JobKind.PROCESSING, spec.name).request != request:
            raise  # else another command has recorded the same job since we looked
    return store.job(JobKind.PROCESSING, spec.name)


def wrong_with_parents(store: Store, request: Mapping[str, Any]) -> tuple[list[Violation], list[Violation]]:
    """What keeps a valid tuning request from starting from its parents: those that `store` has not; what else is wrong.

    Both are empty for a request without parents.
    """
    names = {name.lower() for name, _ in parent_names(Node(request))}
    if not names:
        return [], []
    jobs = store.tuning_jobs()
    parents = {
        job.name.lower(): ParentJob(
            name=job.name, request=job.request, status=job.status, training_jobs=len(in_places(store.trials(job.name)))
        )
        for job in jobs
        if job.name.lower() in names
    }
    return unknown_parents(request, [job.name for job in jobs]), check_parents(request, parents)


def _check_parents(store: Store, request: Mapping[str, Any]) -> None:
    unknown, wrong = wrong_with_parents(store, request)
    if unknown:
        raise ResourceNotFound(format_violations([*unknown, *wrong]) + "\n`algodock list` shows the jobs of this home.")
    raise_violations(wrong)


def warm_start_in_words(store: Store, job: TuningJobRecord) -> str | None:
    """What `job` has of its parents, in a line for people; None where it has none."""
    from tuner.suggestions import parents_of  # noqa: PLC0415 - it brings numpy, which takes a while to import

    warm_start = job.spec.warm_start
    if warm_start is None:
        return None
    if job.suggesting != "Bayesian":
        effect = "they change nothing about this job"
        if warm_start.is_identical:
            repeated = "" if job.spec.strategy == "Grid" else "what they tried is not tried again, and "
            effect = f"{repeated}their trials count for the best of all"
        return f"{job.spec.strategy} learns nothing from its parents ({', '.join(warm_start.parents)}): {effect}."
    counts = [
        f"{len(parent.trials)} of {len(in_places(store.trials(parent.name)))} trials of {parent.name}"
        for parent in parents_of(store, job)
    ]
    return f"Starts from {' and '.join(counts)}."


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


def _needs(
    definitions: Sequence[TrainingDefinition], engine: Engine, profile: HostProfile, gpus: int
) -> list[tuple[str, Mapping[str, Any]]]:
    """What the definitions of a tuning job need of this machine, each once: an image, and a ResourceConfig."""
    needs: list[tuple[str, Mapping[str, Any]]] = []
    for definition in definitions:
        resources = definition.resources[0] if definition.resources else {}
        if len(definition.resources) > 1:
            resources = first_provided(definition.resources, profile, engine.facts(), gpus) or resources
        if (definition.image, resources) not in needs:
            needs.append((definition.image, resources))
    return needs


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
