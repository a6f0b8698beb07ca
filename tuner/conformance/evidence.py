"""What judgements are made of, and what they say. Pure, but for the time limit on a regular expression."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import regex

from contracts.metrics import MetricDefinition, parse_metric_value
from tuner.conformance.case import GoodCase
from tuner.conformance.checklist import Item
from tuner.conformance.observation import Run
from tuner.conformance.probe import Patience
from tuner.engine.protocol import ImageFacts
from tuner.jobs.metric_scraper import MATCH_SECONDS


class Outcome(StrEnum):
    """What a check found."""

    PASS = "pass"  # noqa: S105 - an outcome
    FAIL = "fail"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a judgement says: `came` is what came back, or why the item does not apply.

    `sent` tells more exactly than the checklist what was sent; empty where the checklist's words do.
    """

    outcome: Outcome
    came: str
    sent: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """An item and what was found of it."""

    item: Item
    outcome: Outcome
    sent: str
    came: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that was seen of an image. `good` is the run of the good case, `runs` are the others by name.

    `reasons` says why a run was not made, by its name.
    """

    case: GoodCase
    image: ImageFacts
    good: Run
    patience: Patience = field(default_factory=Patience)
    runs: Mapping[str, Run] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def passed(came: str, sent: str = "") -> Verdict:
    """The image keeps the rule."""
    return Verdict(outcome=Outcome.PASS, came=came, sent=sent)


def failed(came: str, sent: str = "") -> Verdict:
    """The image breaks the rule."""
    return Verdict(outcome=Outcome.FAIL, came=came, sent=sent)


def not_applicable(reason: str) -> Verdict:
    """The rule says nothing about this image, or it could not be looked at."""
    return Verdict(outcome=Outcome.NOT_APPLICABLE, came=reason)


def either(good: bool, came: str, sent: str = "") -> Verdict:
    """Passed where `good`, else failed."""
    return passed(came, sent) if good else failed(came, sent)


def matches(definition: MetricDefinition, texts: Sequence[str]) -> list[str]:
    """The texts that a metric's regex captures in a log; the whole match where it has no group.

    A line on which the expression takes too long counts as one without a match.
    """
    pattern = regex.compile(definition.regex)
    found: list[str] = []
    for text in texts:
        try:
            found += [_captured(match) for match in pattern.finditer(text, timeout=MATCH_SECONDS)]
        except TimeoutError:
            continue
    return found


def _captured(match: "regex.Match[str]") -> str:
    return next((group for group in match.groups() if group is not None), match.group())


def values(definition: MetricDefinition, texts: Sequence[str]) -> list[float]:
    """The numbers among the matches."""
    return [number for text in matches(definition, texts) if (number := parse_metric_value(text)) is not None]
