"""The report's files, and the page as text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tuning_history import TuningHistory

from contracts.jobs import JobStatus, SecondaryStatus
from tuner.dashboard.page import json_object, short_duration
from tuner.dashboard.report import write_report
from tuner.errors import ResourceNotFound
from tuner.store.sqlite_store import Store

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Elements(HTMLParser):
    """All elements of a page, as a browser would see them, and their texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        """How many elements of a kind there are."""
        return sum(name == tag for name, _ in self.tags)


def page_of(history: TuningHistory, folder: Path) -> str:
    """The page of the job as it stands."""
    return write_report(history.store, history.name, folder, lambda: history.now).html.read_text(encoding="utf-8")


def without_plotly(page: str) -> str:
    """The page without the 4.8 MB of plotly's script."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_both_files_are_written_and_no_other(history: TuningHistory, tmp_path: Path) -> None:
    """The folder is made; nothing unfinished stays in it; others may read the files."""
    history.add([0.5])
    files = write_report(history.store, history.name, tmp_path / "tuning" / "search")

    assert {files.csv, files.html} == set((tmp_path / "tuning" / "search").iterdir())
    assert 0o644 == files.html.stat().st_mode & 0o777


def test_a_second_report_replaces_the_first(history: TuningHistory, tmp_path: Path) -> None:
    """The report of a job in progress is written again and again."""
    history.add([0.5])
    first = write_report(history.store, history.name, tmp_path / "r").csv.read_text()
    history.add([0.6])
    second = write_report(history.store, history.name, tmp_path / "r").csv.read_text()

    assert (2, 3) == (first.count("\n"), second.count("\n"))


def test_a_failed_write_leaves_the_old_file_whole(history: TuningHistory, tmp_path: Path) -> None:
    """A folder where the page should be: the write fails, and leaves nothing unfinished."""
    history.add([0.5])
    (tmp_path / "r" / "report.html").mkdir(parents=True)

    with pytest.raises(OSError, match=r"report\.html"):
        write_report(history.store, history.name, tmp_path / "r")
    assert {"trials.csv", "report.html"} == {path.name for path in (tmp_path / "r").iterdir()}


def test_the_page_names_nothing_outside_itself(history: TuningHistory, tmp_path: Path) -> None:
    """No link, image, style sheet or script has an address: it works with no network."""
    history.add([0.5, 0.6])
    elements = Elements(page_of(history, tmp_path / "r"))

    assert not [
        attributes for _, attributes in elements.tags if {"src", "href", "srcset", "action"} & attributes.keys()
    ]
    assert 4 == elements.count("script")


def test_the_page_forbids_scripts_that_are_not_its_own(history: TuningHistory, tmp_path: Path) -> None:
    """A policy with two hashes: an inline script that slipped in would not run."""
    history.add([0.5])
    elements = Elements(page_of(history, tmp_path / "r"))
    policy = next(str(a["content"]) for _, a in elements.tags if a.get("http-equiv") == "Content-Security-Policy")

    assert policy.startswith("default-src 'none';")
    assert 2 == policy.count("'sha256-")
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_no_text_of_a_user_becomes_an_element(store: Store, tmp_path: Path) -> None:
    """In a name, a category, a failure reason, an image: shown as text, letter by letter."""
    ranges = {"CategoricalParameterRanges": [{"Name": EVIL, "Values": [EVIL, "b"]}]}
    history = TuningHistory(store, EVIL, ranges=ranges, image=EVIL)
    history.add([0.5, 0.6], tuned={EVIL: EVIL})
    history.add(status=SecondaryStatus.FAILED, reason=EVIL, tuned={EVIL: "b"})
    history.end(JobStatus.FAILED, EVIL)
    elements = Elements(page_of(history, tmp_path / "r"))

    assert (0, 4) == (elements.count("img"), elements.count("script"))
    assert EVIL in elements.texts


def test_data_in_the_page_cannot_end_the_element_it_stands_in() -> None:
    """The letters are the same for whoever reads the JSON."""
    written = json_object({"text": json.dumps(EVIL)})

    assert "<" not in written
    assert {"text": EVIL} == json.loads(written)


def test_the_figures_are_data_the_script_can_read(history: TuningHistory, tmp_path: Path) -> None:
    """Each figure has an element of its name to be drawn in."""
    history.add([0.5, 0.6])
    page = page_of(history, tmp_path / "r")
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    figures: dict[str, Any] = json.loads(data[1])
    ids = {attributes.get("id") for _, attributes in Elements(page).tags}

    assert ["figure-objective", *(f"figure-hyperparameter-{n}" for n in (1, 2, 3)), "figure-curves"] == list(figures)
    assert set(figures) <= ids


def test_the_best_trial_is_on_top_with_its_model_and_what_to_type(history: TuningHistory, tmp_path: Path) -> None:
    """Its value, its hyperparameters, where its model is, and the next command."""
    history.add([0.4])
    name = history.add([0.61234567], tuned={"learning_rate": "0.0123"})
    history.end()
    text = " ".join(Elements(without_plotly(page_of(history, tmp_path / "r"))).texts)

    assert "Best trial 0.612346 validation:accuracy trial 2" in re.sub(r"\s+", " ", text)
    assert f"tar -xzf {tmp_path}/{name}/output/model.tar.gz" in text
    assert f"algodock show {name}" in text
    assert f"algodock serve {name}" in text


def test_the_table_has_all_trials_the_best_first(history: TuningHistory, tmp_path: Path) -> None:
    """Failed ones are last, each with its reason."""
    history.add(status=SecondaryStatus.FAILED, reason="AlgorithmError: no images, exit code: 1")
    history.add([0.4])
    history.add([0.6])
    page = without_plotly(page_of(history, tmp_path / "r"))
    indices = re.findall(r"<tbody><tr[^>]*><td class='number' data-value='(\d+)'", page)

    assert ["3", "2", "1"] == indices
    assert page.rindex("AlgorithmError: no images") > page.rindex(">0.4<")


def test_a_job_without_trials_has_a_page_that_says_so(history: TuningHistory, tmp_path: Path) -> None:
    """A report may be asked for at any time."""
    page = without_plotly(page_of(history, tmp_path / "r"))

    assert "No trials yet" in page
    assert "<table" not in page


def test_a_job_in_progress_says_so(history: TuningHistory, tmp_path: Path) -> None:
    """Its status, its length so far, its best so far."""
    history.add([0.4])
    history.add([0.9], status=None)
    page = without_plotly(page_of(history, tmp_path / "r"))

    assert "In progress" in page
    assert "Best trial so far" in page
    assert "2 of 8: 1 completed, 1 running" in page


def test_a_job_that_failed_says_why(history: TuningHistory, tmp_path: Path) -> None:
    """The service's own words, above everything else."""
    history.add(status=SecondaryStatus.FAILED, reason="AlgorithmError: boom")
    history.end(JobStatus.FAILED, "No training job succeeded after 1 attempts.")
    page = without_plotly(page_of(history, tmp_path / "r"))

    assert page.index("No training job succeeded after 1 attempts.") < page.index("Objective of each trial")
    assert "Best trial" not in page


def test_the_largest_job_the_api_allows_has_a_report(store: Store, tmp_path: Path) -> None:
    """750 trials: every one in the table, and a page that still opens."""
    history = TuningHistory(store, jobs=750)
    for index in range(750):
        history.add([0.1, 0.2 + 0.001 * (index % 300)])
    files = write_report(store, history.name, tmp_path / "r", lambda: history.now)

    assert 750 == files.html.read_text(encoding="utf-8").count("<tbody>")
    assert files.html.stat().st_size < 8_000_000


def test_an_unknown_job_writes_nothing(store: Store, tmp_path: Path) -> None:
    """Not even the folder."""
    with pytest.raises(ResourceNotFound):
        write_report(store, "nobody", tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.24, "4.2 s"), (65, "1 min 05 s"), (3_599.7, "1 h 00 min"), (7_620, "2 h 07 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    """Never sixty seconds to the minute."""
    assert text == short_duration(seconds)
