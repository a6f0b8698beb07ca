"""`bootstrap/setup.sh` on machines where something is missing: it says what to do and changes nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What the scripts themselves use of the system.
PROGRAMS = ("bash", "cat", "cut", "dirname", "env", "flock", "grep", "mkdir", "rm", "sha256sum", "tail", "touch")

SetUp = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of a fresh clone that the set-up reads, with the running virtual environment as its own."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "bootstrap", folder / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with little on it, where this user is not root."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    add_program(folder, "id", "echo 1000")
    return folder


@pytest.fixture
def set_up(checkout: Path, programs: Path) -> SetUp:
    """Runs steps of the set-up on that PATH."""

    def run(*steps: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bootstrap/setup.sh", *steps],
            cwd=checkout,
            env={"PATH": str(programs), "HOME": str(checkout), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def add_program(folder: Path, name: str, script: str) -> None:
    """A program of one line of shell."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_who_may_not_install_is_told_what_to_install(set_up: SetUp, programs: Path) -> None:
    """Without root the missing packages are named in a command to copy, and apt-get is not touched."""
    add_program(programs, "apt-get", "echo apt-get was started >&2; exit 1")

    outcome = set_up("test-tools")

    assert 1 == outcome.returncode
    assert "sudo apt-get install chromium awscli busybox-static" in outcome.stderr
    assert "apt-get was started" not in outcome.stderr


def test_root_where_there_is_no_apt_is_told_what_to_install(set_up: SetUp, programs: Path) -> None:
    """Other distributions have their own ways; the set-up does not guess them."""
    add_program(programs, "id", "echo 0")

    outcome = set_up("test-tools")

    assert 1 == outcome.returncode
    assert "only as root on Debian or Ubuntu" in outcome.stderr


def test_a_machine_without_a_new_enough_python_is_told_so(set_up: SetUp, checkout: Path, programs: Path) -> None:
    """Python 3.9 is found, is not enough, and no virtual environment is begun with it."""
    (checkout / ".venv").unlink()
    add_program(programs, "python3", "exit 1  # the question whether it is 3.11 or later")

    outcome = set_up("venv")

    assert 1 == outcome.returncode
    assert "Python 3.11 or later is missing" in outcome.stderr
    assert not (checkout / ".venv").exists()


def test_an_engine_that_docker_host_names_and_that_does_not_answer_is_said(set_up: SetUp) -> None:
    """Nothing is installed or started beside it: the user asked for that one."""
    outcome = set_up("engine", DOCKER_HOST="unix:///nowhere/docker.sock")

    assert 1 == outcome.returncode
    assert "the engine that DOCKER_HOST names does not answer" in outcome.stderr


def test_a_network_that_leads_nowhere_is_said_with_the_end_of_the_log(set_up: SetUp, programs: Path) -> None:
    """What apt-get said is shown, and where the rest of it is."""
    add_program(programs, "id", "echo 0")
    add_program(programs, "dpkg", "exit 0")
    add_program(programs, "apt-get", "echo 'Temporary failure resolving'; exit 100")

    outcome = set_up("test-tools")

    assert 1 == outcome.returncode
    assert "Temporary failure resolving" in outcome.stderr
    assert ".setup/apt.log" in outcome.stderr


def test_an_unknown_step_is_named_with_the_known_ones(set_up: SetUp) -> None:
    """A slip of the pen is no reason to do half of the rest."""
    outcome = set_up("engin")

    assert 1 == outcome.returncode
    assert "there is no step called 'engin'" in outcome.stderr


def test_what_an_interrupted_set_up_left_is_swept_away(set_up: SetUp, checkout: Path) -> None:
    """Unfinished work is in one folder, which every set-up clears before and after."""
    left = checkout / ".setup" / "tmp" / "root" / "etc"
    left.mkdir(parents=True)

    set_up("engin")

    assert not left.exists()


def test_an_up_to_date_virtual_environment_is_left_alone(set_up: SetUp, checkout: Path) -> None:
    """The second set-up compares a fingerprint and does no more: this machine has not even a Python."""
    (checkout / ".venv").unlink()
    (checkout / ".venv").mkdir()
    fingerprint = subprocess.run(
        ["bash", "-c", ". bootstrap/steps/venv.sh; venv_fingerprint"], cwd=checkout, capture_output=True, check=True
    ).stdout
    (checkout / ".venv" / ".algodock-fingerprint").write_bytes(fingerprint)

    outcome = set_up("venv")

    assert (0, "") == (outcome.returncode, outcome.stderr)
    assert "[setup] virtual environment: .venv is up to date" in outcome.stdout


def test_a_gpu_hook_engine_needs_root(programs: Path, tmp_path: Path) -> None:
    """Exit code 2 says: not here; a test may skip for it."""
    outcome = subprocess.run(
        [ROOT / "bootstrap" / "gpu-hook-engine.sh", "start", tmp_path / "engine"],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 2 == outcome.returncode
    assert "only root" in outcome.stderr


def test_a_gpu_hook_engine_does_not_delete_what_is_not_its_own(tmp_path: Path) -> None:
    """A wrong folder given to `stop` is refused, and stays."""
    precious = tmp_path / "precious"
    precious.touch()

    outcome = subprocess.run(
        [ROOT / "bootstrap" / "gpu-hook-engine.sh", "stop", tmp_path], capture_output=True, check=False, timeout=60
    )

    assert 1 == outcome.returncode
    assert precious.exists()
