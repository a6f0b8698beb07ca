"""Metric definitions applied to lines."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from contracts.metrics import MetricDefinition
from tuner.jobs import metric_scraper
from tuner.jobs.metric_scraper import MetricScraper
from tuner.jobs.required_text import required_text

#: Pieces of which patterns are put together; many of the patterns do not compile, the others are strange.
# fmt: off
PIECES = (
    "a", "b", "=", "a=", "A", " ", "(", ")", "(?:", "(?=", "(?<!", "(?i)", "(.+)", r"(\d+)", "[", "]", "[^a]", "[b-]",
    "|", "*", "+", "?", "{2}", "{1,}", "{", "}", "{e<=1}",
    ".", "^", "$", r"\d", r"\s", r"\S", r"\.", r"\b", r"\x61", "\\",
)
# fmt: on
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
LINES = st.lists(st.text(alphabet="ab=A 12.", max_size=12), max_size=6)


def scrape(pattern: str, text: str) -> list[float]:
    """The values that one definition finds in one line."""
    return [capture.value for capture in MetricScraper([MetricDefinition(name="m", regex=pattern)]).captures(text)]


@pytest.mark.parametrize(
    ("pattern", "line", "values"),
    [
        (r"accuracy=([0-9\.]+)", "[Epoch 3] validation: accuracy=0.7012", [0.7012]),
        (r"loss=(\S+)", "loss=1.5e-05", [1.5e-05]),
        (r"loss=(\S+)", "loss=-.5", [-0.5]),
        (r"loss=(\S+)", "loss=nan", []),
        (r"loss=(\S+)", "loss=inf", []),
        (r"loss=(\S+)", "loss=high", []),
        (r"a=(\d+)", "a=1 a=2 b=3 a=4", [1, 2, 4]),
        (r"a=(\d+)", "nothing here", []),
        (r"(?:a=(\d+)|b=(\d+))", "b=7", [7]),
        (r"a=(\d+)\.?", "a=12...", [12]),
        (r"([0-9\.]+)", "1.2.3", []),
        (r"(?<=é=)(\d+)", "é=5", [5]),
    ],
)
def test_the_first_group_of_every_match_is_the_value(pattern: str, line: str, values: list[float]) -> None:
    """What is no finite number is dropped; all matches of a line count, in order."""
    assert values == scrape(pattern, line)


def test_matches_are_numbered_within_their_line() -> None:
    """The number makes each observation's key unique; dropped captures take none."""
    captures = MetricScraper([MetricDefinition(name="m", regex=r"a=(\w+)")]).captures("a=1 a=x a=2")

    assert [(0, 1.0), (1, 2.0)] == [(capture.match, capture.value) for capture in captures]


def test_a_pattern_that_runs_away_is_switched_off_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other metrics of the job are not held up by it, nor is the job."""
    monkeypatch.setattr(metric_scraper, "MATCH_SECONDS", 0.05)
    scraper = MetricScraper(
        [
            MetricDefinition(name="bad", regex=r"(?:a+a+)+b(\d)"),
            MetricDefinition(name="good", regex=r"acc=(\d+)"),
        ]
    )
    line = "a" * 2000 + " b acc=5"

    assert [("good", 5.0)] == [(capture.metric, capture.value) for capture in scraper.captures(line)]
    assert len(scraper.warnings) == 1
    assert "'bad'" in scraper.warnings[0]
    assert [5.0] == [capture.value for capture in scraper.captures(line)]
    assert len(scraper.warnings) == 1


def compiles(pattern: str) -> bool:
    """Whether `pattern` is one that validation lets through."""
    try:
        regex.compile(pattern)
    except regex.error:
        return False
    return True


@given(PATTERNS.filter(compiles), LINES)
def test_every_match_holds_the_text_that_its_pattern_requires(pattern: str, lines: list[str]) -> None:
    """Otherwise a line would not be searched that has a match."""
    required = required_text(pattern)

    for line in lines:
        assert all(required in line for _ in regex.finditer(pattern, line, timeout=5))


@given(PATTERNS.filter(compiles), LINES)
def test_many_lines_at_once_give_what_each_gives_alone(pattern: str, lines: list[str]) -> None:
    """The fast way agrees with the definition: each match of each line that holds a number, in order."""
    alone = [
        (index, float(value))
        for index, line in enumerate(lines)
        for match in regex.finditer(pattern, line, timeout=5)
        for value in [next((group for group in match.groups() if group is not None), "")]
        if regex.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*", value)
    ]
    scraper = MetricScraper([MetricDefinition(name="m", regex=pattern)])
    found = scraper.scan("".join(f"{line}\n" for line in lines))

    assert alone == [(line.index, capture.value) for line in found for capture in line.captures]


@pytest.mark.parametrize(
    ("pattern", "required"),
    [
        (r"accuracy=([0-9\.]+)", "accuracy="),
        (r"^\[Epoch \d+\] validation: loss=(\S+)$", "] validation: loss="),
        (r"loss: ?(\d+)", "loss:"),
        (r"a+b{2}ccd*e", "cc"),
        (r"x|accuracy", ""),
        (r"(?i)accuracy", ""),
        (r"[[:alpha:]]=", ""),
        (r"([0-9.]+)", ""),
    ],
)
def test_the_text_that_a_pattern_requires(pattern: str, required: str) -> None:
    """The longest piece of plain text outside groups; nothing where that is not certain."""
    assert required == required_text(pattern)


def test_a_line_that_matches_without_a_number_counts_as_matched() -> None:
    """The ledger tells the two apart: the pattern is right, what is printed is not a number."""
    scraper = MetricScraper([MetricDefinition(name="m", regex=r"loss=(\S+)")])

    assert [(1, 0), (3, 1)] == [(line.index, len(line.captures)) for line in scraper.scan("a\nloss=nan\nb\nloss=0.5\n")]
