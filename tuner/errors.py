"""Errors of the tuner.

TunerError
├── ValidationError        a request that AWS would refuse; code ValidationException, all reasons at once
├── ResourceInUse          a job of that name exists already; code ResourceInUse
├── ResourceNotFound       no job of that name; code ResourceNotFound
├── JobFileError           a job file that cannot be read as a request at all
├── InfeasibleSpace        hardly any configuration keeps the constraints of a search
├── NotSupported           a request that AWS would take and this version does not
├── ChannelError           the data of a channel cannot be given to a container
├── HomeInUse              another process works this home
├── StoreError             the home's database cannot be read or written
└── EngineError            something about the container engine
    ├── EngineUnreachable  no engine answers
    ├── EngineRejected     the engine answered, with a refusal
    │   ├── ImageNotFound
    │   ├── EngineFailed   it could not do what it was asked, through no fault of ours
    │   ├── GpuUnavailable the engine cannot hand out the GPUs asked for
    │   │   └── GpuTaken   another home on the same engine uses one of them
    │   └── NameTaken      a container or network of that name exists already
    └── ContainerNotFound
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

#: Where in a request something is: member names, and positions in lists from 0.
RequestPath = tuple[str | int, ...]


class ViolationKind(Enum):
    """Who would refuse a request, in the order in which they look at it."""

    PARAMETER = auto()  #: botocore, before anything is sent: an unknown member, a wrong type
    CONSTRAINT = auto()  #: the service's model: patterns, lengths, enums, missing members
    RULE = auto()  #: the service's meaning: an objective that no metric has, a range upside down
    NOT_SUPPORTED = auto()  #: nobody at AWS, but this version of Algodock


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One reason why a request is refused.

    `message` is AWS's own text where that is known; `hint` is ours; `line` counts from 1 and is None where the request
    did not come from a file.
    """

    path: RequestPath
    message: str
    kind: ViolationKind
    hint: str | None = None
    line: int | None = None

    @property
    def member(self) -> str:
        """The path as people write it: ``TrainingJobDefinition.InputDataConfig[0].ChannelName``."""
        parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(parts).removeprefix(".") or "(the whole request)"

    def __str__(self) -> str:
        return f"{self.member}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class TunerError(Exception):
    """Something the user can mend; the text says what, where and what to do."""


class ValidationError(TunerError):
    """A request that AWS would refuse; the text has all reasons, one a line, and `violations` has them as values."""

    code = "ValidationException"

    def __init__(self, text: str = "", violations: Iterable[Violation] = ()) -> None:
        super().__init__(text)
        self.violations = tuple(violations)


class ResourceInUse(TunerError):
    """A job of that name exists already."""

    code = "ResourceInUse"


class ResourceNotFound(TunerError):
    """There is no job of that name."""

    code = "ResourceNotFound"


class JobFileError(TunerError):
    """A job file that cannot be read as a request at all."""


class InfeasibleSpace(TunerError):
    """Hardly any configuration keeps the constraints of a search; the text begins with a small letter."""


class NotSupported(TunerError):
    """A request that AWS would take and this version of Algodock does not; all reasons at once, as `violations` too."""

    def __init__(self, text: str = "", violations: Iterable[Violation] = ()) -> None:
        super().__init__(text)
        self.violations = tuple(violations)


class ChannelError(TunerError):
    """The data of a channel cannot be given to a container: it is not there, or not what it has to be."""


class HomeInUse(TunerError):
    """Another process works this home."""


class StoreError(TunerError):
    """The home's database cannot be read or written."""


class EngineError(TunerError):
    """Something about the container engine."""


class EngineUnreachable(EngineError):
    """No engine answers."""


class EngineRejected(EngineError):
    """The engine answered, with a refusal."""


class ImageNotFound(EngineRejected):
    """The engine does not have the image, and no registry gave it."""


class EngineFailed(EngineRejected):
    """The engine could not do what it was asked, through no fault of who asked: the same may go well later."""


class GpuUnavailable(EngineRejected):
    """The engine cannot hand out the GPUs that were asked for."""


class GpuTaken(GpuUnavailable):
    """Another home on the same engine uses a GPU that was about to be used: try again later."""


class NameTaken(EngineRejected):
    """The engine has a container or a network of that name already."""


class ContainerNotFound(EngineError):
    """The engine does not have the container (any more)."""
