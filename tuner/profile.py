"""The host profile: what differs per machine and therefore never stands in a job file.

Read from ``algodock.toml`` in the working folder, else in the home; environment variables win over the file, options
of the command line over both.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tuner.errors import TunerError

PROFILE_FILE = "algodock.toml"

_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


#: What has to be free of a disk that the profile says nothing about: the smaller of these.
_FREE_DISK_SHARE = 0.05
_FREE_DISK_BYTES = 5 * 2**30


class ProfileError(TunerError):
    """The host profile says something that cannot be."""


class IsolationItem(StrEnum):
    """What keeps a container from what is not its own and can be switched off: see docs/isolation.md."""

    CAPABILITIES = "capabilities"
    NETWORK = "network"
    METADATA = "metadata"
    MEMORY = "memory"


@dataclass(frozen=True, kw_only=True, slots=True)
class HostProfile:
    """What differs per machine.

    `home` is where everything is kept. `gpus` are the ids that may be leased, None for all that the driver reports.
    `gpus_per_training_job` None takes the number that the job's instance type has. `jobs_per_gpu` jobs may share a GPU,
    and one starts on it when the part `free_gpu_memory` of its share of the GPU's memory is free. The limits hold for
    each container: `cpus` None shares the host's evenly among the trials that a tuning job runs side by side, and
    leaves a single training job unlimited; the others' None is the engine's own. `isolation_off` are the items of the
    isolation that images of this machine have to do without. `free_disk_bytes` have to be free on the disks that are
    written to before a job starts; see `wanted_free_disk` for None.
    """

    home: Path
    docker_host: str | None = None
    gpus: tuple[str, ...] | None = None
    gpus_per_training_job: int | None = None
    jobs_per_gpu: int = 1
    free_gpu_memory: float = 0.75
    cpus: float | None = None
    memory_bytes: int | None = None
    shm_bytes: int | None = None
    isolation_off: frozenset[IsolationItem] = frozenset()
    free_disk_bytes: int | None = None

    def wanted_free_disk(self, disk_bytes: int) -> int:
        """How much of a disk of that size has to be free before a job starts, in bytes."""
        if self.free_disk_bytes is not None:
            return self.free_disk_bytes
        return min(int(_FREE_DISK_SHARE * disk_bytes), _FREE_DISK_BYTES)

    @property
    def has_local_engine(self) -> bool:
        """Whether the engine runs on this machine, so that its files and GPUs are this machine's."""
        return self.docker_host is None or self.docker_host.startswith("unix://")

    @property
    def database(self) -> Path:
        """The file that holds everything that is remembered."""
        return self.home / "algodock.db"

    @property
    def lock(self) -> Path:
        """The file whose lock makes one process the controller of the home."""
        return self.home / "controller.lock"

    def job_folder(self, training_job: str) -> Path:
        """The folder of one training job."""
        return self.home / "jobs" / training_job

    def processing_folder(self, processing_job: str) -> Path:
        """The folder of one processing job."""
        return self.home / "processing" / processing_job

    def tuning_folder(self, tuning_job: str) -> Path:
        """The folder of one tuning job's reports."""
        return self.home / "tuning" / tuning_job

    @property
    def cache(self) -> Path:
        """The folder of what was fetched from S3, for all jobs."""
        return self.home / "cache"

    def check_folder(self, check: str) -> Path:
        """The folder of one check."""
        return self.home / "checks" / check

    def check_folders(self) -> list[Path]:
        """The folders of checks of images, each locked by the process that makes the check."""
        return sorted(path for path in (self.home / "checks").glob("*") if path.is_dir() and not path.is_symlink())

    def endpoint_folder(self, endpoint: str) -> Path:
        """The folder of one endpoint: its lock, and the model while it is served."""
        return self.home / "endpoints" / endpoint

    def endpoint_lock(self, endpoint: str) -> Path:
        """The file whose lock makes one process the server of an endpoint."""
        return self.endpoint_folder(endpoint) / "lock"


def load_profile(
    environment: Mapping[str, str], working_folder: Path, overrides: Mapping[str, Any] | None = None
) -> HostProfile:
    """The profile of this machine; raises ProfileError for what cannot be read, naming the file or variable."""
    home = Path(environment.get("ALGODOCK_HOME") or Path(environment.get("HOME", "/root")) / ".algodock")
    settings: dict[str, Any] = {"home": home}
    for path in (working_folder / PROFILE_FILE, home / PROFILE_FILE):
        if path.is_file():
            settings.update(_read_file(path))
            break
    if "ALGODOCK_HOME" in environment:
        settings["home"] = home
    if environment.get("DOCKER_HOST"):
        settings["docker_host"] = environment["DOCKER_HOST"]
    if "ALGODOCK_GPUS" in environment:
        settings["gpus"] = _gpus(environment["ALGODOCK_GPUS"])
    settings.update({key: value for key, value in (overrides or {}).items() if value is not None})
    profile = HostProfile(**settings)
    return replace(profile, home=Path(os.path.abspath(profile.home.expanduser())))  # noqa: PTH100 - resolve() follows links


def parse_bytes(text: str) -> int:
    """A number of bytes such as ``8g``, ``512 MiB`` or ``1073741824``; raises ValueError."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 512m or 8g")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def _gpus(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        if value.strip().lower() == "all":
            return None
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list):
        return tuple(str(part) for part in value)
    raise ValueError(f"{value!r} is neither a list of GPU ids nor 'all'")


def _isolation_items(value: object) -> frozenset[IsolationItem]:
    known = [item.value for item in IsolationItem]
    if not isinstance(value, list) or not set(value) <= set(known):
        raise ValueError(f"{value!r} is not a list of {', '.join(known)}")
    return frozenset(IsolationItem(one) for one in value)


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{value!r} is not a number above 0")
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _at_least_one(value: object) -> int:
    if _count(value) < 1:
        raise ValueError(f"{value!r} is not a whole number of at least 1")
    return _count(value)


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is not a share between 0 and 1")
    return float(value)


def _size(value: object) -> int:
    return parse_bytes(str(value))


_SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "home": lambda value: Path(str(value)).expanduser(),
    "docker_host": str,
    "gpus": _gpus,
    "gpus_per_training_job": _count,
    "jobs_per_gpu": _at_least_one,
    "free_gpu_memory": _share,
    "cpus": _positive,
    "memory": _size,
    "shm": _size,
    "isolation_off": _isolation_items,
    "free_disk": _size,
}
_FIELD_NAMES = {"memory": "memory_bytes", "shm": "shm_bytes", "free_disk": "free_disk_bytes"}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
    settings: dict[str, Any] = {}
    for key, value in document.items():
        if key not in _SETTINGS:
            raise ProfileError(f"{path}: {key!r} is not a setting; there are: {', '.join(_SETTINGS)}")
        try:
            settings[_FIELD_NAMES.get(key, key)] = _SETTINGS[key](value)
        except ValueError as error:
            raise ProfileError(f"{path}: {key}: {error}") from error
    if "home" in settings and not settings["home"].is_absolute():
        settings["home"] = path.parent / settings["home"]
    return settings
