"""Makes the list in ``docs/conformance.md`` from the checklist: ``python -m tuner.conformance.page``."""

from collections.abc import Iterator
from pathlib import Path

from tuner.conformance.checklist import Item, checklist

#: Where the page is, in a checkout.
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
#: What is below this line is made, and above it written by hand.
MARK = "<!-- Below this line: made by `python -m tuner.conformance.page`. -->\n"


def page(text: str) -> str:
    """The page `text` with its list made anew."""
    beginning, _, _ = text.partition(MARK)
    return beginning + MARK + "\n" + "\n".join(_lines())


def _lines() -> Iterator[str]:
    section = ""
    for item in checklist().values():
        if item.section != section:
            section = item.section
            yield f"## The checklist: {section}\n"
            yield "| item | severity | what is sent | what is expected | this version |"
            yield "| --- | --- | --- | --- | --- |"
        yield _row(item)
        if item is _last_of(section):
            yield ""


def _row(item: Item) -> str:
    return f"| {item.id} | {item.weight} | {item.sent} | {item.expected} | {item.not_run or 'runs it'} |"


def _last_of(section: str) -> Item:
    return [item for item in checklist().values() if item.section == section][-1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
