"""The data of a job, in the words of the official SDK: channels, and what `fit` takes as such."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The channel that data goes to when no channel is named.
DEFAULT_CHANNEL = "training"


@dataclass(frozen=True, slots=True)
class ShuffleConfig:
    """The seed from which the order of a channel's objects follows, another in each epoch of Pipe mode."""

    seed: int


class TrainingInput:
    """One channel. `s3_data` is where its files are: ``file://FOLDER`` (or ``s3://`` in the cloud).

    `attribute_names` are those of an augmented manifest, in the order in which they are wanted.
    """

    def __init__(  # noqa: PLR0917 - the official SDK's order
        self,
        s3_data: str | Path,
        distribution: str | None = "FullyReplicated",
        compression: str | None = None,
        content_type: str | None = None,
        record_wrapping: str | None = None,
        s3_data_type: str = "S3Prefix",
        *,
        input_mode: str | None = None,
        attribute_names: Sequence[str] | None = None,
        shuffle_config: ShuffleConfig | None = None,
    ) -> None:
        source: dict[str, Any] = {"S3DataType": s3_data_type, "S3Uri": _uri(s3_data)}
        if distribution is not None:
            source["S3DataDistributionType"] = distribution
        if attribute_names is not None:
            source["AttributeNames"] = list(attribute_names)
        optional = {
            "CompressionType": compression,
            "ContentType": content_type,
            "RecordWrapperType": record_wrapping,
            "InputMode": input_mode,
            "ShuffleConfig": None if shuffle_config is None else {"Seed": shuffle_config.seed},
        }
        #: The channel as the API has it, without its name.
        self.config: dict[str, Any] = {
            "DataSource": {"S3DataSource": source},
            **{member: value for member, value in optional.items() if value is not None},
        }


#: What `fit` takes: nothing, the data of the channel ``training``, or several channels by name.
Inputs = str | Path | TrainingInput | Mapping[str, str | Path | TrainingInput] | None


def input_data_config(inputs: Inputs) -> list[dict[str, Any]]:
    """The InputDataConfig of a request, from what was given to `fit`."""
    if inputs is None:
        return []
    named = inputs if isinstance(inputs, Mapping) else {DEFAULT_CHANNEL: inputs}
    return [{"ChannelName": name, **_channel(source).config} for name, source in named.items()]


def _channel(source: str | Path | TrainingInput) -> TrainingInput:
    return source if isinstance(source, TrainingInput) else TrainingInput(source)


def _uri(place: str | Path) -> str:
    """An address as it is; a path as ``file://``, so that a `Path` may be given too."""
    return place.absolute().as_uri() if isinstance(place, Path) else place
