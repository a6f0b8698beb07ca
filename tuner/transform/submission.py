"""A validated CreateTransformJob request and its model become a job of a home; what can be known is checked first."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contracts.jobs import JobKind
from contracts.transform import TransformJobSpec
from tuner.engine.images import provide_image
from tuner.engine.protocol import Engine
from tuner.errors import GpuUnavailable, ResourceInUse, ResourceNotFound
from tuner.jobs.sizing import gpu_count
from tuner.profile import HostProfile
from tuner.serving.container import check_environment
from tuner.store.records import JobRecord
from tuner.store.sqlite_store import Store
from tuner.transform.containers import Model


def submit_transform_job(
    request: Mapping[str, Any],
    model: Mapping[str, Any],
    *,
    store: Store,
    engine: Engine,
    profile: HostProfile,
    gpus: Sequence[str],
    now: float,
    say: Callable[[str], None],
) -> JobRecord:
    """Record the job that `request` (validated, completed) asks for over `model`, a CreateModel request, or find it.

    The same request under the same name goes on with the job where it is. Raises ResourceInUse where the name belongs
    to a job that has ended or that another request made; ImageNotFound, GpuUnavailable and ValidationError before
    anything is recorded.
    """
    spec = TransformJobSpec.from_request(request)
    existing = find_transform_job(store, spec.name)
    if existing is not None and not existing.is_finished and (existing.request, existing.model) == (request, model):
        return existing
    if existing is None:
        container = Model.from_request(model)
        check_environment(container.environment)
        needed = gpu_count(profile, spec.hosts)
        if needed > len(gpus):
            have = f"this machine has {len(gpus)}" if gpus else "this machine has none"
            raise GpuUnavailable(
                f"The transform job needs {needed} GPU{'s' if needed > 1 else ''} for {len(spec.hosts)} x"
                f" {spec.hosts[0].instance_type}, and {have}. Choose an instance type without GPUs (or fewer), or set"
                " --gpus-per-job."
            )
        provide_image(engine, container.image, say)
        if needed:
            engine.check_gpus(container.image, list(gpus[:needed]))
    try:
        store.create_job(JobKind.TRANSFORM, request, now=now, model=model, gpu_count=gpu_count(profile, spec.hosts))
    except ResourceInUse:  # in the service's words
        job = store.job(JobKind.TRANSFORM, spec.name)
        if existing is not None or (job.request, job.model) != (request, model):
            raise  # else another command has recorded the same job since we looked
    return store.job(JobKind.TRANSFORM, spec.name)


def find_transform_job(store: Store, name: str) -> JobRecord | None:
    """The transform job called `name`, or None."""
    try:
        return store.job(JobKind.TRANSFORM, name)
    except ResourceNotFound:
        return None
