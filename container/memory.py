"""How much memory this container may still use, and whom the kernel ends first when there is none left."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: For `expose_to_memory_killer`: who loads a model goes before those who serve one, and those before the server.
WHILE_LOADING, WHILE_SERVING = 1000, 500

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_KIBIBYTE, _MEBIBYTE = 2**10, 2**20
_SPARE_BYTES, _SPARE_SHARE = 256 * _MEBIBYTE, 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Bytes that this container may use in all, and that it may still use."""

    limit: int
    left: int

    @property
    def is_short(self) -> bool:
        """Whether no more should be put into it: a tenth of it, up to 256 MiB, has to be left for work."""
        return self.left < min(_SPARE_BYTES, _SPARE_SHARE * self.limit)

    def __str__(self) -> str:
        return f"{self.left // _MEBIBYTE} of {self.limit // _MEBIBYTE} MiB are left"


def read_memory(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> Memory:
    """By the container's limit, or by the machine where that has less; files kept in memory count as free."""
    machine = dict(line.split(":") for line in meminfo.read_text().splitlines())
    total, available = (int(machine[name].split()[0]) * _KIBIBYTE for name in ("MemTotal", "MemAvailable"))
    limit, used = _version_2(cgroup) or _version_1(cgroup) or (total, total - available)
    return Memory(limit=min(limit, total), left=min(limit - used, available))


def is_memory_error(error: BaseException) -> bool:
    """Whether `error` says that memory is short. Of a GPU's, frameworks have no class in common, only the words."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def expose_to_memory_killer(score: int, process: Path = Path("/proc/self")) -> None:
    """Say how gladly this process is ended when memory runs out, from 0 to 1000; where that is forbidden, nothing."""
    with suppress(OSError):
        (process / "oom_score_adj").write_text(str(score))


def _version_2(cgroup: Path) -> tuple[int, int] | None:
    names = ("memory.max", "memory.current", "memory.stat")
    return _limit_and_use([cgroup / name for name in names], ("inactive_file", "active_file"))


def _version_1(cgroup: Path) -> tuple[int, int] | None:
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    return _limit_and_use([cgroup / "memory" / name for name in names], ("total_inactive_file", "total_active_file"))


def _limit_and_use(paths: list[Path], kept_files: tuple[str, str]) -> tuple[int, int] | None:
    """The limit in bytes and what counts of it; None where there is no limit, or none of this version."""
    try:
        limit, used, statistics = (path.read_text() for path in paths)
        shares = dict(line.split() for line in statistics.splitlines())
        return int(limit), int(used) - sum(int(shares[name]) for name in kept_files)
    except (OSError, ValueError, KeyError):  # ValueError: "max"
        return None
