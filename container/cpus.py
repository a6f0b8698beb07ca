"""How many processors this container may really use.

`os.cpu_count` tells of the machine, not of the container: a deep-learning framework that starts a thread for each of
those, in a container that may use one, spends its time with threads that wait for each other. Measured with the
reference image on two cores, images a second of each of two containers side by side: 200 with two threads each, 535
with one.
"""

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

#: Read by OpenMP (so by MXNet and OpenBLAS) when the library is loaded, not later.
THREADS_VARIABLE = "OMP_NUM_THREADS"

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Processors by affinity (``--cpuset-cpus``) and quota (``--cpus``), whichever is less; at least 1.

    A quota of 1.5 counts as 1: a second thread would be halted half of the time while the first one waits for it.
    """
    by_affinity = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return by_affinity if quota is None else max(1, min(by_affinity, math.floor(quota)))


def limit_threads(variables: MutableMapping[str, str]) -> None:
    """Set the number of OpenMP threads to the available processors, unless whoever started the container has."""
    variables.setdefault(THREADS_VARIABLE, str(available_cpus()))


def _quota(cgroup: Path) -> float | None:
    """The quota in processors, or None where there is none; cgroup version 2 first, then version 1."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = _version_1(cgroup)
    try:
        processors = float(quota) / float(period)
    except (ValueError, ZeroDivisionError):  # "max", or nothing to be read
        return None
    return processors if processors > 0 else None  # version 1 writes -1 for no quota


def _version_1(cgroup: Path) -> tuple[str, str]:
    folder = cgroup / "cpu"
    try:
        return (folder / "cpu.cfs_quota_us").read_text(), (folder / "cpu.cfs_period_us").read_text()
    except OSError:
        return "max", "100000"
