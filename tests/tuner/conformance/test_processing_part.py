"""One processing job on the fake engine: what it is given, and what is made of what it leaves."""

import itertools
import json
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path

import pytest

from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.processing.case import GivenInput, ProcessingCase
from tuner.conformance.processing.checks import processing_ids
from tuner.conformance.processing.part import ProcessingPart
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer, Program

INPUT, OUTPUT = "/opt/ml/processing/input/raw", "/opt/ml/processing/output/clean"
Examine = Callable[..., Mapping[str, Result]]


def process(container: FakeContainer) -> Generator[None, None, int]:
    """Does its job in a few steps."""
    container.on_signal("SIGTERM", lambda: 143)
    try:
        text = container.path(f"{INPUT}/part-0.csv").read_text()
    except FileNotFoundError:
        container.write("/opt/ml/output/message", "there is no part-0.csv")
        return 1
    yield
    yield
    container.write(f"{OUTPUT}/all.csv", text)
    return 0


@pytest.fixture
def told() -> list[str]:
    """What was run, in order."""
    return []


@pytest.fixture
def examine(tmp_path: Path, told: list[str]) -> Examine:
    """Examines an image whose program is given."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "part-0.csv").write_text("1,2\n")

    def run(program: Program = process, wanted: Collection[str] = processing_ids()) -> Mapping[str, Result]:
        seconds = itertools.count(0.0, 0.01)
        ticks = itertools.count(1_700_000_000)
        case = ProcessingCase(
            image="image",
            inputs=(GivenInput(name="raw", path=tmp_path / "raw", local_path=INPUT),),
            outputs={"clean": OUTPUT},
        )
        probe = Probe(
            engine=FakeEngine({"image": program}, auto_advance=True, clock=lambda: float(next(ticks))),
            case=GoodCase(image="image"),
            home=tmp_path,
            folder=tmp_path / "runs",
            patience=Patience(limit=50.0, grace=5.0, spare=5.0, poll=0.0),
            clock=lambda: next(seconds),
            sleep=lambda _: None,
        )
        part = ProcessingPart(probe=probe, case=case, wanted=wanted, folder=tmp_path / "runs")
        progress = Examination([part], wanted=wanted, workers=1, progress=lambda made, planned, what: told.append(what))
        return {one.item.id: one for one in progress.results()}

    return run


def failures(results: Mapping[str, Result]) -> list[str]:
    """The items that failed."""
    return [name for name, result in results.items() if result.outcome is Outcome.FAIL]


def test_a_good_image_fails_nothing_and_is_run_as_on_the_platform(examine: Examine, told: list[str]) -> None:
    """Conditions need no run of their own."""
    results = examine()

    assert [] == failures(results)
    assert set(processing_ids()) == set(results)
    assert Outcome.PASS == results["PROC-MESSAGE"].outcome
    assert ["the processing job, as on the platform", "without inputs", "stopped"] == told


def test_the_config_files_are_where_processing_has_them(examine: Examine) -> None:
    """They tell where inputs and outputs are."""
    documents: list[Mapping[str, object]] = []

    def look(container: FakeContainer) -> int:
        documents.extend(
            json.loads(container.path(f"/opt/ml/config/{name}.json").read_text())
            for name in ("processingjobconfig", "resourceconfig")
        )
        return 0

    examine(look, ["PROC-START"])

    assert INPUT in json.dumps(documents[0]["ProcessingInputs"])
    assert OUTPUT in json.dumps(documents[0]["ProcessingOutputConfig"])
    assert "algo-1" == documents[1]["current_host"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("PROC-PATHS", "/opt/ml/input/data/raw/part-0.csv"),
        ("PROC-CONFIG", "/opt/ml/input/config/processingjobconfig.json"),
    ],
)
def test_what_an_image_looks_for_in_the_wrong_place_is_named(examine: Examine, rule: str, path: str) -> None:
    """It is there in one of the runs."""

    def look(container: FakeContainer) -> Iterator[None]:
        container.path(path).read_text()
        return process(container)

    assert [rule] == failures(examine(look, ["PROC-PATHS", "PROC-CONFIG", "PROC-OUT-DIR", "PROC-EXIT"]))


def test_folders_that_are_there_do_no_harm(examine: Examine) -> None:
    """An image that makes them without looking is told so."""

    def make(container: FakeContainer) -> Iterator[None]:
        container.path(OUTPUT).mkdir()
        return process(container)

    assert ["PROC-OUT-DIR"] == failures(examine(make))


def test_success_without_inputs_and_without_outputs_is_none(examine: Examine) -> None:
    """One that makes its outputs all the same needs no input."""

    def careless(container: FakeContainer) -> int | Iterator[None]:
        try:
            container.path(INPUT).exists()
        except FileNotFoundError:
            return 0
        return process(container)

    def makes_it_up(container: FakeContainer) -> int:
        container.write(f"{OUTPUT}/all.csv", "0\n")
        return 0

    assert ["PROC-EXIT"] == failures(examine(careless))
    assert [] == failures(examine(makes_it_up, ["PROC-EXIT", "PROC-MESSAGE"]))


def test_links_among_outputs_are_named(examine: Examine) -> None:
    """They are not followed on the way to S3."""

    def links(container: FakeContainer) -> int:
        (container.path(OUTPUT) / "latest").symlink_to("all.csv")
        return 0

    results = examine(links, ["PROC-NO-SYMLINK"])

    assert "clean/latest -> all.csv" in results["PROC-NO-SYMLINK"].came


def test_only_what_is_wanted_is_run(examine: Examine, told: list[str]) -> None:
    """The good case, and nothing that needs another one."""
    examine(wanted=["PROC-NO-SYMLINK"])

    assert ["the processing job, as on the platform"] == told
