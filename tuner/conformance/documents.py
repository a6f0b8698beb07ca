"""What a check found, as a document for programs, as JUnit XML for CI, and as a certificate. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from tuner.conformance.checklist import Severity
from tuner.conformance.evidence import Outcome, Result

#: What XML 1.0 cannot hold, though a container may print it.
_NOT_XML = {code: " " for code in range(32) if chr(code) not in "\t\n\r"} | {0xFFFE: " ", 0xFFFF: " "}


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A whole check. `date` is in ISO 8601, UTC; `versions` name what it was made with."""

    image: str
    digest: str
    date: str
    versions: Mapping[str, str]
    results: Sequence[Result]

    @property
    def broken(self) -> list[Result]:
        """The items of severity must that the image fails."""
        return [one for one in self.results if one.outcome is Outcome.FAIL and one.item.severity is Severity.MUST]

    @property
    def warnings(self) -> list[Result]:
        """The items of severity should that the image fails."""
        return [one for one in self.results if one.outcome is Outcome.FAIL and one.item.severity is Severity.SHOULD]

    @property
    def summary(self) -> str:
        """The numbers, in a line."""
        counts = Counter(one.outcome for one in self.results)
        return (
            f"{counts[Outcome.PASS]} passed, {len(self.broken)} failed, {len(self.warnings)} with a warning,"
            f" {counts[Outcome.NOT_APPLICABLE]} not applicable"
        )


def document(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "kind": "check",
        "image": report.image,
        "digest": report.digest,
        "date": report.date,
        "versions": dict(report.versions),
        "keeps_the_contract": not report.broken,
        "results": [
            {
                "id": one.item.id,
                "section": one.item.section,
                "title": one.item.title,
                "severity": one.item.severity.value,
                "when": one.item.when,
                "outcome": one.outcome.value,
                "sent": one.sent,
                "expected": one.item.expected,
                "came": one.came,
                "mend": one.item.mend if one.outcome is Outcome.FAIL else "",
            }
            for one in report.results
        ],
    }


def junit(report: Report) -> str:
    """The report as JUnit XML. A failed should is a skipped test with a warning: the image keeps the contract."""
    counts = Counter(one.outcome for one in report.results)
    suite = ET.Element(
        "testsuite",
        name=f"algodock check {report.image}",
        timestamp=report.date.removesuffix("Z"),
        tests=str(len(report.results)),
        failures=str(len(report.broken)),
        errors="0",
        skipped=str(counts[Outcome.NOT_APPLICABLE] + len(report.warnings)),
    )
    for one in report.results:
        case = ET.SubElement(suite, "testcase", classname=f"algodock.{one.item.section.split()[0]}", name=one.item.id)
        if one.outcome is Outcome.NOT_APPLICABLE:
            ET.SubElement(case, "skipped", message=_xml(one.came))
        elif one.outcome is Outcome.FAIL and one.item.severity is Severity.SHOULD:
            ET.SubElement(case, "skipped", message=_xml(f"warning: {one.item.title}: {one.came}"))
        elif one.outcome is Outcome.FAIL:
            failure = ET.SubElement(case, "failure", type=one.item.severity.value, message=_xml(one.item.title))
            failure.text = _xml(
                f"sent: {one.sent}\nexpected: {one.item.expected}\ncame back: {one.came}\nto mend it: {one.item.mend}"
            )
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def certificate(report: Report) -> str:
    """The report as a page in Markdown."""
    keeps = "keeps" if not report.broken else "breaks"
    lines = [
        f"# {report.image} {keeps} the container contract",
        "",
        f"- Image: `{report.image}`, `{report.digest}`",
        f"- Date: {report.date}",
        *(f"- {name}: {version}" for name, version in report.versions.items()),
        f"- Result: {report.summary}",
        "",
        "| item | severity | rule | result | what came back |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in report.results:
        cells = (one.item.id, one.item.weight, one.item.title, one.outcome.value, one.came)
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _xml(text: str) -> str:
    return text.translate(_NOT_XML)


def _cell(text: str) -> str:
    """`text` in one cell of a table; nothing in it is markup, for a container may have printed it."""
    line = " ".join(text.split())
    for mark in "\\`*_[]<>|":
        line = line.replace(mark, f"\\{mark}")
    return line
