"""What Podman says in another way than Docker, and how its logs are followed."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuner.engine import wire
from tuner.engine.frames import demultiplex, encoded, frames_of
from tuner.engine.kernel_log import has_outgrown_its_memory, was_killed_for_memory
from tuner.engine.podman import check_gpus_wanted, check_sources, is_podman, podman_facts
from tuner.engine.polled_log import PolledLog
from tuner.engine.protocol import (
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    EngineFacts,
    FrameBlock,
    LogFrame,
    Mount,
    Stream,
)
from tuner.engine.refusals import start_refusal
from tuner.errors import EngineRejected, GpuUnavailable

FACTS = EngineFacts(
    name="host",
    version="4.3.1",
    api_version="1.41",
    storage_driver="overlay",
    root="/var/lib/containers/storage",
    cpus=2,
    memory_bytes=1_000,
    system_time=0.0,
)
FRAMES = [LogFrame(stream=Stream.STDOUT, timestamp="2026-12-01T08:52:09Z", payload=b"%d\n" % n) for n in range(9)]


class Recorded:
    """A reading of a log that is as it was at some moment."""

    def __init__(self, *blocks: Sequence[LogFrame]) -> None:
        self._blocks = [encoded(block) for block in blocks]

    def __iter__(self) -> Iterator[FrameBlock]:
        return iter(self._blocks)

    def close(self) -> None:
        """It holds nothing."""


def test_each_frame_is_given_once_however_often_the_log_is_read() -> None:
    """What is new is cut off where the reading before ended, in the middle of a block or between two."""
    readings = iter([Recorded(FRAMES[:2]), Recorded(FRAMES[:4], FRAMES[4:5]), Recorded(FRAMES[:5], FRAMES[5:])])
    ends = iter([False, True])

    log = PolledLog(lambda: next(readings), lambda: next(ends))

    assert list(frames_of(log)) == FRAMES


def test_a_reading_that_is_closed_waits_for_no_end() -> None:
    """Also when another thread waits for the container meanwhile."""
    log = PolledLog(lambda: Recorded(FRAMES[:1]), lambda: False)
    seen: list[FrameBlock] = []
    reader = threading.Thread(target=lambda: seen.extend(log))
    reader.start()
    log.close()
    reader.join(10)

    assert not reader.is_alive()


def test_a_short_timestamp_does_not_run_into_the_text() -> None:
    """Podman leaves out the fraction; the text may have a blank where Docker's timestamp would end."""
    frame = LogFrame(stream=Stream.STDERR, timestamp="2026-12-01T08:52:09Z", payload=b"nc: can't connect\n")
    (block,) = demultiplex([encoded([frame]).content])

    assert [frame] == list(block.frames())


@pytest.mark.parametrize(("name", "expected"), [("Podman Engine", True), ("Engine", False)])
def test_podman_is_known_by_its_components(name: str, expected: bool) -> None:
    """Its answer about its version lists them."""
    assert expected == is_podman({"Components": [{"Name": name}]})


def test_the_limits_are_those_of_the_groups_that_podman_was_given() -> None:
    """Docker's API would tell what the kernel can do, which is more."""
    told: dict[str, Any] = {"host": {"cgroupControllers": ["pids"], "security": {"rootless": True}}}
    facts = podman_facts(FACTS, told)
    spec = ContainerSpec(name="c", image="i", environment={}, labels={}, memory_bytes=1, cpus=1.0)

    assert (True, True, False) == (facts.is_podman, facts.is_rootless, facts.names_interfaces)
    assert (False, False, True) == (facts.limits_memory, facts.limits_cpus, facts.limits_processes)
    assert replace(spec, memory_bytes=None, cpus=None) == wire.within_limits(spec, facts)
    assert spec == wire.within_limits(spec, FACTS)


def test_gpus_are_refused_in_words() -> None:
    """Podman 4.3 leaves such a request out without a word, and a job would train on the CPU."""
    check_gpus_wanted(())

    with pytest.raises(GpuUnavailable, match=r"Podman hands out no GPUs .*\(GPU-a\)"):
        check_gpus_wanted(("GPU-a",))


def test_a_source_that_is_missing_is_named(tmp_path: Path) -> None:
    """Before a container is made that cannot start."""
    check_sources([Mount(source=tmp_path, target="/opt/ml/input")])

    with pytest.raises(EngineRejected, match=r"/opt/ml/model: there is no .*/nowhere"):
        check_sources([Mount(source=tmp_path / "nowhere", target="/opt/ml/model")])


@pytest.mark.parametrize(
    ("attributes", "exit_code", "expected"),
    [
        ([{"signal": "15"}, {"signal": "9"}], 137, ("SIGTERM", "SIGKILL")),
        ([{}, {}], 137, ("SIGKILL",)),
        ([{}], 143, ("SIGTERM",)),
        ([{}], 0, ()),
        ([], 137, ()),
    ],
)
def test_the_last_signal_is_told_by_the_exit_code_where_the_engine_does_not(
    attributes: list[dict[str, str]], exit_code: int, expected: tuple[str, ...]
) -> None:
    """Podman notes that there was one, and not which."""
    state = ContainerState(status=ContainerStatus.EXITED, exit_code=exit_code)
    events = [{"timeNano": 1_000_000_000, "Actor": {"Attributes": one}} for one in attributes]

    assert expected == wire.signals_until(events, state, 1.0)
    assert () == wire.signals_until(events, state, 0.5)


def test_the_kernel_tells_who_has_outgrown_its_own_limit() -> None:
    """From who was killed because the whole machine had no memory."""
    line = (
        "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/libpod_parent/c0ffee,task_memcg=/libpod_parent/c0ffee,task=x"
    )
    log = [(1.0, line)]

    assert has_outgrown_its_memory("c0ffee", log)
    assert not has_outgrown_its_memory("other", log)
    assert not was_killed_for_memory("c0ffee", log)


def test_crun_says_in_its_own_words_that_a_program_is_missing() -> None:
    """The runtime of most Podmans; these are the words of 1.8.1."""
    words = (
        "crun: executable file `train` not found in $PATH: No such file or directory: OCI runtime attempted to invoke"
    )
    refusal = start_refusal(words, is_failure=True)

    assert 'The image\'s entry point "train" cannot be run: not found in $PATH.' in str(refusal)
