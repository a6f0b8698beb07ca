"""`algodock init`: what is written, what it is called, what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from commands_in_process import Run

from tuner.new_algorithm import TEMPLATES
from tuner.new_algorithm.folder import PLACEHOLDER
from tuner.requests import Defaults, load_job

ROOT = Path(__file__).parents[3]


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of each file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_a_whole_folder_with_the_name_in_it(run: Run, tmp_path: Path, template: str) -> None:
    """Image and jobs are called alike, the placeholder is gone, and both job files are valid requests."""
    folder = tmp_path / "new" / "churn"
    outcome = run("init", folder, "--template", template)

    assert (0, "") == (outcome.code, outcome.err)
    assert {"Dockerfile", "README.md", "request.csv", "training-job.yaml", "tuning-job.yaml"} <= files_of(folder).keys()
    assert [] == [name for name, content in files_of(folder).items() if PLACEHOLDER.encode() in content]
    for name in ("training-job.yaml", "tuning-job.yaml"):
        job = load_job(folder / name, Defaults(output_uri="file:///out"))
        assert (name, []) == (name, job.validate())
        assert "TrainingImage: churn\n" in (folder / name).read_text()


def test_the_folder_says_what_to_do_next(run: Run, tmp_path: Path) -> None:
    """Three commands, with the folder in them as a shell takes it."""
    folder = tmp_path / "my models" / "wine-2"
    outcome = run("init", folder)

    assert f"docker build -t wine-2 '{folder}'" in outcome.out
    assert f"algodock check --job '{folder}'/training-job.yaml --payload '{folder}'/request.csv" in outcome.out
    assert f"algodock tune '{folder}'/tuning-job.yaml" in outcome.out


def test_the_folder_may_be_there_if_it_is_empty(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as the current one; its name is then taken from where it is."""
    folder = tmp_path / "churn"
    folder.mkdir()
    monkeypatch.chdir(folder)
    outcome = run("init", ".")

    assert 0 == outcome.code
    assert "churn" == yaml.safe_load((folder / "tuning-job.yaml").read_text())["HyperParameterTuningJobName"]


def test_nothing_is_overwritten(run: Run, tmp_path: Path) -> None:
    """A folder with anything in it, or a file of its name, is refused as it is."""
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    full, file = run("init", tmp_path / "churn"), run("init", tmp_path / "file", "--name", "churn")

    assert (2, 2) == (full.code, file.code)
    assert "churn is not empty" in full.err
    assert "file is no folder" in file.err
    assert {"churn/notes.txt": b"mine", "file": b"mine"} == files_of(tmp_path)


@pytest.mark.parametrize("name", ["Churn", "my_model", "-churn", "churn-", "a--b", "", "a/b", "churn:1", "ä", "c" * 33])
def test_a_name_that_no_image_or_tuning_job_can_have_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    """Before anything is written."""
    outcome = run("init", tmp_path / "churn", "--name", name)

    assert 2 == outcome.code
    assert f"{name!r} cannot be the name" in outcome.err
    assert not (tmp_path / "churn").exists()


def test_an_unknown_template_is_refused_with_those_that_there_are(run: Run, tmp_path: Path) -> None:
    """The help tells what each is."""
    outcome, told = run("init", tmp_path / "churn", "--template", "cobol"), run("init", "--help")

    assert 2 == outcome.code
    assert all(repr(name) in outcome.err for name in TEMPLATES)
    assert all(f"{name}:" in told.out for name in TEMPLATES)


def test_the_examples_are_the_templates() -> None:
    """Each is to be seen in examples/, and written only once."""
    assert {name: (ROOT / "tuner" / "new_algorithm" / "templates" / name).resolve() for name in TEMPLATES} == {
        name: (ROOT / "examples" / name.replace("-", "_")).resolve(strict=True) for name in TEMPLATES
    }


@pytest.mark.parametrize("template", ["shell", "c"])
def test_shell_scripts_of_templates_are_clean(template: str) -> None:
    """shellcheck finds nothing."""
    scripts = sorted((ROOT / "examples" / template).glob("*.sh"))
    checked = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), *scripts], capture_output=True, text=True, check=False
    )

    assert scripts
    assert (0, "") == (checked.returncode, checked.stdout)


def test_the_shell_algorithm_passes_its_own_test(run: Run, tmp_path: Path) -> None:
    """It needs nothing but a shell and awk."""
    run("init", tmp_path / "stop", "--template", "shell")
    done = subprocess.run(["sh", tmp_path / "stop" / "test_train.sh"], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    assert 5 == done.stdout.count(": ok\n")


def test_the_numpy_algorithm_passes_its_own_test(run: Run, tmp_path: Path) -> None:
    """With pytest, in the folder, with the toolkit that is in it."""
    run("init", tmp_path / "iris", "--template", "python")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path / "iris",
    )

    assert 0 == done.returncode, done.stdout
    assert "3 passed" in done.stdout
