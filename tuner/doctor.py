"""The checks of ``algodock doctor``: has this machine what jobs need, and if not, what is to be done.

Each check looks and changes nothing (asking for GPUs starts and removes one container). One that fails does not keep
the others from being made.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tuner.engine.gpus import Gpu, choose_gpus
from tuner.engine.nvml import discover_gpus
from tuner.engine.protocol import Engine, EngineFacts
from tuner.errors import EngineError, GpuUnavailable, ImageNotFound
from tuner.profile import HostProfile, ProfileError

#: What the reference image stands on; `make setup` makes it.
BASE_IMAGE = "algodock/base:python3.11"
#: The reference image for CPUs.
REFERENCE_IMAGE = "algodock/cifar10:cpu"
#: An image that the engine's usual registry has, and what the base image is taken from where that can be reached.
UPSTREAM_IMAGE = "python:3.11-slim-bookworm"

#: The first version of the engine's API that can hand out GPUs by id (Docker 19.03).
OLDEST_API = (1, 40)
#: Less room than this ends a job half way, sooner or later.
ENOUGH_DISK_BYTES = 10 * 10**9
#: Less room than this does not even hold an image.
LEAST_DISK_BYTES = 2 * 10**9
ENOUGH_MEMORY_BYTES = 2 * 10**9
#: By how much the engine's clock may differ from ours; times of jobs and of log lines come from both.
MOST_SKEW_SECONDS = 2.0
_INDEX_SECONDS = 20


class CheckStatus(StrEnum):
    """How a check went. `WARN` is for what some jobs can do without."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """One line of the report. `remedy` says what to do; it is empty where nothing needs to be done."""

    name: str
    status: CheckStatus
    message: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What the checks look at besides the engine; tests bring their own.

    `free_bytes` tells the room on a folder's file system. `find_gpus` asks the driver. `ask_package_index` returns why
    pip cannot get packages, or an empty text where it can.
    """

    clock: Callable[[], float] = time.time
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    find_gpus: Callable[[], Sequence[Gpu]] = discover_gpus
    ask_package_index: Callable[[], str] = lambda: ask_pip(sys.executable)


def run_checks(
    engine: Engine, profile: HostProfile, surroundings: Surroundings = Surroundings()
) -> Iterator[CheckResult]:
    """All checks, one after the other, each as soon as it is made."""
    facts = None
    asked_at = surroundings.clock()
    try:
        facts = engine.facts()
        yield _engine_result(facts)
    except EngineError as exc:
        yield _failed("engine", exc)
    if facts is not None:
        yield check_clock(facts.system_time, asked_at, surroundings.clock())
        yield check_machine(facts, profile)
        if profile.has_local_engine:
            yield check_room("engine disk", Path(facts.root), surroundings.free_bytes)
    yield check_home(profile.home, surroundings.free_bytes)
    if facts is not None:
        yield check_image(engine, "base image", BASE_IMAGE)
        yield check_image(engine, "reference image", REFERENCE_IMAGE)
        yield check_image_registry(engine)
    yield check_gpus(engine if facts is not None else None, profile, surroundings.find_gpus())
    yield check_package_index(surroundings.ask_package_index)


def _engine_result(facts: EngineFacts) -> CheckResult:
    version = tuple(int(part) for part in facts.api_version.split(".") if part.isdigit())
    product = f"{'Podman' if facts.is_podman else 'Docker'} {facts.version}{', rootless' if facts.is_rootless else ''}"
    text = f"{product} (API {facts.api_version}, {facts.storage_driver}) on {facts.name}"
    if version < OLDEST_API:
        return CheckResult(
            name="engine",
            status=CheckStatus.WARN,
            message=f"{text} is too old to hand out GPUs",
            remedy="Install Docker 19.03 or later, for instance Debian's package docker.io.",
        )
    limits = {"memory": facts.limits_memory, "CPUs": facts.limits_cpus, "processes": facts.limits_processes}
    if missing := [name for name, is_held in limits.items() if not is_held]:
        return CheckResult(
            name="engine",
            status=CheckStatus.WARN,
            message=f"{text} cannot hold a container to a limit of {', '.join(missing)}: jobs run without",
            remedy="Without root, where there is cgroup version 2, have systemd delegate them: "
            "`Delegate=cpu memory pids` for user@.service (docs/podman.md); or use an engine that runs as root.",
        )
    if facts.is_podman and not facts.has_user_mode_network:
        return CheckResult(
            name="engine",
            status=CheckStatus.WARN,
            message=f"{text} has no slirp4netns: containers reach each other and a cloud's metadata",
            remedy="Install the distribution's package slirp4netns.",
        )
    return CheckResult(name="engine", status=CheckStatus.OK, message=text)


def _failed(name: str, exc: EngineError) -> CheckResult:
    message, remedy = _in_two(exc)
    remedy = remedy or "See the engine's own log: `journalctl -u docker`."
    return CheckResult(name=name, status=CheckStatus.FAIL, message=message, remedy=remedy)


def _in_two(exc: EngineError) -> tuple[str, str]:
    """What happened, and what to do about it: the first sentence of an engine's error, and the rest."""
    message, _, remedy = str(exc).partition(". ")
    return message, remedy


def check_clock(engine_time: float, asked_at: float, answered_at: float) -> CheckResult:
    """Do the engine and we agree what time it is? All times in seconds since the epoch."""
    skew = max(asked_at - engine_time, engine_time - answered_at, 0.0)
    if skew < MOST_SKEW_SECONDS:
        return CheckResult(name="clock", status=CheckStatus.OK, message="the engine's clock agrees with this one")
    return CheckResult(
        name="clock",
        status=CheckStatus.WARN,
        message=f"the engine's clock is {skew:.0f} s off: durations and time limits will be wrong by that much",
        remedy="Set both clocks, for instance with `sudo timedatectl set-ntp true`.",
    )


def check_machine(facts: EngineFacts, profile: HostProfile) -> CheckResult:
    """Processors and memory of the engine's machine, against what the profile allows each container."""
    has = f"{facts.cpus} CPUs, {facts.memory_bytes / 1e9:.1f} GB of memory"
    if profile.cpus is not None and profile.cpus > facts.cpus:
        return CheckResult(
            name="machine",
            status=CheckStatus.FAIL,
            message=f"{has}; the profile gives each container {profile.cpus:g} CPUs, which the engine will refuse",
            remedy=f"Set `cpus` in algodock.toml to {facts.cpus} or less.",
        )
    if profile.memory_bytes is not None and profile.memory_bytes > facts.memory_bytes:
        return CheckResult(
            name="machine",
            status=CheckStatus.WARN,
            message=f"{has}; the profile allows each container {profile.memory_bytes / 1e9:.1f} GB",
            remedy="Set `memory` in algodock.toml to what one job may take.",
        )
    if facts.memory_bytes < ENOUGH_MEMORY_BYTES:
        return CheckResult(
            name="machine",
            status=CheckStatus.WARN,
            message=f"{has}: training may run out of memory",
            remedy="Run one job at a time (MaxParallelTrainingJobs: 1), with small batches.",
        )
    return CheckResult(name="machine", status=CheckStatus.OK, message=has)


def check_room(name: str, folder: Path, free_bytes: Callable[[Path], int]) -> CheckResult:
    """Is there room on the file system of `folder`?"""
    try:
        free = free_bytes(folder)
    except OSError as exc:
        return CheckResult(
            name=name, status=CheckStatus.WARN, message=f"{folder} cannot be looked at from here: {exc.strerror}"
        )
    text = f"{free / 1e9:.1f} GB free at {folder}"
    if free >= ENOUGH_DISK_BYTES:
        return CheckResult(name=name, status=CheckStatus.OK, message=text)
    return CheckResult(
        name=name,
        status=CheckStatus.WARN if free >= LEAST_DISK_BYTES else CheckStatus.FAIL,
        message=text,
        remedy="Make room: `docker system prune` removes unused images and containers, "
        "`algodock list` shows jobs whose folders you may delete.",
    )


def check_home(home: Path, free_bytes: Callable[[Path], int]) -> CheckResult:
    """Can the home be written, and is there room for the jobs' files?"""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return CheckResult(
            name="home",
            status=CheckStatus.FAIL,
            message=f"{home} cannot be written: {existing} is not a folder that you may write to",
            remedy="Set ALGODOCK_HOME to a folder of your own.",
        )
    return check_room("home", existing, free_bytes)


def check_image(engine: Engine, name: str, reference: str) -> CheckResult:
    """Is the image there? Jobs with images of their own can do without it."""
    try:
        facts = engine.image(reference)
    except ImageNotFound:
        return CheckResult(
            name=name, status=CheckStatus.WARN, message=f"there is no {reference}", remedy="`make setup` in a checkout."
        )
    except EngineError as exc:
        return _failed(name, exc)
    return CheckResult(
        name=name, status=CheckStatus.OK, message=f"{reference}, {facts.size_bytes / 1e6:.0f} MB, {facts.digest[:19]}"
    )


def check_image_registry(engine: Engine) -> CheckResult:
    """Can the engine get images from its registry?"""
    try:
        engine.find_in_registry(UPSTREAM_IMAGE)
    except EngineError as exc:
        return CheckResult(
            name="image registry",
            status=CheckStatus.WARN,
            message=f"{exc}. Images that are here already work, and `make setup` makes the base image without one",
            remedy="For other images check the network and the engine's proxy, or `docker load` them from a file.",
        )
    return CheckResult(name="image registry", status=CheckStatus.OK, message="the engine can pull images")


def check_gpus(engine: Engine | None, profile: HostProfile, found: Sequence[Gpu]) -> CheckResult:
    """Are there GPUs, and does the engine hand them out? `engine` of None: none answers."""
    try:
        ids = choose_gpus(profile.gpus, found if profile.has_local_engine else ())
    except ProfileError as exc:
        return CheckResult(
            name="GPUs", status=CheckStatus.FAIL, message=str(exc), remedy="`nvidia-smi -L` lists them, too."
        )
    return _check_gpus(engine, profile, found, ids)


def _check_gpus(engine: Engine | None, profile: HostProfile, found: Sequence[Gpu], ids: Sequence[str]) -> CheckResult:
    if not ids:
        why = "this machine has none" if profile.gpus is None else "the profile lists none"
        return CheckResult(name="GPUs", status=CheckStatus.OK, message=f"{why}; jobs run on CPUs")
    text = ", ".join(_gpu_words(one, found) for one in ids)
    if engine is None:
        return CheckResult(name="GPUs", status=CheckStatus.WARN, message=f"{text}; no engine to hand them out")
    for image in (BASE_IMAGE, REFERENCE_IMAGE):
        try:
            engine.check_gpus(image, ids)
        except ImageNotFound:
            continue
        except GpuUnavailable as exc:
            return CheckResult(
                name="GPUs",
                # Named in the profile they are wanted; otherwise jobs on CPUs are fine.
                status=CheckStatus.WARN if profile.gpus is None else CheckStatus.FAIL,
                message=f"{text}; but containers cannot use them: {_in_two(exc)[0]}",
                remedy=_in_two(exc)[1],
            )
        except EngineError as exc:
            return _failed("GPUs", exc)
        return CheckResult(name="GPUs", status=CheckStatus.OK, message=f"{text}; containers can use them")
    return CheckResult(
        name="GPUs",
        status=CheckStatus.WARN,
        message=f"{text}; whether containers can use them is seen with the base image",
        remedy="`make setup` in a checkout makes it.",
    )


def _gpu_words(gpu_id: str, found: Sequence[Gpu]) -> str:
    for gpu in found:
        if gpu_id in {gpu.uuid, str(gpu.index)}:
            return f"{gpu.name} ({gpu.memory_bytes / 1e9:.0f} GB, {gpu.uuid})"
    return gpu_id


def check_package_index(ask: Callable[[], str]) -> CheckResult:
    """Can pip get packages, from where it is told to on this machine? Only building images needs them."""
    reason = ask()
    if not reason:
        return CheckResult(name="package index", status=CheckStatus.OK, message="pip can get packages")
    return CheckResult(
        name="package index",
        status=CheckStatus.WARN,
        message=f"pip cannot get packages: {reason}. Jobs run all the same; images cannot be built",
        remedy="Check the network, and what `pip config list` says of the index, proxy and certificates.",
    )


def ask_pip(python: str) -> str:
    """Why the pip of the interpreter `python`, with its own settings, finds no package; empty where it does."""
    command = [python, "-m", "pip", "index", "versions", "pip"]
    quickly = ["--no-input", "--disable-pip-version-check", "--retries", "0", "--timeout", "5", "--quiet"]
    try:
        asked = subprocess.run(
            [*command, *quickly], capture_output=True, text=True, check=False, timeout=_INDEX_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_INDEX_SECONDS} s"
    if asked.returncode == 0:
        return ""
    lines = [line for line in asked.stderr.splitlines() if line.strip()]
    return lines[-1].removeprefix("ERROR: ").strip() if lines else f"it ended with {asked.returncode}"
