"""The containers of a training job: what each is created from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.jobs import TrainingJobSpec
from contracts.resources import Host
from tuner.engine.protocol import HOME_LABEL, HOST_LABEL, JOB_LABEL, ContainerSpec, EngineFacts
from tuner.jobs.folder import JobFolder, stage
from tuner.jobs.platform import PLATFORM_ENVIRONMENT, container_name
from tuner.jobs.sizing import container_size, gpus_by_host
from tuner.profile import HostProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class JobContainers:
    """What the containers of a job are created from, a host each, and what its owner should know about them."""

    specs: Sequence[ContainerSpec]
    warnings: Sequence[str]


def training_containers(
    spec: TrainingJobSpec,
    *,
    folder: JobFolder,
    profile: HostProfile,
    machine: EngineFacts,
    trials: int,
    leased_gpus: Sequence[str],
    labels: Mapping[str, str],
) -> JobContainers:
    """Stage the folders of all hosts of a job and describe their containers; `trials` such jobs run side by side.

    The containers get `labels` beside those that they are found by.
    Raises ChannelError, OSError.
    """
    specs: list[ContainerSpec] = []
    warnings: dict[str, None] = {}
    gpus = gpus_by_host(leased_gpus, profile, spec.hosts)
    for host in spec.hosts:
        size = container_size(host, profile, machine, containers=trials * len(spec.hosts))
        if size.shortfall is not None:
            warnings[f"{size.shortfall}: the container gets what is there"] = None
        specs.append(
            ContainerSpec(
                name=container_name(profile.home, spec.name, host.name),
                image=spec.image,
                entry_point=spec.entry_point,
                arguments=_arguments(spec),
                environment=_environment(spec),
                mounts=stage(spec, host, folder),
                labels={**labels, HOME_LABEL: str(profile.home), JOB_LABEL: spec.name, HOST_LABEL: host.name},
                gpu_ids=gpus[host.name],
                network=not spec.network_isolation,
                private_network=network_name(profile, spec.name, spec.hosts),
                aliases=(host.name,),
                memory_bytes=size.memory_bytes,
                cpus=size.cpus,
                shm_bytes=size.shm_bytes,
            )
        )
    return JobContainers(specs=specs, warnings=list(warnings))


def network_name(profile: HostProfile, job_name: str, hosts: Sequence[Host]) -> str | None:
    """The private network of a job's hosts; None for a single host, which needs none."""
    return container_name(profile.home, job_name) if len(hosts) > 1 else None


def _arguments(spec: TrainingJobSpec) -> Sequence[str] | None:
    return ("train",) if spec.arguments is None and spec.entry_point is None else spec.arguments


def _environment(spec: TrainingJobSpec) -> dict[str, str]:
    return {
        "TRAINING_JOB_NAME": spec.name,
        "TRAINING_JOB_ARN": f"arn:aws:sagemaker:local:000000000000:training-job/{spec.name.lower()}",
        **PLATFORM_ENVIRONMENT,
        "SAGEMAKER_METRICS_DIRECTORY": "/opt/ml/output/metrics/sagemaker",
        **spec.environment,
    }
