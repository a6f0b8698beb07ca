"""The checklist: whole, and in step with the checks and with the page."""

import pytest

from tuner.conformance.checklist import Item, Severity, checklist
from tuner.conformance.examination import checked_ids
from tuner.conformance.page import PAGE, page

ITEMS = list(checklist().values())


def test_every_item_is_run_or_says_why_not() -> None:
    """Never both, never neither."""
    assert {item.id for item in ITEMS if not item.not_run} == set(checked_ids())


@pytest.mark.parametrize("item", [item for item in ITEMS if not item.not_run], ids=lambda item: item.id)
def test_what_is_run_says_how_to_mend_it(item: Item) -> None:
    """And what was sent and expected."""
    assert item.mend
    assert item.title
    assert item.sent
    assert item.expected


def test_the_three_sections_are_in_the_order_of_the_contract() -> None:
    """Training, serving, batch transform and processing."""
    assert ["training", "serving", "batch transform and processing"] == list(
        dict.fromkeys(item.section for item in ITEMS)
    )


@pytest.mark.parametrize(("prefix", "count"), [("TRAIN-", 89), ("SERVE-", 62), ("BATCH-", 13), ("PROC-", 8)])
def test_no_item_is_lost(prefix: str, count: int) -> None:
    """As many as the contract lists."""
    assert count == sum(item.id.startswith(prefix) for item in ITEMS)


def test_what_narrows_a_severity_is_told_with_it() -> None:
    """So that nobody takes a must for one that applies to every image."""
    assert "must (for tuning)" == checklist()["TRAIN-METRIC-MATCH"].weight
    assert Severity.SHOULD == checklist()["TRAIN-KILL-RESUME"].severity


@pytest.mark.parametrize(
    "name",
    [
        "TRAIN-OPTML-EMPTY",
        "SERVE-INVOKE-BAD-BODY",
        "SERVE-INVOKE-CT-IN",
        "SERVE-INVOKE-CT-OUT",
        "SERVE-PING-BROKEN-MODEL",
        "SERVE-TERM-30S",
    ],
)
def test_what_the_service_does_without_is_a_warning(name: str) -> None:
    """AWS's own images break it and work (docs/adr/0024)."""
    assert Severity.SHOULD == checklist()[name].severity


def test_the_page_has_the_checklist_as_it_is() -> None:
    """If not: `python -m tuner.conformance.page`."""
    text = PAGE.read_text(encoding="utf-8")

    assert page(text) == text
