"""`algodock` itself: help, versions, and errors as messages and exit codes."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest
from commands_in_process import Run

from tuner.cli.exit_codes import MEANINGS
from tuner.cli.main import COMMANDS, cli
from tuner.store.sqlite_store import Store


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_agrees_with_the_list(run: Run, name: str) -> None:
    """The list is written by hand, so that it need not import the commands."""
    outcome = run(name, "--help")

    assert 0 == outcome.code
    assert outcome.out.startswith(f"Usage: algodock {name}")
    assert name == COMMANDS[name].load().name


def test_help_has_all_commands_and_all_exit_codes(run: Run) -> None:
    """They are part of the interface."""
    outcome = run("--help")

    assert 0 == outcome.code
    for name, command in COMMANDS.items():
        assert name in outcome.out
        assert command.summary in outcome.out
    for code, meaning in MEANINGS.items():
        assert f"{code.value:>4}  {meaning}" in outcome.out


def test_the_version_is_the_distribution_s(run: Run) -> None:
    """One number for all."""
    assert f"algodock {version('algodock')}\n" == run("--version").out


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("tune",), ("list", "--nonsense"), ("tune", "x", "--memory", "3x")]
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    """With click's own words on standard error."""
    outcome = run(*arguments)

    assert (2, "") == (outcome.code, outcome.out)
    assert "Usage: algodock" in outcome.err


def test_a_profile_that_cannot_be_read_is_bad_input(run: Run, home: Path) -> None:
    """The message names the file."""
    home.mkdir()
    (home / "algodock.toml").write_text("gpu = 3")

    outcome = run("list")

    assert 2 == outcome.code
    assert f"{home / 'algodock.toml'}: 'gpu' is not a setting" in outcome.err


def test_a_home_that_is_no_home_is_a_trouble_of_the_machine(run: Run, home: Path) -> None:
    """The exit code is 3, the message names the file."""
    home.mkdir()
    (home / "algodock.db").write_text("this is no database, though it is long enough to be taken for one" * 20)

    outcome = run("list")

    assert 3 == outcome.code
    assert str(home / "algodock.db") in outcome.err


def test_the_option_home_wins_over_the_environment(run: Run, tmp_path: Path, training_file: Path) -> None:
    """Everything is then kept there."""
    run("--home", tmp_path / "other", "train", training_file)

    with Store(tmp_path / "other" / "algodock.db") as store:
        assert ["one"] == [job.name for job in store.training_jobs()]


def test_a_bug_is_called_a_bug(run: Run, training_file: Path) -> None:
    """It has a code of its own, so that no script takes it for a failed job."""

    def broken(_profile: Any) -> Any:
        raise ZeroDivisionError

    outcome = run("train", training_file, open_engine=broken)

    assert 70 == outcome.code
    assert "ZeroDivisionError" in outcome.err
    assert "please report it" in outcome.err


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    """As in `algodock list | true`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [sys.executable, "-m", "tuner", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False, text=True
    )

    os.close(writing)
    assert (130, "") == (ended.returncode, ended.stderr)


def test_help_imports_nothing_heavy() -> None:
    """The list of commands is there at once: no SDK, no service model, no plots, no arrays."""
    heavy = ["boto3", "botocore", "docker", "plotly", "numpy", "rich", "pynvml", "regex", "yaml"]
    program = (
        "import sys; from tuner.cli.main import main; main(['--help'])\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert "[]" == ended.stdout.splitlines()[-1]


def test_commands_that_look_import_no_sdk() -> None:
    """Neither the engine's nor the cloud's."""
    heavy = ["boto3", "botocore", "docker", "plotly", "numpy", "pynvml"]
    program = (
        "import sys; from tuner.cli.main import COMMANDS\n"
        "for name in ('list', 'show', 'logs', 'best'): COMMANDS[name].load()\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)

    assert "[]" == ended.stdout.strip()


def test_the_composition_root_is_a_click_group() -> None:
    """So that documentation can be made of it."""
    assert isinstance(cli, click.Group)
