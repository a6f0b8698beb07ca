"""The good case: what the author of an image says it can be trained with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from contracts.channels import Compression, InputMode, RecordWrapper, SourceType
from contracts.metrics import MetricDefinition
from contracts.tuning import EPOCH_NAMES

_SEED_NAMES = ("seed", "random_seed", "random-seed", "random_state")
#: What names of hyperparameters begin with that the SDK adds for its toolkits: which program to run, what to log.
SDK_PREFIX = "sagemaker_"
#: What training is made longer by where it is to be interrupted.
_LONGER = 1000


class Claim(StrEnum):
    """What an author claims of an image, so that the items about it apply."""

    ARTIFACTS = "artifacts"  #: beside the model it leaves files in /opt/ml/output/data
    CHECKPOINTS = "checkpoints"
    HOSTS = "hosts"  #: it trains on several hosts
    ISOLATION = "isolation"
    PIPE = "pipe"
    RECORD_IO = "recordio"  #: in Pipe mode it reads RecordIO, one record an object


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenChannel:
    """A channel of the good case; `path` is a folder or a file of this host.

    One of `mode` Pipe is fed through FIFOs in every run, and claims that the image reads them. `attribute_names` are
    those of an augmented manifest, in the order in which each line gives them.
    """

    name: str
    path: Path
    content_type: str | None = None
    mode: InputMode = InputMode.FILE
    record_wrapper: RecordWrapper = RecordWrapper.NONE
    compression: Compression = Compression.NONE
    source_type: SourceType = SourceType.PREFIX
    attribute_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GoodCase:
    """An image and a job that it can do.

    `invalid` are hyperparameters that the image documents as invalid; without any, what is a number in
    `hyperparameters` is replaced by a word. Channels not in `optional_channels` are required.
    """

    image: str
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    channels: tuple[GivenChannel, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricDefinition, ...] = ()
    objective: str | None = None
    optional_channels: frozenset[str] = frozenset()
    invalid: Mapping[str, str] = field(default_factory=dict)
    claims: frozenset[Claim] = frozenset()
    entry_point: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = ("train",)

    @property
    def epochs(self) -> int | None:
        """How many epochs the good case trains, where a hyperparameter says so."""
        name = self._first_of(EPOCH_NAMES)
        return None if name is None or not is_integer(self.hyperparameters[name]) else int(self.hyperparameters[name])

    @property
    def reads_pipes(self) -> bool:
        """Whether the image is said to read Pipe mode: claimed, or a channel of the good case is in it."""
        return Claim.PIPE in self.claims or any(channel.mode is InputMode.PIPE for channel in self.channels)

    @property
    def has_seed(self) -> bool:
        """Whether a hyperparameter is a seed."""
        return self._first_of(_SEED_NAMES) is not None

    @property
    def judged_metric(self) -> MetricDefinition | None:
        """The metric that trials are judged by: the objective, else the first definition."""
        named = [one for one in self.metrics if one.name == self.objective]
        return next(iter([*named, *self.metrics]), None)

    def longer(self) -> Mapping[str, str]:
        """The hyperparameters with a thousand times the epochs, where one counts them."""
        name, epochs = self._first_of(EPOCH_NAMES), self.epochs
        if name is None or epochs is None:
            return self.hyperparameters
        return {**self.hyperparameters, name: str(epochs * _LONGER)}

    def _first_of(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in self.hyperparameters), None)


def is_integer(text: str) -> bool:
    """Whether `text` is an integer as programs print it."""
    return text.lstrip("-").isdecimal() and text.isascii()


def is_fraction(text: str) -> bool:
    """Whether `text` is a finite number, and no integer."""
    try:
        return math.isfinite(float(text)) and not is_integer(text) and "_" not in text
    except ValueError:
        return False
