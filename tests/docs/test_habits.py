"""The habits of this code, where a machine can watch them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_pages import ROOT

_PACKAGES = ("contracts", "container", "tuner")
_SOURCES = [path for folder in (*_PACKAGES, "bootstrap", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
_LONGEST_MODULE = 450

#: Words that say nothing about what a thing is. Source of the list: the project's style.
_EMPTY_WORDS = {
    "manager",
    "helper",
    "helpers",
    "util",
    "utils",
    "common",
    "base",
    "handler",
    "handlers",
    "data",
    "info",
}
#: Names that SageMaker, its SDK or Python's library chose.
_NOT_OURS = ("input_data_config", "model_data", "output_data", "handle_data")


def relative(path: Path) -> str:
    """How a failing test names a file."""
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    """A module as a tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def definitions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """All functions and classes of a module, at any depth."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node


def test_every_test_says_in_a_docstring_what_it_is_about() -> None:
    """Names are sentences; the docstring says why, or what the name leaves out."""
    silent = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in _SOURCES
        if path.name.startswith("test_") or path.parent.name == "support"
        for node in definitions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert [] == silent


def test_every_module_says_in_a_docstring_what_it_is_for() -> None:
    """The first thing that a reader of a file sees. Empty modules have nothing to say."""
    silent = [relative(path) for path in _SOURCES if path.stat().st_size and not ast.get_docstring(parsed(path))]

    assert [] == silent


def test_every_public_class_and_function_says_what_it_is_for() -> None:
    """In the packages; methods that a protocol or a parent documents, and nested functions, may do without."""
    silent = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in _SOURCES
        if relative(path).split("/")[0] in _PACKAGES
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert [] == silent


def test_no_module_is_longer_than_a_reader_can_keep_in_mind() -> None:
    """Split it when it has two reasons to change; at about 400 lines it usually has."""
    long = {
        relative(path): size for path in _SOURCES if (size := path.read_text("utf-8").count("\n")) > _LONGEST_MODULE
    }

    assert {} == long


def test_names_say_what_things_are() -> None:
    """No manager, helper, utils, common, base, handler, data or info, in modules, classes and functions."""
    found = []
    for path in _SOURCES:
        names = [path.stem, *(node.name for node in definitions(path) if not node.name.startswith("test_"))]
        found += [f"{relative(path)}: {name}" for name in names if words_of(name) & _EMPTY_WORDS]

    assert ["contracts/paths.py: data"] == found  # the folder /opt/ml/input/data is the contract's own


def words_of(name: str) -> set[str]:
    """The words of a name, in either style of writing."""
    for theirs in _NOT_OURS:
        name = name.replace(theirs, "")
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("JobManager", {"job", "manager"}),
        ("HTTPHandler_v2", {"http", "handler", "v"}),
        ("dataset", {"dataset"}),
        ("input_data_config", set()),
    ],
)
def test_words_are_found_in_names(name: str, words: set[str]) -> None:
    """The check above checks: data is found in no dataset, and the API's own names are allowed."""
    assert words == words_of(name)


def test_every_package_is_typed_for_others() -> None:
    """py.typed stands in all three."""
    assert [] == [name for name in _PACKAGES if not (ROOT / name / "py.typed").is_file()]


def test_only_the_docker_engine_knows_the_docker_sdk() -> None:
    """Its three modules in the packages: all else goes through the Engine protocol."""
    importing = {
        relative(path) for path in _SOURCES if relative(path).startswith(_PACKAGES) and imports(path, "docker")
    }

    assert {f"tuner/engine/{name}.py" for name in ("connection", "docker_engine", "docker_errors")} == importing


def imports(path: Path, name: str) -> bool:
    """Whether a module imports the top-level package called `name`."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == name for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == name:
            return True
    return False


def test_contracts_imports_the_standard_library_only() -> None:
    """It is copied into images that have nothing else."""
    import sys

    foreign = {
        name
        for path in (ROOT / "contracts").rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.split(".")[0] not in {*sys.stdlib_module_names, "contracts"}
    }

    assert set() == foreign


def test_every_lint_rule_that_is_off_says_why() -> None:
    """A line of the ignore list without a comment is a rule that somebody found tedious."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    ignored = text.split("\nignore = [\n")[1].split("\n]")[0].splitlines()

    assert tomllib.loads(text)["tool"]["ruff"]["lint"]["select"] == ["ALL"]
    assert [] == [line.strip() for line in ignored if "#" not in line]
