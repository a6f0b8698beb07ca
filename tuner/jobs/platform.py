"""What every container of ours gets from the platform, whatever it runs: its name, and variables of its environment."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

#: What the platform tells every container. It is in no region of the cloud, and has no credentials to give.
PLATFORM_ENVIRONMENT: Mapping[str, str] = {"AWS_REGION": "local"}


def container_name(home: Path, *words: str) -> str:
    """The name of a container of `home`: the same at every try, and not that of another home on the same engine."""
    mark = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    return "-".join(("algodock", mark, *words))
