"""The checks of ``algodock doctor``, on a machine made of values."""

import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuner.doctor import (
    BASE_IMAGE,
    REFERENCE_IMAGE,
    UPSTREAM_IMAGE,
    CheckResult,
    CheckStatus,
    Surroundings,
    ask_pip,
    check_clock,
    check_home,
    check_room,
    run_checks,
)
from tuner.engine.fake import START_SECONDS, FakeEngine
from tuner.engine.fake_container import FakeContainer
from tuner.engine.gpus import Gpu
from tuner.errors import EngineRejected
from tuner.profile import HostProfile

GPU = Gpu(uuid="GPU-a", index="0", name="Some GPU", memory_bytes=8 * 10**9)


def train(_: FakeContainer) -> None:
    """An image's program; it is never run here."""


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that has all that the checks look for."""
    engine = FakeEngine({BASE_IMAGE: train, REFERENCE_IMAGE: train}, gpus=("GPU-a",))
    engine.registry[UPSTREAM_IMAGE] = train
    return engine


@pytest.fixture
def surroundings() -> Surroundings:
    """A machine with room, a package index, and no GPU."""
    return Surroundings(
        clock=lambda: START_SECONDS,
        free_bytes=lambda _: 100 * 10**9,
        find_gpus=tuple,
        ask_package_index=lambda: "",
    )


@pytest.fixture
def profile(tmp_path: Path) -> HostProfile:
    """A home that is not made yet."""
    return HostProfile(home=tmp_path / "home")


def by_name(results: Sequence[CheckResult]) -> Mapping[str, CheckResult]:
    """The results by the name of the check."""
    return {result.name: result for result in results}


def test_a_machine_that_has_everything_passes_every_check(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """In this order; nothing needs a remedy, and nothing was made."""
    results = list(run_checks(engine, profile, surroundings))

    assert [
        "engine",
        "clock",
        "machine",
        "engine disk",
        "home",
        "base image",
        "reference image",
        "image registry",
        "GPUs",
        "package index",
    ] == [result.name for result in results]
    assert [(CheckStatus.OK, "")] * 10 == [(result.status, result.remedy) for result in results]
    assert not profile.home.exists()


def test_without_an_engine_the_other_checks_are_still_made(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """What only an engine can tell is left out."""
    engine.reachable = False
    results = by_name(list(run_checks(engine, profile, surroundings)))

    assert ["engine", "home", "GPUs", "package index"] == list(results)
    assert CheckStatus.FAIL == results["engine"].status
    assert results["engine"].remedy


@pytest.mark.parametrize(
    ("changes", "status", "expected"),
    [
        ({}, CheckStatus.OK, "Docker "),
        ({"is_podman": True, "has_user_mode_network": True}, CheckStatus.OK, "Podman "),
        ({"is_podman": True}, CheckStatus.WARN, "containers reach each other"),
        ({"is_rootless": True, "limits_cpus": False}, CheckStatus.WARN, ", rootless (API"),
        ({"limits_memory": False, "limits_processes": False}, CheckStatus.WARN, "a limit of memory, processes: jobs"),
    ],
)
def test_the_engine_is_named_with_what_it_cannot_do(
    engine: FakeEngine,
    profile: HostProfile,
    surroundings: Surroundings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    changes: Mapping[str, Any],
    status: CheckStatus,
    expected: str,
) -> None:
    """Docker or Podman, as root or not; a limit that is not held is said before a job takes the machine down."""
    facts = replace(engine.facts(), **changes)
    monkeypatch.setattr(engine, "facts", lambda: facts)
    result = by_name(list(run_checks(engine, profile, surroundings)))["engine"]

    assert status == result.status
    assert expected in result.message
    assert bool(result.remedy) == (status is CheckStatus.WARN)


@pytest.mark.parametrize("name", ["base image", "reference image"])
def test_a_missing_image_is_a_warning_with_a_remedy(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings, name: str
) -> None:
    """Jobs with images of their own run all the same."""
    engine.images.clear()
    result = by_name(list(run_checks(engine, profile, surroundings)))[name]

    assert CheckStatus.WARN == result.status
    assert "make setup" in result.remedy


def test_a_registry_out_of_reach_is_a_warning_that_says_what_works_without(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """Nothing is fetched to find out."""
    engine.registry.clear()
    result = by_name(list(run_checks(engine, profile, surroundings)))["image registry"]

    assert CheckStatus.WARN == result.status
    assert "Images that are here already work" in result.message
    assert UPSTREAM_IMAGE not in engine.images


def test_a_package_index_out_of_reach_is_a_warning(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """Only building images needs it."""
    cut_off = replace(surroundings, ask_package_index=lambda: "no route to host")
    result = by_name(list(run_checks(engine, profile, cut_off)))["package index"]

    assert CheckStatus.WARN == result.status
    assert "no route to host" in result.message


def test_pip_is_asked_with_its_own_settings(tmp_path: Path) -> None:
    """Its last word is passed on; an interpreter without pip says so."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'WARNING: slow' >&2\necho 'ERROR: No matching distribution' >&2\nexit 1\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)

    assert "No matching distribution" == ask_pip(str(python))


@pytest.mark.parametrize(
    ("free", "status"),
    [(10 * 10**9, CheckStatus.OK), (10**10 - 1, CheckStatus.WARN), (2 * 10**9 - 1, CheckStatus.FAIL)],
)
def test_little_room_warns_and_very_little_fails(tmp_path: Path, free: int, status: CheckStatus) -> None:
    """10 GB are enough, under 2 GB nothing works."""
    result = check_room("home", tmp_path, lambda _: free)

    assert status == result.status
    assert (status is CheckStatus.OK) == (not result.remedy)


def test_a_folder_that_cannot_be_looked_at_is_a_warning(tmp_path: Path) -> None:
    """The engine may keep its files in a virtual machine."""

    def missing(_: Path) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    assert CheckStatus.WARN == check_room("engine disk", tmp_path, missing).status


def test_an_engine_elsewhere_has_its_disk_elsewhere(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """Its folder's name means nothing on this machine."""
    elsewhere = replace(profile, docker_host="tcp://elsewhere:2375")

    assert "engine disk" not in by_name(list(run_checks(engine, elsewhere, surroundings)))


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    """The message names what stands in the way."""
    (tmp_path / "file").touch()
    result = check_home(tmp_path / "file" / "home", lambda _: 10**12)

    assert CheckStatus.FAIL == result.status
    assert "file" in result.message
    assert "ALGODOCK_HOME" in result.remedy


@pytest.mark.parametrize(
    ("engine_time", "status"),
    [(98.1, CheckStatus.OK), (105.0, CheckStatus.OK), (111.9, CheckStatus.OK), (97.9, CheckStatus.WARN)],
)
def test_the_clocks_may_differ_by_two_seconds(engine_time: float, status: CheckStatus) -> None:
    """Asked at 100 and answered at 110: any time between is right."""
    assert status == check_clock(engine_time, 100.0, 110.0).status


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        ({"cpus": 2.0}, CheckStatus.OK),
        ({"cpus": 64.0}, CheckStatus.FAIL),
        ({"memory_bytes": 10**13}, CheckStatus.WARN),
    ],
)
def test_limits_are_held_against_what_the_machine_has(
    engine: FakeEngine,
    profile: HostProfile,
    surroundings: Surroundings,
    limits: Mapping[str, float],
    status: CheckStatus,
) -> None:
    """More processors than there are is what the engine refuses; more memory is what it allows."""
    limited = replace(profile, **limits)  # type: ignore[arg-type]

    assert status == by_name(list(run_checks(engine, limited, surroundings)))["machine"].status


def gpu_result(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings, found: Callable[[], Sequence[Gpu]]
) -> CheckResult:
    """The result of the check of GPUs where the driver reports `found`."""
    return by_name(list(run_checks(engine, profile, replace(surroundings, find_gpus=found))))["GPUs"]


def test_gpus_that_containers_can_use_are_named(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """Name, memory and id."""
    result = gpu_result(engine, profile, surroundings, lambda: (GPU,))

    assert (CheckStatus.OK, "Some GPU (8 GB, GPU-a); containers can use them") == (result.status, result.message)


@pytest.mark.parametrize(("wanted", "status"), [(None, CheckStatus.WARN), (("GPU-a",), CheckStatus.FAIL)])
def test_gpus_that_containers_cannot_use(
    engine: FakeEngine,
    profile: HostProfile,
    surroundings: Surroundings,
    wanted: tuple[str, ...] | None,
    status: CheckStatus,
) -> None:
    """A warning where nobody asked for them, a failure where the profile does."""
    engine.gpus = ()
    result = gpu_result(engine, replace(profile, gpus=wanted), surroundings, lambda: (GPU,))

    assert status == result.status
    assert "cannot use them" in result.message


def test_a_gpu_of_the_profile_that_is_not_there_fails_the_check(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """Every job would be refused."""
    result = gpu_result(engine, replace(profile, gpus=("GPU-z",)), surroundings, lambda: (GPU,))

    assert CheckStatus.FAIL is result.status
    assert "GPU-z is no GPU of this machine. There are GPU-a (index 0, Some GPU)" in result.message


def test_whether_containers_can_use_gpus_is_not_seen_without_an_image(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """The check needs one to make a container of."""
    engine.images.clear()

    assert CheckStatus.WARN == gpu_result(engine, profile, surroundings, lambda: (GPU,)).status


def test_a_refusal_of_the_engine_fails_the_check_and_no_other(
    engine: FakeEngine, profile: HostProfile, surroundings: Surroundings
) -> None:
    """The engine's own log is then where to look."""
    engine.refuse_next("image", EngineRejected("layer does not exist"))
    results = by_name(list(run_checks(engine, profile, surroundings)))

    assert (CheckStatus.FAIL, "layer does not exist") == (results["base image"].status, results["base image"].message)
    assert "journalctl" in results["base image"].remedy
    assert CheckStatus.OK == results["reference image"].status
