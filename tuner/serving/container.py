"""What a served model's container is created from.

Source: SageMaker developer guide, "Custom Inference Code with Hosting Services"; API reference, ContainerDefinition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.multi_model import MULTI_MODEL_VARIABLE
from contracts.paths import OptMlLayout
from contracts.serving import DEFAULT_PORT
from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL, Address, ContainerSpec, Mount
from tuner.errors import ValidationError
from tuner.jobs.platform import PLATFORM_ENVIRONMENT, container_name
from tuner.profile import HostProfile

#: The label with the address of the front door, of a container of many models.
FRONT_DOOR_LABEL = "algodock.front-door"

_MAX_VARIABLES = 100
_MAX_VARIABLE_LENGTH = 1024
_MAX_ENVIRONMENT_BYTES = 32 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedModel:
    """A model to be served: its image, its unpacked files on this host, and what the container gets besides.

    `host_port` is the port of this host where it will be reached, 0 for any free one. Of a multi-model endpoint
    `front_door` is where invocations come in, and `model_folder` the one where models are unpacked on demand.
    """

    endpoint_name: str
    image: str
    model_folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    gpu_ids: Sequence[str] = ()
    host_port: int = 0
    front_door: Address | None = None


def serving_container(model: ServedModel, profile: HostProfile) -> ContainerSpec:
    """The container of `model`: ``serve`` is its argument, the model's folder is read-only, port 8080 is published.

    Raises ValidationError where the service would refuse the environment.
    """
    check_environment(model.environment)
    labels = {HOME_LABEL: str(profile.home), ENDPOINT_LABEL: model.endpoint_name}
    environment = {**PLATFORM_ENVIRONMENT, **model.environment}
    target = OptMlLayout().model
    if model.front_door is not None:
        labels[FRONT_DOOR_LABEL] = str(model.front_door)
        environment[MULTI_MODEL_VARIABLE] = "true"
        target = OptMlLayout().models
    return ContainerSpec(
        name=container_name(profile.home, model.endpoint_name, "endpoint"),
        image=model.image,
        arguments=("serve",),
        environment=environment,
        mounts=(Mount(source=model.model_folder, target=str(target), read_only=True),),
        labels=labels,
        gpu_ids=model.gpu_ids,
        memory_bytes=profile.memory_bytes,
        cpus=profile.cpus,
        shm_bytes=profile.shm_bytes,
        published_ports={DEFAULT_PORT: model.host_port},
    )


def check_environment(environment: Mapping[str, str]) -> None:
    """Raise ValidationError unless CreateModel would take `environment`: 100 variables, 1024 characters, 32 KB."""
    if len(environment) > _MAX_VARIABLES:
        raise ValidationError(
            f"environment: {len(environment)} variables; a model's container gets at most {_MAX_VARIABLES}."
        )
    for name, value in environment.items():
        if len(name) > _MAX_VARIABLE_LENGTH or len(value) > _MAX_VARIABLE_LENGTH:
            raise ValidationError(
                f"environment: the variable {name[:_MAX_VARIABLE_LENGTH]!r} is too long: names and values have at most"
                f" {_MAX_VARIABLE_LENGTH} characters."
            )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size > _MAX_ENVIRONMENT_BYTES:
        raise ValidationError(f"environment: {size:,} bytes in all; a model's container gets at most 32 KB.")
