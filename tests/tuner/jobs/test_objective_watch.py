"""A metric that does not appear is noticed while its job runs, and the likeliest reason is told once."""

from collections.abc import Callable, Iterator

import pytest
from home_of_fakes import HomeOfFakes
from job_requests import tuning_request

from contracts.metrics import MetricDefinition
from tuner.engine.fake_container import FakeContainer
from tuner.jobs.log_lines import LineBlock
from tuner.jobs.metric_scraper import MetricScraper
from tuner.jobs.objective_watch import ABSENT_SECONDS, MISSED_LINES, MISSED_SECONDS, SILENT_SECONDS, ObjectiveWatch

ACCURACY = MetricDefinition(name="validation:accuracy", regex=r"Accuracy is ([0-9.]+)")
OTHER = MetricDefinition(name="other", regex=r"accuracy: (\d+)")


def warning_after(lines: list[str], seconds: float) -> str | None:
    """What is said of a container that has printed `lines` after so many seconds."""
    watch = ObjectiveWatch(ACCURACY, 0.0)
    scraper = MetricScraper([ACCURACY, OTHER])
    text = "".join(f"{line}\n" for line in lines)
    if lines:
        watch.read(LineBlock(first=1, text=text, timestamps=[b""] * len(lines)), scraper.scan(text))
    warning = watch.warning(seconds)

    assert watch.warning(seconds + 1e6) is None or warning is None
    return warning


@pytest.mark.parametrize(
    ("lines", "seconds", "reason"),
    [
        ([], SILENT_SECONDS, "PYTHONUNBUFFERED=1"),
        (["validation accuracy = 0.7"], MISSED_SECONDS, "line 1 seems to mean it, but the pattern does not match it"),
        (["x"] * MISSED_LINES + ["accuracy = 0.7"], 1, "line 1,001 seems to mean it"),
        (["accuracy is 0,71"], MISSED_SECONDS, "decimal comma"),
        (["Accuracy is nan"], MISSED_SECONDS, "no finite number"),
        (["accuracy: 7"], MISSED_SECONDS, "the pattern of metric 'other' takes it"),
        (["step 1", "step 2"], ABSENT_SECONDS, "no line has 'accuracy is' or 'accuracy' and a number in it"),
    ],
)
def test_the_likeliest_reason_is_told_once(lines: list[str], seconds: float, reason: str) -> None:
    """From what was printed, and how long it has taken."""
    warning = warning_after(lines, seconds)

    assert warning is not None
    assert warning.startswith(f"metric 'validation:accuracy' has not appeared after {len(lines):,} lines")
    assert reason in warning


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([], SILENT_SECONDS - 1),
        (["step 1"], ABSENT_SECONDS - 1),
        (["accuracy = 0.7"], MISSED_SECONDS - 1),
        (["Accuracy is 0.7"], 1e9),
    ],
)
def test_nothing_is_said_too_early_or_of_a_metric_that_is_there(lines: list[str], seconds: float) -> None:
    """An epoch may be long."""
    assert warning_after(lines, seconds) is None


def silent(_run: FakeContainer) -> Iterator[None]:
    """Trains, and keeps what it prints to itself."""
    while True:
        yield


def test_a_running_trial_gets_the_warning_and_keeps_it_once(make_home: Callable[..., HomeOfFakes]) -> None:
    """Also when another process takes over."""
    home = make_home(silent)
    home.store.create_tuning_job(tuning_request(jobs=1, parallel=1), random_seed=1, now=home.clock())
    home.step_until(lambda: bool(home.store.trials("tune")))
    (trial,) = home.store.trials("tune")
    home.step_until(lambda: bool(home.store.warnings(trial.name)))
    home.restart()
    home.clock.now += 2 * SILENT_SECONDS
    home.controller.step()
    (warning,) = home.store.warnings(trial.name)

    assert "PYTHONUNBUFFERED" in warning
