"""The toolkit that `algodock init` puts into a folder: enough for an image, and renewed without loss."""

import subprocess
import sys
from pathlib import Path

import pytest
from commands_in_process import Run

OF_AN_OLDER_VERSION = "# as it was in an older version\n"


@pytest.fixture
def algorithm(run: Run, tmp_path: Path) -> Path:
    """The folder of a new algorithm."""
    run("init", tmp_path / "churn")
    return tmp_path / "churn"


def sums(toolkit: Path) -> "subprocess.CompletedProcess[str]":
    """What `sha256sum` says of the list."""
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=toolkit)


def make_older(toolkit: Path) -> Path:
    """Make it the toolkit of another version: a file differs, and the list knows it."""
    changed = toolkit / "container" / "codecs.py"
    changed.write_text(OF_AN_OLDER_VERSION)
    lines = subprocess.run(
        ["sha256sum", *sorted(str(path.relative_to(toolkit)) for path in toolkit.rglob("*.*"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=toolkit,
    ).stdout
    rest = [line for line in (toolkit / "SHA256SUMS").read_text().splitlines(keepends=True) if "LICENSE" in line]
    (toolkit / "SHA256SUMS").write_text(lines + "".join(rest))
    return changed


def test_the_toolkit_is_what_runs_in_an_image(algorithm: Path) -> None:
    """Both packages without the reference algorithm, what they need, the licence, and a list that is true."""
    toolkit = algorithm / "toolkit"

    assert {"container", "contracts", "README.md", "LICENSE", "SHA256SUMS", "requirements.txt"} == {
        path.name for path in toolkit.iterdir()
    }
    assert not (toolkit / "container" / "cifar10").exists()
    assert "flask>=" in (toolkit / "requirements.txt").read_text()
    assert "Apache License" in (toolkit / "LICENSE").read_text()
    assert (0, "") == (sums(toolkit).returncode, sums(toolkit).stdout)


def test_every_module_of_the_toolkit_can_be_imported_on_its_own(algorithm: Path) -> None:
    """None leans on what was left out."""
    code = (
        "import importlib, pkgutil, container, contracts\n"
        "packages = (container, contracts)\n"
        "names = [m.name for p in packages for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')]\n"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
        "print(container.__file__, len(names) > 20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=algorithm / "toolkit"
    )

    assert "" == done.stderr
    assert f"{algorithm / 'toolkit' / 'container' / '__init__.py'} True\n" == done.stdout


def test_a_new_toolkit_is_up_to_date(run: Run, algorithm: Path) -> None:
    """Nothing is done."""
    assert "is up to date" in run("init", algorithm, "--update").out


def test_an_older_toolkit_is_renewed_and_nothing_else(run: Run, algorithm: Path) -> None:
    """What is the author's stays; bytecode that a test left behind is no change."""
    changed = make_older(algorithm / "toolkit")
    (algorithm / "algorithm.py").write_text("# mine\n")
    (changed.parent / "__pycache__").mkdir()
    (changed.parent / "__pycache__" / "codecs.pyc").write_bytes(b"")
    before = sorted(path.name for path in algorithm.iterdir())
    outcome = run("init", algorithm, "--update")

    assert (0, True) == (outcome.code, "is renewed" in outcome.out)
    assert OF_AN_OLDER_VERSION != changed.read_text()
    assert "# mine\n" == (algorithm / "algorithm.py").read_text()
    assert before == sorted(path.name for path in algorithm.iterdir())
    assert "is up to date" in run("init", algorithm, "--update").out


@pytest.mark.parametrize("name", ["container/app.py", "container/mine.py"])
def test_a_toolkit_that_somebody_changed_is_left_alone(run: Run, algorithm: Path, name: str) -> None:
    """The files are named; once the toolkit is deleted it is written anew."""
    toolkit = algorithm / "toolkit"
    (toolkit / name).write_text("# mine\n")
    refused = run("init", algorithm, "--update")
    kept = (toolkit / name).read_text()
    toolkit.rename(algorithm / "kept")
    renewed = run("init", algorithm, "--update")

    assert (2, "# mine\n") == (refused.code, kept)
    assert f"would be overwritten: {name}." in refused.err
    assert (0, 0) == (renewed.code, sums(toolkit).returncode)


def test_only_the_toolkit_of_an_algorithm_is_renewed(run: Run, algorithm: Path, tmp_path: Path) -> None:
    """Not in some folder, not in one of another language, not with options for a new one."""
    run("init", tmp_path / "stop", "--template", "shell")
    outcomes = [
        run("init", tmp_path, "--update"),
        run("init", tmp_path / "nowhere", "--update"),
        run("init", tmp_path / "stop", "--update"),
        run("init", algorithm, "--update", "--name", "other"),
    ]

    assert [2, 2, 2, 2] == [outcome.code for outcome in outcomes]
    assert "has no toolkit" in outcomes[0].err
    assert "--update goes with neither" in outcomes[3].err
