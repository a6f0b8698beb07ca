"""One thing that nobody needs any more."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class LeftoverKind(StrEnum):
    """What kind of thing was left, in the order in which things are removed."""

    CONTAINER = "container"
    NETWORK = "network"
    FOLDER = "folder"
    FILE = "file"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftover:
    """One thing that nobody needs any more, and `why`.

    `name` is what people know it by: a container's or a network's name, else the path. `identity` is what it is removed
    by. Of a folder, `spared` names what in it stays. `lock` is a file or folder whose lock its owner would hold: it is
    removed only by who gets that lock. `image` is one that made the files, and can remove them where we may not.
    """

    kind: LeftoverKind
    name: str
    identity: str
    why: str
    size_bytes: int = 0
    spared: tuple[str, ...] = ()
    lock: Path | None = None
    image: str | None = None

    @property
    def path(self) -> Path:
        """Where a folder or file is."""
        return Path(self.identity)
