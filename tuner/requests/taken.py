"""Which members of a request are taken: a list a structure, and everything else that the service knows is refused.

So a member that a newer service model brings is refused until somebody has decided what it means here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuner.errors import RequestPath
from tuner.requests.node import Node
from tuner.requests.service_model import load_shapes

LATER = "is not in this version"
CLOUD = "is for the cloud only"

#: Values that ask for nothing.
_NOTHING: tuple[object, ...] = (None, "None", [], {})

#: Members that are refused: where, and in which words.
Found = Iterator[tuple[RequestPath, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The members of a structure that are taken; `shape` is the structure's name in the service model."""

    at: tuple[str, ...]
    shape: str
    members: frozenset[str]


def taken(at: str, shape: str, members: str) -> Taken:
    """The structure reached by the names in `at`, and the names in `members`."""
    return Taken(at=tuple(at.split()), shape=shape, members=frozenset(members.split()))


def others(node: Node, structures: tuple[Taken, ...], why: Mapping[str, str]) -> Found:
    """The members below `node` that the service knows and this version does not take.

    `why` says of some what to do instead; the others are just not in this version.
    """
    for structure in structures:
        place = node.member(*structure.at)
        known = load_shapes()[structure.shape]["members"]
        for name in place.names():
            if name in known and name not in structure.members and place.member(name).value not in _NOTHING:
                yield place.at(name), f"{name} {why.get(name, LATER)}"


def is_remote(uri: str | None) -> bool:
    """Whether `uri` names something that is not on this host."""
    return uri is not None and uri.startswith(("s3://", "https://"))
