"""The checklist of the container contract, as values. The text itself is in ``checklist.toml`` beside this module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("checklist.toml")


class Severity(StrEnum):
    """What it means to break a rule."""

    MUST = "must"  #: the real service would fail or misbehave
    SHOULD = "should"  #: portability and good practice


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One rule that an image can keep or break.

    `sent` is what the platform does, `expected` what the image must do; `when` narrows the severity ("if claimed").
    `mend` is what to change in the image. `not_run` says why this version does not run the item; empty where it does.
    """

    id: str
    section: str
    title: str
    sent: str
    expected: str
    severity: Severity
    when: str = ""
    mend: str = ""
    not_run: str = ""

    @property
    def weight(self) -> str:
        """The severity with what narrows it: ``must (for tuning)``."""
        return f"{self.severity} ({self.when})" if self.when else str(self.severity)


@cache
def checklist() -> Mapping[str, Item]:
    """All items by id, in the order of the contract."""
    document = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Item(id=name, severity=Severity(entry.pop("severity")), **entry) for name, entry in document.items()}
