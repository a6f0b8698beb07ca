"""Channels: named inputs of a training job, and ``inputdataconfig.json`` that lists them inside the container.

Source: SageMaker developer guide, "How Amazon SageMaker Provides Training Information"; API reference, Channel.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from contracts.errors import InvalidConfigFile

_Object = TypeVar("_Object")

#: The distribution with which each host of a job gets its share of the objects, and not all of them.
SHARDED_BY_S3_KEY = "ShardedByS3Key"


class InputMode(StrEnum):
    """How the bytes of a channel reach the container."""

    FILE = "File"
    FAST_FILE = "FastFile"
    PIPE = "Pipe"


class SourceType(StrEnum):
    """What the address of a channel names: S3DataType of the request."""

    PREFIX = "S3Prefix"
    MANIFEST = "ManifestFile"
    AUGMENTED_MANIFEST = "AugmentedManifestFile"


class RecordWrapper(StrEnum):
    """What is put around each object of a Pipe channel."""

    NONE = "None"
    RECORD_IO = "RecordIO"


class Compression(StrEnum):
    """How the objects of a Pipe channel are packed where they lie; the container gets them unpacked."""

    NONE = "None"
    GZIP = "Gzip"


@dataclass(frozen=True, slots=True)
class Shard:
    """Which share of a channel ``ShardedByS3Key`` is a host's: host `index` (from 0) of the `count` that share it.

    Which object goes to which host is not published by the service. Here it is round robin over the objects in their
    order: shares differ by one object at most, and with fewer objects than hosts the last hosts get none.
    """

    index: int = 0
    count: int = 1

    def of(self, objects: Sequence[_Object]) -> Sequence[_Object]:
        """This host's share of `objects`."""
        return objects if self.count == 1 else objects[self.index :: self.count]


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One named input: where it comes from (`uri`) and how the container gets it.

    `uri`, `source_type`, `attribute_names`, `compression`, `shuffle_seed` and `instance_groups` are known on the
    platform's side only; the container sees a folder, or FIFOs. `distribution` is ``FullyReplicated`` or
    ``ShardedByS3Key``. The channel is for the hosts of `instance_groups` only; for all where none is named.
    """

    name: str
    uri: str = ""
    source_type: SourceType = SourceType.PREFIX
    attribute_names: tuple[str, ...] = ()
    input_mode: InputMode = InputMode.FILE
    content_type: str | None = None
    distribution: str = "FullyReplicated"
    record_wrapper: RecordWrapper = RecordWrapper.NONE
    compression: Compression = Compression.NONE
    shuffle_seed: int | None = None
    instance_groups: tuple[str, ...] = ()

    @property
    def is_sharded(self) -> bool:
        """Whether each host gets its share of the objects, and not all of them."""
        return self.distribution == SHARDED_BY_S3_KEY

    @classmethod
    def from_request(cls, channel: Mapping[str, Any], *, default_mode: InputMode) -> "Channel":
        """The channel that one entry of a request's (valid) InputDataConfig describes."""
        source = channel["DataSource"].get("S3DataSource", {})
        return cls(
            name=channel["ChannelName"],
            uri=source.get("S3Uri", ""),
            source_type=SourceType(source.get("S3DataType", SourceType.PREFIX)),
            attribute_names=tuple(source.get("AttributeNames", ())),
            input_mode=InputMode(channel.get("InputMode", default_mode)),
            content_type=channel.get("ContentType"),
            distribution=source.get("S3DataDistributionType", "FullyReplicated"),
            record_wrapper=RecordWrapper(channel.get("RecordWrapperType", RecordWrapper.NONE)),
            compression=Compression(channel.get("CompressionType", Compression.NONE)),
            shuffle_seed=channel.get("ShuffleConfig", {}).get("Seed"),
            instance_groups=tuple(source.get("InstanceGroupNames", ())),
        )


def format_input_data_config(channels: Iterable[Channel]) -> str:
    """The text of ``inputdataconfig.json``. Bucket names are not passed on; ContentType only when it was given."""
    document: dict[str, dict[str, str]] = {}
    for channel in channels:
        entry = {
            "TrainingInputMode": str(channel.input_mode),
            "S3DistributionType": channel.distribution,
            "RecordWrapperType": str(channel.record_wrapper),
        }
        if channel.content_type is not None:
            entry["ContentType"] = channel.content_type
        document[channel.name] = entry
    return json.dumps(document, sort_keys=True)


def parse_input_data_config(text: str) -> dict[str, Channel]:
    """The channels that ``inputdataconfig.json`` lists, by name; raises InvalidConfigFile."""
    try:
        document = json.loads(text)
        return {name: _channel(name, entry) for name, entry in document.items()}
    except (json.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise InvalidConfigFile(f"inputdataconfig.json: {error}") from error


def _channel(name: str, entry: Mapping[str, Any]) -> Channel:
    return Channel(
        name=name,
        input_mode=InputMode(entry.get("TrainingInputMode", "File")),
        content_type=entry.get("ContentType"),
        distribution=str(entry.get("S3DistributionType", "FullyReplicated")),
        record_wrapper=RecordWrapper(entry.get("RecordWrapperType", "None")),
    )
