"""The wheel: what is in it, and that what is in it is enough to run without any developer's package.

Nothing is fetched: the wheel is built by the installed backend, and the fresh environment it is installed into sees,
of the packages of this one, only those that the wheel's own metadata asks for.
"""

import email
import os
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def members(wheel: Path) -> list[str]:
    """The paths in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel, its extra ``tuner``, and no more."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / "lib" / version / "site-packages"
    for name in needed_by("algodock", {"tuner"}):
        link_distribution(metadata.distribution(name), site_packages)
    run(folder / "bin" / "python", "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", wheel)
    return folder / "bin"


def run(*command: str | Path) -> str:
    """The output of a command that has to succeed, run outside the checkout and without a PYTHONPATH."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, cwd="/", env=environment
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def needed_by(name: str, extras: set[str], found: dict[str, set[str]] | None = None) -> list[str]:
    """The names of all distributions that `name` with `extras` requires here, itself not among them."""
    found = {} if found is None else found
    for text in metadata.requires(name) or []:
        requirement = Requirement(text)
        wanted = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in extras or {""}
        )
        known = found.get(requirement.name)
        if wanted and (known is None or not requirement.extras <= known):
            found[requirement.name] = requirement.extras | (known or set())
            needed_by(requirement.name, requirement.extras, found)
    return list(found)


def link_distribution(distribution: metadata.Distribution, site_packages: Path) -> None:
    """Let `site_packages` see an installed distribution: a link to each file or folder it has at the top."""
    tops = {PurePosixPath(str(file)).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    for top in tops:
        link = site_packages / top
        if not link.exists():
            link.symlink_to(Path(str(distribution.locate_file(top))))


def test_the_wheel_has_the_three_packages_and_nothing_else(members: list[str]) -> None:
    """No tests, no bootstrap, no data: `contracts`, `container`, `tuner`, and the wheel's own metadata."""
    tops = {PurePosixPath(member).parts[0] for member in members}

    assert {"contracts", "container", "tuner"} == {top for top in tops if not top.endswith(".dist-info")}
    assert 4 == len(tops)


def test_the_wheel_has_the_files_that_are_not_python(members: list[str]) -> None:
    """The schema, the page's parts, the markers for type checkers, the licence."""
    expected = {
        "tuner/store/schema.sql",
        "tuner/store/migration_2.sql",
        "tuner/dashboard/page.html",
        "tuner/dashboard/page.css",
        "tuner/dashboard/page.js",
        "tuner/new_algorithm/templates/scikit-learn/.dockerignore",
        "tuner/new_algorithm/templates/shell/train.sh",
        "contracts/py.typed",
        "container/py.typed",
        "tuner/py.typed",
    }

    assert expected <= set(members)
    assert any(member.endswith(".dist-info/licenses/LICENSE") for member in members)


def test_the_wheel_alone_needs_nothing(wheel: Path) -> None:
    """`contracts` is standard library only; what each side needs comes with its extra."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(member for member in archive.namelist() if member.endswith("METADATA"))
        fields = email.message_from_bytes(archive.read(name))
    requirements = [Requirement(str(text)) for text in fields.get_all("Requires-Dist", [])]

    assert requirements
    assert all("extra" in str(requirement.marker) for requirement in requirements)


def test_the_command_runs_without_developers_packages(fresh: Path) -> None:
    """Its help is shown where neither pytest nor anything else of `dev` is installed."""
    text = run(fresh / "algodock", "--help")
    missing = run(
        fresh / "python", "-c", "import importlib.util as u; print([u.find_spec(n) for n in ('pytest', 'pandas')])"
    )

    assert "Usage: algodock" in text
    assert "[None, None]\n" == missing


def test_every_module_can_be_imported_without_developers_packages(fresh: Path) -> None:
    """No module of `tuner` or `contracts` leans on something that only developers have."""
    code = (
        "import importlib, pkgutil, contracts, tuner\n"
        "names = [m.name for p in (contracts, tuner) for m in pkgutil.walk_packages(p.__path__, p.__name__ + '.')]\n"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
        "print(len(names) > 40, tuner.__file__)"
    )
    answer = run(fresh / "python", "-c", code)

    assert answer.startswith("True ")
    assert str(fresh.parent) in answer


def test_a_report_can_be_written_from_the_installed_wheel(fresh: Path, tmp_path: Path) -> None:
    """The schema and the page's parts are found where the wheel puts them."""
    script = tmp_path / "report.py"
    support = ROOT / "tests" / "support"
    script.write_text(
        f"import sys; sys.path.append({str(support)!r})\n"
        "from pathlib import Path\n"
        "from tuning_history import TuningHistory\n"
        "from tuner.dashboard.report import write_report\n"
        "from tuner.store.sqlite_store import Store\n"
        "history = TuningHistory(Store(':memory:'))\n"
        "history.add([0.1, 0.5])\n"
        f"print(write_report(history.store, history.name, Path({str(tmp_path)!r})).html.stat().st_size)\n"
    )

    assert 4_000_000 < int(run(fresh / "python", script))
