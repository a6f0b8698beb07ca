"""Looking whether the data of a job is there, before anything starts."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.channels import Channel, Compression, InputMode, RecordWrapper, SourceType
from tuner.channels.addresses import is_local, local_path
from tuner.channels.augmented_manifest import AugmentedManifest
from tuner.channels.epochs import record_length
from tuner.channels.objects import list_objects
from tuner.errors import ChannelError, NotSupported, Violation, ViolationKind
from tuner.requests.completion import CREATE_TUNING_JOB
from tuner.requests.node import Node


def check_channels(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """What is wrong with the data of the ``file://`` channels of a valid `request`.

    A folder that is missing, cannot be read, or holds no file; a manifest that is none, or names what is not there; an
    object that is too long for a record.
    """
    job = Node(request)
    if operation == CREATE_TUNING_JOB:
        job = job.member("TrainingJobDefinition")
    mode = InputMode(job.member("AlgorithmSpecification").text("TrainingInputMode") or InputMode.FILE)
    return list(_absent(job, mode))


def _absent(job: Node, mode: InputMode) -> Iterator[Violation]:
    for entry in job.member("InputDataConfig").items():
        source = entry.member("DataSource", "S3DataSource")
        if not isinstance(entry.value, Mapping) or not is_local(source.text("S3Uri") or ""):
            continue
        channel = Channel.from_request(entry.value, default_mode=mode)
        kind = ViolationKind.RULE
        try:
            problem = _problem(channel)
        except ChannelError as error:
            problem = str(error)
        except NotSupported as error:
            problem, kind = str(error), ViolationKind.NOT_SUPPORTED
        if problem is not None:
            yield Violation(path=source.at("S3Uri"), message=f"channel {channel.name!r}: {problem}", kind=kind)


def _problem(channel: Channel) -> str | None:
    """What is wrong with a channel, or None; raises ChannelError or NotSupported where a manifest says it."""
    path = local_path(channel.uri)
    if channel.source_type is SourceType.PREFIX:
        if (problem := _problem_of_prefix(path)) is not None:
            return f"{path} {problem}"
    elif not path.is_file():
        return f"the manifest {path} is {'no file' if path.exists() else 'not there'}"
    if channel.source_type is SourceType.AUGMENTED_MANIFEST:
        AugmentedManifest(path, channel.attribute_names).check()
    elif channel.source_type is SourceType.MANIFEST or channel.input_mode is InputMode.PIPE:
        _check_objects(channel)
    return None


def _check_objects(channel: Channel) -> None:
    objects = list_objects(channel)
    # How long a packed object is can only be told by unpacking it, which is left to the job.
    if channel.record_wrapper is RecordWrapper.RECORD_IO and channel.compression is Compression.NONE:
        for found in objects:
            record_length(found.path)


def _problem_of_prefix(path: Path) -> str | None:
    try:
        if not path.exists():
            return "is not there"
        if not path.is_dir():
            return None if path.is_file() else "is neither a folder nor a file"
        return None if _has_file(path) else "has no file in it"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _has_file(folder: Path) -> bool:
    def refuse(error: OSError) -> None:
        raise error

    return any(files for _, _, files in os.walk(folder, onerror=refuse, followlinks=False))
