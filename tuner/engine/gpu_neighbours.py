"""Which GPUs the containers of other homes have: homes on one engine tell each other by labels (ADR 0034)."""

from collections.abc import Sequence

from tuner.engine.protocol import (
    GPU_LABEL,
    HOME_LABEL,
    PROBE_LABEL,
    ContainerSpec,
    ContainerStatus,
    ContainerSummary,
    Engine,
)
from tuner.errors import GpuTaken


def gpus_of_others(engine: Engine, home: str | None) -> dict[str, str]:
    """The GPUs that containers which are not of `home` use, or are about to, each with whose it is, in words."""
    found: dict[str, str] = {}
    for container in engine.containers({GPU_LABEL: None}):
        if container.labels.get(HOME_LABEL) != home and _uses_gpus(container):
            owner = container.labels.get(HOME_LABEL)
            text = f"container {container.name}" + ("" if owner is None else f" of the home {owner}")
            found.update({gpu: f"{gpu} is used by the {text}" for gpu in container.labels[GPU_LABEL].split(",")})
    return found


def check_not_taken(engine: Engine, specs: Sequence[ContainerSpec]) -> None:
    """Raise GpuTaken where another home has a container with a GPU of the containers of one job.

    Call it once these are created and before they are started. Of two homes that create theirs at once, each sees the
    other's then, or one was first; so at most one starts. Both may step back, and try again at different moments.
    """
    wanted = {gpu for spec in specs for gpu in spec.gpu_ids}
    if not wanted:
        return
    for gpu, text in gpus_of_others(engine, specs[0].labels.get(HOME_LABEL)).items():
        if gpu in wanted:
            raise GpuTaken(f"{text}.")


def _uses_gpus(container: ContainerSummary) -> bool:
    return PROBE_LABEL not in container.labels and container.status is not ContainerStatus.EXITED
