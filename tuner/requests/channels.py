"""Looking whether the data of a job is there, before anything starts."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.channels import Channel, Compression, InputMode, RecordWrapper, SourceType
from contracts.processing import ProcessingInput
from tuner.channels.addresses import is_local, local_path
from tuner.channels.augmented_manifest import AugmentedManifest
from tuner.channels.in_s3 import has_objects_in_s3
from tuner.channels.objects import list_objects
from tuner.channels.pieces import record_length
from tuner.errors import ChannelError, NotSupported, RequestPath, Violation, ViolationKind
from tuner.requests.completion import CREATE_PROCESSING_JOB, CREATE_TRANSFORM_JOB, CREATE_TUNING_JOB
from tuner.requests.definition_rules import definition_parts
from tuner.requests.node import Node

#: What is read, and where the request says so.
_Source = tuple[Channel, RequestPath]


def check_channels(operation: str, request: Mapping[str, Any]) -> list[Violation]:
    """What is wrong with the ``file://`` data that a valid `request` reads, whatever its kind of job calls it.

    A folder that is missing, cannot be read, or holds no file; a manifest that is none, or names what is not there; an
    object that is too long for a record.
    """
    job = Node(request)
    if operation == CREATE_TRANSFORM_JOB:
        return list(_absent([_transform_input(job)], "the input"))
    if operation == CREATE_PROCESSING_JOB:
        return list(_absent(_processing_inputs(job), "input"))
    if operation == CREATE_TUNING_JOB:
        jobs = [part.definition for part in definition_parts(job)]
        return [violation for one in jobs for violation in _absent(_training_channels(one), "channel")]
    return list(_absent(_training_channels(job), "channel"))


def _training_channels(job: Node) -> Iterator[_Source]:
    mode = InputMode(job.member("AlgorithmSpecification").text("TrainingInputMode") or InputMode.FILE)
    for entry in job.member("InputDataConfig").items():
        if isinstance(entry.value, Mapping):
            channel = Channel.from_request(entry.value, default_mode=mode)
            yield channel, entry.member("DataSource", "S3DataSource").at("S3Uri")


def _transform_input(job: Node) -> _Source:
    source = job.member("TransformInput", "DataSource", "S3DataSource")
    kind = SourceType(source.text("S3DataType") or SourceType.PREFIX)
    return Channel(name="", uri=source.text("S3Uri") or "", source_type=kind), source.at("S3Uri")


def _processing_inputs(job: Node) -> Iterator[_Source]:
    for entry in job.member("ProcessingInputs").items():
        source = entry.member("S3Input")
        if isinstance(entry.value, Mapping) and isinstance(source.value, Mapping):
            given = ProcessingInput.from_request(entry.value)
            channel = Channel(
                name=given.name, uri=given.uri, source_type=given.s3_data_type, input_mode=given.input_mode
            )
            yield channel, source.at("S3Uri")


def _absent(sources: Iterable[_Source], what: str) -> Iterator[Violation]:
    for channel, place in sources:
        if not is_local(channel.uri):
            continue
        kind = ViolationKind.RULE
        try:
            problem = _problem(channel)
        except ChannelError as error:
            problem = str(error)
        except NotSupported as error:
            problem, kind = str(error), ViolationKind.NOT_SUPPORTED
        if problem is not None:
            name = f" {channel.name!r}" if channel.name else ""
            yield Violation(path=place, message=f"{what}{name}: {problem}", kind=kind)


def _problem(channel: Channel) -> str | None:
    """What is wrong with a channel, or None; raises ChannelError or NotSupported where a manifest says it."""
    path = local_path(channel.uri)
    if channel.source_type is SourceType.PREFIX:
        if (problem := _problem_of_prefix(path)) is not None:
            return f"{path} {problem}"
    elif not path.is_file():
        return f"the manifest {path} is {'no file' if path.exists() else 'not there'}"
    if channel.source_type is SourceType.AUGMENTED_MANIFEST:
        AugmentedManifest(path, channel.attribute_names, path).check()
    elif channel.source_type is SourceType.MANIFEST or channel.input_mode is InputMode.PIPE:
        _check_objects(channel)
    return None


def _check_objects(channel: Channel) -> None:
    if has_objects_in_s3(channel):  # a job file is validated without a network: that they are there is the job's to see
        return
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
