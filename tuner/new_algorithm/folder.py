"""A folder for a new algorithm, made from a template: its files with another name in them, and the toolkit."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tuner.errors import TunerError
from tuner.new_algorithm.toolkit import TOOLKIT, uses_toolkit, write_toolkit

_TEMPLATES = Path(__file__).parent / "templates"

#: What each template is, the one that most people start from first.
TEMPLATES: Mapping[str, str] = {
    "scikit-learn": "gradient boosting with scikit-learn; trains and serves",
    "python": "softmax regression with numpy alone, with checkpoints; trains and serves",
    "c": "linear regression in C, one static program in an image without anything else; trains and serves",
    "shell": "linear regression in shell and awk, with checkpoints; trains",
}
DEFAULT_TEMPLATE = "scikit-learn"
_TRAINS_ONLY = {"shell"}

#: The name that stands in the templates.
PLACEHOLDER = "my-algorithm"

#: An image is named so, and a tuning job, which may not be longer. Sources: the OCI distribution specification (path
#: components), API reference, HyperParameterTuningJobName.
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 32

#: Left by tools that ran in a checkout's templates; never written.
_NOT_OURS = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".ruff_cache")


class InvalidName(TunerError):
    """What an algorithm cannot be called."""


class InvalidFolder(TunerError):
    """A folder that a new algorithm cannot be written into."""


def trains_only(template: str) -> bool:
    """Whether the image of `template` does not serve."""
    return template in _TRAINS_ONLY


def check_name(name: str) -> str:
    """`name`, if an image and a tuning job can be called so; raises InvalidName."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidName(
            f"{name!r} cannot be the name of an image and of a tuning job: take lower-case letters and digits, with"
            f" single hyphens between, {_LONGEST_NAME} characters at most"
        )
    return name


def write_folder(folder: Path, *, name: str, template: str) -> tuple[Path, ...]:
    """Write the files of an algorithm called `name` into `folder`; return their paths below it.

    The folder is made where there is none, with those above it. Raises InvalidName, InvalidFolder where there is
    something in it already, or OSError; nothing is written in the first two cases.
    """
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is no folder"
        raise InvalidFolder(f"{folder} {what}, and nothing in it is overwritten: name a new folder")
    shutil.copytree(_TEMPLATES / template, folder, dirs_exist_ok=True, ignore=_NOT_OURS)
    for path in _files(folder):
        text = path.read_text(encoding="utf-8")
        if PLACEHOLDER in text:
            path.write_text(text.replace(PLACEHOLDER, name), encoding="utf-8")
    if uses_toolkit(folder):
        write_toolkit(folder / TOOLKIT)
    return tuple(path.relative_to(folder) for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
