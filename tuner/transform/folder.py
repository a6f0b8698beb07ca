"""A transform job's folder on this host: every path in it; nobody else joins paths."""

from pathlib import Path

from tuner.profile import HostProfile


class TransformFolder:
    """Every path of one transform job on the host."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def model(self) -> Path:
        """The unpacked model while the job runs."""
        return self.root / "model"

    @property
    def scratch(self) -> Path:
        """Output objects until they are whole, and answers that wait for their turn."""
        return self.root / "scratch"

    def log(self, host: str = "algo-1") -> Path:
        """The output of one host's container, line by line."""
        return self.root / "logs" / f"{host}.log"

    @property
    def object_log(self) -> Path:
        """What became of objects that failed, in the words of the service's stream of that name."""
        return self.root / "logs" / "data-log"

    @property
    def progress(self) -> Path:
        """How far the job is, for those who follow it."""
        return self.root / "progress.json"


def transform_folder(profile: HostProfile, name: str) -> TransformFolder:
    """The folder of the transform job called `name`."""
    return TransformFolder(profile.home / "transform" / name)
