"""What a transform job's containers are created from: those of an endpoint, and variables that tell of the batch.

Source: SageMaker developer guide, "Use Your Own Inference Code with Batch Transform".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contracts.serving import PAYLOAD_LIMIT_VARIABLE
from contracts.transform import TransformJobSpec
from tuner.channels.addresses import is_local, local_path
from tuner.engine.protocol import HOME_LABEL, HOST_LABEL, ContainerSpec, Engine
from tuner.jobs.platform import container_name
from tuner.jobs.sizing import ContainerSize
from tuner.profile import HostProfile
from tuner.serving.container import ServedModel, serving_container
from tuner.serving.errors import ModelArchiveError
from tuner.serving.model_archive import unpack
from tuner.transform.errors import JobFailed

#: The label with the transform job's name.
TRANSFORM_JOB_LABEL = "algodock.transform-job"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What a transform job serves: of a CreateModel request, what is in its PrimaryContainer."""

    image: str
    uri: str | None
    environment: Mapping[str, str]

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> "Model":
        """The model of a CreateModel request."""
        container = request["PrimaryContainer"]
        return cls(
            image=container["Image"],
            uri=container.get("ModelDataUrl"),
            environment=container.get("Environment", {}),
        )

    def unpack(self, folder: Path) -> Path:
        """Where the model's files are on this host: unpacked into `folder`, or where they lie; raises JobFailed."""
        if self.uri is None:
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        if not is_local(self.uri):
            raise JobFailed(f"the model {self.uri} is not on this host", "ClientError")
        source = local_path(self.uri)
        if source.is_dir():
            return source
        try:
            unpack(source, folder)
        except (OSError, ModelArchiveError) as error:
            raise JobFailed(f"the model cannot be unpacked: {error}", "ClientError") from error
        return folder


def batch_environment(spec: TransformJobSpec) -> dict[str, str]:
    """What tells a container that it serves a batch, and what the caller has set; what is left open is not said."""
    found = {
        "SAGEMAKER_BATCH": "true",
        PAYLOAD_LIMIT_VARIABLE: spec.max_payload_mb,
        "SAGEMAKER_BATCH_STRATEGY": spec.batch_strategy,
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": spec.max_concurrent_transforms,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def transform_container(
    spec: TransformJobSpec,
    model: Model,
    *,
    model_folder: Path,
    host: str,
    size: ContainerSize,
    profile: HostProfile,
    gpu_ids: Sequence[str] = (),
) -> ContainerSpec:
    """The container of one host; raises ValidationError where the service would refuse the model's environment."""
    served = ServedModel(
        endpoint_name=spec.name,
        image=model.image,
        model_folder=model_folder,
        environment=model.environment,
        gpu_ids=gpu_ids,
    )
    container = serving_container(served, profile)
    return replace(
        container,
        name=container_name(profile.home, spec.name, "transform", host),
        environment={**container.environment, **spec.environment, **batch_environment(spec)},
        labels={HOME_LABEL: str(profile.home), TRANSFORM_JOB_LABEL: spec.name, HOST_LABEL: host},
        cpus=size.cpus,
        memory_bytes=size.memory_bytes,
        shm_bytes=size.shm_bytes,
    )


def remove_left_over(engine: Engine, profile: HostProfile, name: str) -> None:
    """Remove the containers that an earlier process has left of the transform job called `name`."""
    for container in engine.containers({HOME_LABEL: str(profile.home), TRANSFORM_JOB_LABEL: name}):
        engine.remove(container.container_id)
