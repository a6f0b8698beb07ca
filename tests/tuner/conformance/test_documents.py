"""The three forms of a report; what a container printed is text in all of them."""

from xml.etree import ElementTree as ET

import pytest

from tuner.conformance.checklist import checklist
from tuner.conformance.documents import Report, certificate, document, junit
from tuner.conformance.evidence import Outcome, Result


def result(name: str, outcome: Outcome, came: str = "exit code 0") -> Result:
    """A result of that item."""
    return Result(item=checklist()[name], outcome=outcome, sent="this", came=came)


@pytest.fixture
def report() -> Report:
    """One of each: kept, a must broken, a should broken, not applicable."""
    return Report(
        image="my/image:1",
        digest="sha256:abc",
        date="2030-01-31T12:00:00Z",
        versions={"Algodock": "0.1.0"},
        results=[
            result("TRAIN-EXIT-0", Outcome.PASS),
            result("TRAIN-TERM-EXIT", Outcome.FAIL, "a | b <script> \x1b[31m`x`"),
            result("TRAIN-LOG-LINES", Outcome.FAIL),
            result("TRAIN-CH-OPTIONAL", Outcome.NOT_APPLICABLE, "none"),
        ],
    )


def test_only_a_must_breaks_the_contract(report: Report) -> None:
    """A should is a warning."""
    assert ["TRAIN-TERM-EXIT"] == [one.item.id for one in report.broken]
    assert ["TRAIN-LOG-LINES"] == [one.item.id for one in report.warnings]
    assert "1 passed, 1 failed, 1 with a warning, 1 not applicable" == report.summary


def test_the_document_tells_how_to_mend_what_failed(report: Report) -> None:
    """And only that."""
    made = document(report)

    assert not made["keeps_the_contract"]
    assert [False, True, True, False] == [bool(one["mend"]) for one in made["results"]]
    assert ["pass", "fail", "fail", "not applicable"] == [one["outcome"] for one in made["results"]]


def test_junit_counts_a_broken_must_as_a_failure_and_a_warning_as_skipped(report: Report) -> None:
    """So that CI is red where the exit code is 1."""
    suite = ET.fromstring(junit(report).split("\n", 1)[1])

    assert ("4", "1", "2") == (suite.get("tests"), suite.get("failures"), suite.get("skipped"))
    failures = {case.get("name"): failure.text for case in suite for failure in case.findall("failure")}
    assert ["TRAIN-TERM-EXIT"] == list(failures)
    assert "to mend it: " in (failures["TRAIN-TERM-EXIT"] or "")
    warning = suite.findall("testcase")[2].find("skipped")
    assert warning is not None
    assert (warning.get("message") or "").startswith("warning: ")


def test_the_certificate_is_a_table_that_no_output_can_break(report: Report) -> None:
    """Marks of Markdown and HTML are text."""
    page = certificate(report)
    (row,) = [line for line in page.splitlines() if line.startswith("| TRAIN-TERM-EXIT")]

    assert page.startswith("# my/image:1 breaks the container contract\n")
    assert "`sha256:abc`" in page
    assert r"a \| b \<script\>" in row
