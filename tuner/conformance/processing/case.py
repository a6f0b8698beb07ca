"""The good case of processing: a processing job that the image can do, with data of this host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenInput:
    """An input of the job: a folder or a file of this host, and the folder in which the container finds it."""

    name: str
    path: Path
    local_path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessingCase:
    """An image and a processing job that it can do.

    `outputs` are folders of the container by name. `entry_point` and `arguments` of None keep the image's own.
    """

    image: str
    inputs: tuple[GivenInput, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    entry_point: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    network: bool = True
