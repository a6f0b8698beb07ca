"""The containers of a processing job: what is staged for each, and what each is created from.

Source: SageMaker developer guide, "Build Your Own Processing Container".
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.channels import Channel, Shard
from contracts.paths import OptMlLayout
from contracts.processing import ProcessingInput, ProcessingJobSpec
from contracts.resources import format_resource_config
from tuner.engine.protocol import HOME_LABEL, HOST_LABEL, PROCESSING_JOB_LABEL, ContainerSpec, EngineFacts, Mount
from tuner.jobs.channel_staging import stage_channel
from tuner.jobs.containers import JobContainers, network_name
from tuner.jobs.folder import HostFolder, JobFolder, json_object, make_private, make_writable
from tuner.jobs.left_files import remove_tree
from tuner.jobs.platform import PLATFORM_ENVIRONMENT, container_name
from tuner.jobs.sizing import container_size, gpus_by_host
from tuner.profile import HostProfile


def channel_of(given: ProcessingInput, index: int) -> Channel:
    """Input number `index` of a job as the channel that it is, but for its name and its place in the container.

    An InputName may be any text, so it is no part of a path.
    """
    return Channel(
        name=f"input-{index}",
        uri=given.uri,
        source_type=given.s3_data_type,
        input_mode=given.input_mode,
        distribution=given.distribution,
        compression=given.compression,
    )


def processing_containers(
    spec: ProcessingJobSpec,
    request: Mapping[str, Any],
    channels: Sequence[Channel],
    *,
    folder: JobFolder,
    profile: HostProfile,
    machine: EngineFacts,
    leased_gpus: Sequence[str],
    labels: Mapping[str, str],
) -> JobContainers:
    """Stage the folders of all hosts of a job and describe their containers; `channels` are its inputs, local by now.

    The containers get `labels` beside those that they are found by.
    Raises ChannelError, OSError.
    """
    specs: list[ContainerSpec] = []
    gpus = gpus_by_host(leased_gpus, profile, spec.hosts)
    for index, host in enumerate(spec.hosts):
        size = container_size(host, profile, machine, containers=len(spec.hosts))
        mounts = _stage(spec, request, channels, index, folder.host(host.name))
        specs.append(
            ContainerSpec(
                name=container_name(profile.home, "processing", spec.name, host.name),
                image=spec.image,
                entry_point=spec.entry_point,
                arguments=spec.arguments,
                environment={**PLATFORM_ENVIRONMENT, **spec.environment},
                mounts=mounts,
                labels={
                    **labels,
                    HOME_LABEL: str(profile.home),
                    PROCESSING_JOB_LABEL: spec.name,
                    HOST_LABEL: host.name,
                },
                gpu_ids=gpus[host.name],
                network=not spec.network_isolation,
                private_network=network_name(profile, f"processing-{spec.name}", spec.hosts),
                aliases=(host.name,),
                memory_bytes=size.memory_bytes,
                cpus=size.cpus,
                shm_bytes=size.shm_bytes,
            )
        )
    return JobContainers(specs=specs, warnings=())


def output_folder(folder: HostFolder, index: int) -> Path:
    """Where on this machine output number `index` of one host is."""
    return folder.root / "outputs" / str(index)


def _stage(
    spec: ProcessingJobSpec,
    request: Mapping[str, Any],
    channels: Sequence[Channel],
    index: int,
    folder: HostFolder,
) -> list[Mount]:
    """Write what the container of host number `index` finds; return how it is mounted.

    What an earlier start left is removed.
    """
    remove_tree(folder.root)
    make_private(folder.root.parent)
    layout = folder.opt_ml
    config = layout.root / "config"
    config.mkdir(parents=True)
    layout.data.mkdir(parents=True)
    (config / "processingjobconfig.json").write_text(_processing_job_config(request), encoding="utf-8")
    (config / "resourceconfig.json").write_text(format_resource_config(spec.hosts[index], spec.hosts), encoding="utf-8")
    make_writable(layout.output)
    inside = OptMlLayout()
    mounts = [
        Mount(source=config, target=str(inside.root / "config"), read_only=True),
        Mount(source=layout.output, target=str(inside.output)),
    ]
    for given, channel in zip(spec.inputs, channels, strict=True):
        mounts += _at_its_place(
            stage_channel(channel, layout, Shard(index, len(spec.hosts))), channel, given.local_path, layout
        )
    for number, output in enumerate(spec.outputs):
        place = output_folder(folder, number)
        make_writable(place)
        mounts.append(Mount(source=place, target=output.local_path))
    return mounts


def _at_its_place(mounts: Sequence[Mount], channel: Channel, place: str, layout: OptMlLayout) -> Iterator[Mount]:
    """The mounts of a channel where a processing job wants them.

    Files that are mounted one by one, or none at all, need a folder around them.
    """
    usual = str(OptMlLayout().channel(channel.name))
    if all(mount.target != usual for mount in mounts):
        yield Mount(source=layout.channel(channel.name), target=place, read_only=True)
    for mount in mounts:
        yield Mount(source=mount.source, target=place + mount.target.removeprefix(usual), read_only=mount.read_only)


def _processing_job_config(request: Mapping[str, Any]) -> str:
    """The request as the service writes it for the container: with what it filled in, and null for what is not said."""
    application = request["AppSpecification"]
    name = request["ProcessingJobName"]
    return json_object(
        {
            "ProcessingJobArn": f"arn:aws:sagemaker:local:000000000000:processing-job/{name.lower()}",
            "ProcessingJobName": name,
            "AppSpecification": {"ContainerEntrypoint": None, "ContainerArguments": None, **application},
            "Environment": request.get("Environment", {}),
            "ProcessingInputs": [_input_config(entry) for entry in request.get("ProcessingInputs", ())],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {"AppManaged": False, **entry}
                    for entry in request.get("ProcessingOutputConfig", {}).get("Outputs", ())
                ],
                "KmsKeyId": request.get("ProcessingOutputConfig", {}).get("KmsKeyId"),
            },
            "ProcessingResources": request.get("ProcessingResources", {}),
            "RoleArn": request.get("RoleArn"),
            "StoppingCondition": request.get("StoppingCondition", {}),
        }
    )


def _input_config(entry: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
        "S3DownloadMode": "StartOfJob",
    }
    return {"AppManaged": False, **entry, "S3Input": {**defaults, **entry["S3Input"]}}
