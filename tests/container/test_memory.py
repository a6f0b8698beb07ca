"""How much memory a container has left, by either version of the kernel's groups or by the machine alone."""

from pathlib import Path

import pytest

from container.memory import Memory, expose_to_memory_killer, is_memory_error, read_memory

MEGABYTE = 2**20


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    """A machine of 1000 MiB, of which 600 are free."""
    path = tmp_path / "meminfo"
    path.write_text(f"MemTotal: {1000 * 1024} kB\nMemFree: 1 kB\nMemAvailable: {600 * 1024} kB\nHugePages_Total: 0\n")
    return path


def write_group(folder: Path, names: tuple[str, str], limit: str, files: str) -> Path:
    """A group that uses 100 MiB, of which 30 are files that are only kept."""
    folder.mkdir(parents=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{100 * MEGABYTE}\n")
    (folder / "memory.stat").write_text(
        f"anon 1\n{files}inactive_file {20 * MEGABYTE}\n{files}active_file {10 * MEGABYTE}\n"
    )
    return folder


def test_a_limit_of_the_second_version_counts_without_kept_files(tmp_path: Path, meminfo: Path) -> None:
    """The kernel drops those when memory gets short."""
    group = write_group(tmp_path / "v2", ("memory.max", "memory.current"), str(200 * MEGABYTE), "")

    assert Memory(limit=200 * MEGABYTE, left=130 * MEGABYTE) == read_memory(group, meminfo)


def test_a_limit_of_the_first_version_counts_as_well(tmp_path: Path, meminfo: Path) -> None:
    """It lies in a folder of its own, under other names."""
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    group = write_group(tmp_path / "v1" / "memory", names, str(200 * MEGABYTE), "total_")

    assert Memory(limit=200 * MEGABYTE, left=130 * MEGABYTE) == read_memory(group.parent, meminfo)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_without_a_limit_the_machine_s_memory_counts(tmp_path: Path, meminfo: Path, limit: str) -> None:
    """The first version writes a huge number instead of none."""
    group = write_group(tmp_path / "v2", ("memory.max", "memory.current"), limit, "")

    assert Memory(limit=1000 * MEGABYTE, left=600 * MEGABYTE) == read_memory(group, meminfo)
    assert Memory(limit=1000 * MEGABYTE, left=600 * MEGABYTE) == read_memory(tmp_path / "nowhere", meminfo)


@pytest.mark.parametrize(("limit", "left", "expected"), [(300, 29, True), (300, 31, False), (64_000, 257, False)])
def test_a_tenth_is_left_for_work_but_not_more_than_256_megabytes(limit: int, left: int, expected: bool) -> None:
    """A large machine that is nearly full still has room for small models."""
    memory = Memory(limit=limit * MEGABYTE, left=left * MEGABYTE)

    assert expected == memory.is_short
    assert f"{left} of {limit} MiB are left" == str(memory)


def test_frameworks_say_in_words_that_a_gpu_s_memory_is_short() -> None:
    """Each with a class of its own."""
    assert is_memory_error(MemoryError())
    assert is_memory_error(RuntimeError("CUDA error: Out of memory"))
    assert not is_memory_error(ValueError("1"))


def test_a_process_says_how_gladly_it_is_ended(tmp_path: Path) -> None:
    """Where the kernel lets it: nothing is said where it does not."""
    expose_to_memory_killer(500, tmp_path)
    expose_to_memory_killer(500, tmp_path / "nowhere")

    assert "500" == (tmp_path / "oom_score_adj").read_text()
