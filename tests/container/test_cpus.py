"""How many threads a container may usefully start."""

import os
from pathlib import Path

import pytest

from container.cpus import available_cpus, limit_threads


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system lets this process run on eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("1600000 100000\n", 8),
    ],
)
def test_a_quota_of_cgroup_version_2_is_heeded(tmp_path: Path, text: str, expected: int) -> None:
    """``docker run --cpus 2`` on a machine with eight; a fraction is rounded down, but never to nothing."""
    write(tmp_path / "cpu.max", text)

    assert expected == available_cpus(tmp_path)


@pytest.mark.parametrize(("quota", "expected"), [("-1\n", 8), ("200000\n", 2), ("50000\n", 1)])
def test_a_quota_of_cgroup_version_1_is_heeded(tmp_path: Path, quota: str, expected: int) -> None:
    """Version 1 writes -1 for no quota."""
    write(tmp_path / "cpu/cpu.cfs_quota_us", quota)
    write(tmp_path / "cpu/cpu.cfs_period_us", "100000\n")

    assert expected == available_cpus(tmp_path)


def test_without_a_quota_affinity_counts(tmp_path: Path) -> None:
    """``--cpuset-cpus`` shows in the affinity alone."""
    assert 8 == available_cpus(tmp_path)


def test_threads_are_limited_unless_the_starter_of_the_container_did() -> None:
    """A job's Environment has the last word."""
    unlimited: dict[str, str] = {}
    limited = {"OMP_NUM_THREADS": "3"}

    limit_threads(unlimited)
    limit_threads(limited)

    assert 1 <= int(unlimited["OMP_NUM_THREADS"]) <= 8
    assert {"OMP_NUM_THREADS": "3"} == limited
