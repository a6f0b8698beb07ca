"""Decisions are whole and in order; news can be put together."""

import re
import subprocess
import sys

import pytest
from markdown_pages import ROOT

_DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
_FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name.startswith("+"))
_SECTIONS = ["## Context", "## Decision", "## Consequences", "## What would reverse it"]


def test_decisions_are_numbered_without_gaps() -> None:
    """From 0001; the number is how others refer to one."""
    assert [f"{number:04d}" for number in range(1, len(_DECISIONS) + 1)] == [path.name[:4] for path in _DECISIONS]


@pytest.mark.parametrize("path", _DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_four_parts_on_one_page(path: object) -> None:
    """What was the matter, what was decided, what follows, what would reverse it."""
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined] # a Path; pytest passes it as it is
    name = path.stem  # type: ignore[attr-defined]

    assert _SECTIONS == re.findall(r"^## .*$", text, re.MULTILINE)
    assert text.startswith(f"# {name[:4]}: ")
    assert text.count("\n") <= 60


def test_every_decision_is_in_the_list() -> None:
    """docs/adr/README.md names each, with its title."""
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    titles = [(path.name, path.read_text(encoding="utf-8").splitlines()[0].split(": ", 1)[1]) for path in _DECISIONS]

    assert [] == [name for name, title in titles if f"[{name[:4]}]({name}) | {title} |" not in index]


def test_every_piece_of_news_is_one_line_of_a_known_kind() -> None:
    """One line, so that the changelog is a list; a kind that the configuration has."""
    kinds = set(re.findall(r'^directory = "([a-z]+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    wrong = [
        path.name
        for path in _FRAGMENTS
        if path.suffixes[-2:] != [f".{path.stem.rsplit('.', 1)[-1]}", ".md"]
        or path.stem.rsplit(".", 1)[-1] not in kinds
        or 1 != path.read_text(encoding="utf-8").count("\n")
    ]

    assert [] == wrong


def test_the_news_can_be_put_together() -> None:
    """The next release's section has every fragment, as a release would write it."""
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", "--date", "2030-01-31"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)

    assert "## 9.9.9 (2030-01-31)\n\n### " in done.stdout or not _FRAGMENTS
    assert [] == [path.name for path in _FRAGMENTS if f"- {path.read_text('utf-8').strip()}\n" not in done.stdout]
