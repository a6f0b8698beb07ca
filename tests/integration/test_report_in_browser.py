"""The report in a real browser, with no network: what people will see."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from tuning_history import TuningHistory

from contracts.jobs import SecondaryStatus
from tuner.dashboard.report import write_report
from tuner.store.sqlite_store import Store

pytestmark = pytest.mark.browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_EVIL = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; without one the tests are skipped, in CI they fail."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        reason = "no Chromium on PATH: `apt-get install chromium`"
        if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # No sandbox: it needs user namespaces, which root in a container has not. The page is our own.
        chromium = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page, and what went on while it was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, file: Path) -> None:
        """Open a file and wait until its figures are drawn (or there are none)."""
        self.page.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())
        self.page.wait_for_function(
            "Array.from(document.querySelectorAll('.figure')).every(figure => figure.querySelector('.main-svg'))"
        )

    def marks(self, figure: str) -> int:
        """How many trials are drawn in a figure."""
        return self.page.locator(f"#{figure} .scatterlayer .point").count()

    def first_column(self) -> list[str]:
        """The first cell of each trial in the table, from top to bottom."""
        return self.page.locator("#trials tbody tr:first-child td:first-child").all_text_contents()

    def _requested(self, request: Request) -> None:
        self.requests.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visit]:
    """A visitor without a network, once with a light system and once with a dark one."""
    context = browser.new_context(
        offline=True, color_scheme=request.param, viewport={"width": 1200, "height": 900}, locale="en-GB"
    )
    context.set_default_timeout(60_000)
    yield Visit(page=context.new_page())
    context.close()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The page of a job with seven trials: five that ended well, one that failed, one that runs."""
    with Store(":memory:") as store:
        history = TuningHistory(store, outputs=tmp_path)
        for last in (0.5, 0.7, 0.6, 0.4, 0.65):
            history.add([0.1, 0.3, last], tuned={"learning_rate": str(last / 10)})
        history.add([0.2], status=SecondaryStatus.FAILED, reason=f"AlgorithmError: {_EVIL}, exit code: 1")
        history.add([0.1, 0.2], status=None)
        return write_report(store, history.name, tmp_path / "report", lambda: history.now).html


def test_every_trial_is_drawn_and_nothing_is_asked_of_a_network(visit: Visit, report: Path) -> None:
    """Seven marks in each figure, no complaint of the browser, no request but the file itself."""
    visit.open(report)

    assert [7] * 4 == [visit.marks(f"figure-{name}") for name in _FIGURES]
    assert [] == visit.complaints
    assert [report.as_uri()] == visit.requests


_FIGURES = ("objective", "hyperparameter-1", "hyperparameter-2", "hyperparameter-3")


def test_a_mark_tells_its_trial_when_pointed_at(visit: Visit, report: Path) -> None:
    """Number, status, objective and hyperparameters."""
    visit.open(report)
    visit.page.locator("#figure-objective .scatterlayer .trace.scatter").last.locator(".point").hover(force=True)
    hover = visit.page.locator("#figure-objective .hoverlayer .hovertext")
    hover.wait_for()

    assert "trial 2, Completedvalidation:accuracy = 0.7learning_rate = 0.07depth = 3optimizer = sgd" == (
        hover.text_content()
    )


def test_hostile_text_is_shown_and_never_run(visit: Visit, report: Path) -> None:
    """The failure reason stands in the table, letter by letter; the title is the page's own."""
    visit.open(report)

    assert visit.page.locator("#trials .reason").text_content() == f"AlgorithmError: {_EVIL}, exit code: 1"
    assert "search · Algodock" == visit.page.title()


def test_the_table_is_sorted_by_the_column_that_is_chosen(visit: Visit, report: Path) -> None:
    """The best first at the beginning; then by number up, and down at the second choice."""
    visit.open(report)
    first = visit.first_column()
    visit.page.locator("#trials th button").first.click()
    up = visit.first_column()
    visit.page.locator("#trials th button").first.click()

    assert ["2", "5", "3", "1", "4", "7", "6"] == first
    assert sorted(up) == up
    assert up[::-1] == visit.first_column()


def test_the_page_fits_a_narrow_screen(visit: Visit, report: Path) -> None:
    """Wide tables scroll by themselves; the page does not scroll sideways."""
    visit.page.set_viewport_size({"width": 380, "height": 800})
    visit.open(report)

    assert 380 == visit.page.evaluate("document.documentElement.scrollWidth")


def test_the_colours_follow_the_readers_system(visit: Visit, report: Path) -> None:
    """A figure drawn for a light page is drawn again when the system turns dark, and back."""
    visit.open(report)
    colours = []
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        visit.page.wait_for_function(
            "colour => getComputedStyle(document.querySelector('#figure-objective .xtitle')).fill === colour",
            arg={"light": "rgb(74, 83, 92)", "dark": "rgb(180, 190, 200)"}[scheme],
        )
        colours.append(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert ["rgb(245, 247, 249)", "rgb(16, 20, 24)"] == colours


def test_a_job_without_trials_has_a_page_too(visit: Visit, tmp_path: Path) -> None:
    """No figures, no complaint."""
    with Store(":memory:") as store:
        history = TuningHistory(store)
        visit.open(write_report(store, history.name, tmp_path, lambda: history.now).html)

    assert "No trials yet" in (visit.page.text_content("main") or "")
    assert [] == visit.complaints
