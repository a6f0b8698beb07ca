"""Metric definitions applied to lines."""

import pytest

from contracts.metrics import MetricDefinition
from tuner.jobs import metric_scraper
from tuner.jobs.metric_scraper import MetricScraper


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
    line = "a" * 2000 + " acc=5"

    assert [("good", 5.0)] == [(capture.metric, capture.value) for capture in scraper.captures(line)]
    assert len(scraper.warnings) == 1
    assert "'bad'" in scraper.warnings[0]
    assert [5.0] == [capture.value for capture in scraper.captures(line)]
    assert len(scraper.warnings) == 1
