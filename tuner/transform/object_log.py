"""The data-log of a transform job: what was settled, and what failed, object by object."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path


class ObjectLog:
    """Lines in the form that the service gives them; may be written to by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, lines: Sequence[str], about: str = "") -> None:
        """Add `lines`, each with the time, and what they are `about` in front of it."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        subject = f"{about}: " if about else ""
        text = "".join(f"{now}:[sagemaker logs]: {subject}{line}\n" for line in lines)
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text)
