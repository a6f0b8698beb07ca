"""What the service asks of a job's channels beyond its model: names that do not collide, members that suit the mode.

Source: API reference, Channel and S3DataSource; SageMaker developer guide, "Access Training Data".
"""

import re
from collections.abc import Iterator

from tuner.errors import RequestPath, Violation, ViolationKind
from tuner.requests.node import Node

_Found = Iterator[Violation]


def _refused(path: RequestPath, message: str) -> Violation:
    return Violation(path=path, message=message, kind=ViolationKind.RULE)


def _channels(job: Node) -> Iterator[tuple[Node, str | None]]:
    """Each channel, and its mode."""
    default = job.member("AlgorithmSpecification").text("TrainingInputMode")
    for channel in job.member("InputDataConfig").items():
        yield channel, channel.text("InputMode") or default


def _channel_names_differ(job: Node) -> _Found:
    names: set[str] = set()
    for channel, _ in _channels(job):
        name = channel.text("ChannelName")
        if name is not None and name in names:
            yield _refused(channel.at("ChannelName"), f"there is another channel named {name!r}")
        names.add(name or "")


def _channels_stay_in_their_place(job: Node) -> _Found:
    """Each has a path of its own below /opt/ml/input/data."""
    channels = [(channel, channel.text("ChannelName") or "", mode) for channel, mode in _channels(job)]
    pipes = [name for _, name, mode in channels if mode == "Pipe"]
    for channel, name, mode in channels:
        if name in {".", ".."}:
            yield _refused(channel.at("ChannelName"), f"{name!r} is no name that a folder can have")
        for pipe in pipes:
            if mode != "Pipe" and re.fullmatch(re.escape(pipe) + "_[0-9]+", name):
                yield _refused(
                    channel.at("ChannelName"),
                    f"the folder of channel {name!r} is where the FIFO of an epoch of channel {pipe!r} has to be",
                )


def _channels_have_one_source(job: Node) -> _Found:
    for channel, _ in _channels(job):
        source = channel.member("DataSource")
        if isinstance(source.value, dict) and len(source.value) != 1:
            yield _refused(source.path, "a channel has exactly one data source, such as S3DataSource")


def _members_suit_the_mode(job: Node) -> _Found:
    for channel, mode in _channels(job):
        source = channel.member("DataSource", "S3DataSource")
        kind = source.text("S3DataType")
        if mode == "FastFile" and kind == "ManifestFile":
            yield _refused(source.at("S3DataType"), "FastFile mode takes an S3Prefix only, not a ManifestFile")
        if mode != "Pipe" and kind == "AugmentedManifestFile":
            yield _refused(source.at("S3DataType"), "AugmentedManifestFile is for channels in Pipe mode only")
        # Model: in File mode, leave these unset or None; the objects would be handed over as they are.
        if mode != "Pipe" and channel.text("CompressionType") == "Gzip":
            yield _refused(channel.at("CompressionType"), "Gzip is for channels in Pipe mode only")
        if mode != "Pipe" and channel.text("RecordWrapperType") == "RecordIO":
            yield _refused(channel.at("RecordWrapperType"), "RecordIO is for channels in Pipe mode only")


def _attributes_are_those_of_an_augmented_manifest(job: Node) -> _Found:
    for channel, _ in _channels(job):
        source = channel.member("DataSource", "S3DataSource")
        names = list(source.member("AttributeNames").items())
        is_augmented = source.text("S3DataType") == "AugmentedManifestFile"
        if is_augmented and not names:
            yield _refused(
                source.at("AttributeNames"), "an AugmentedManifestFile needs AttributeNames: which to read, in order"
            )
        if not is_augmented and names:
            yield _refused(source.at("AttributeNames"), "AttributeNames are those of an AugmentedManifestFile")


def _groups_are_those_of_the_job(job: Node) -> _Found:
    groups = {group.text("InstanceGroupName") for group in job.member("ResourceConfig", "InstanceGroups").items()}
    for channel, _ in _channels(job):
        names = channel.member("DataSource", "S3DataSource", "InstanceGroupNames")
        for position, name in enumerate(names.value if isinstance(names.value, list) else ()):
            if name not in groups:
                yield _refused((*names.path, position), f"there is no instance group {name!r} in ResourceConfig")


#: All rules of this page, for a training job or the definition in a tuning job.
CHANNEL_RULES = (
    _channel_names_differ,
    _channels_stay_in_their_place,
    _channels_have_one_source,
    _members_suit_the_mode,
    _attributes_are_those_of_an_augmented_manifest,
    _groups_are_those_of_the_job,
)
