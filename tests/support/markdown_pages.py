"""The pages that people read, and what is in them: links, headings, blocks of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block of a page; `line` is that of its opening fence."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page in Markdown of the project."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    found += ROOT.glob("tuner/new_algorithm/templates/*/*.md")
    return sorted([*found, ROOT / "changelog.d" / "README.md", ROOT / "contracts" / "README.md"])


def blocks(*languages: str) -> list[Block]:
    """The blocks of all pages, those of some `languages` if any are given."""
    return [block for page in pages() for block in _blocks(page) if not languages or block.language in languages]


def links(page: Path) -> list[str]:
    """The targets of a page's links, outside of code."""
    text = "\n".join(line for _, line in _prose(page))
    return [match["target"] for match in _LINK.finditer(re.sub(r"`[^`]*`", "", text))]


def anchors(page: Path) -> set[str]:
    """What a link may name after ``#``, made from the headings as GitHub makes it."""
    headings = (line.lstrip("#").strip() for _, line in _prose(page) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _blocks(page: Path) -> Iterator[Block]:
    opening: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence is None:
            lines.append(line)
        elif opening is None:
            opening, lines = (number, fence["language"]), []
        else:
            yield Block(page=page, line=opening[0], language=opening[1], text="\n".join(lines) + "\n")
            opening = None
    assert opening is None, f"{page}: the block opened on line {opening} is never closed"


def _prose(page: Path) -> Iterator[tuple[int, str]]:
    is_code = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if _FENCE.match(line):
            is_code = not is_code
        elif not is_code:
            yield number, line
