"""The short form of the fault matrix: a few runs of each kind. The long form is `make faults`."""

from collections.abc import Iterator

import matrix
import pytest
from catalogue import FAULTS
from fault import Fault
from invariants import Invariant
from preloaded import preload
from scene import Stage
from tuning_scene import TuningScene

from tuner.engine.docker_engine import DockerEngine

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def stage(engine: DockerEngine) -> Iterator[Stage]:
    """An engine of these tests' own; where there is no ordinary one there is nothing to make it from."""
    preload()
    with Stage(TuningScene) as made:
        yield made


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.short is not None], ids=lambda one: one.name)
def test_nothing_is_lost(fault: Fault, stage: Stage) -> None:
    """Whatever happens, the same command brings the job to its end, and the invariants hold."""
    assert fault.short is not None
    staged = stage.of(fault.scene)
    cases = fault.short(staged.undisturbed(fault.text))

    assert {case: [] for case in cases} == {case: matrix.played(fault, staged, case) for case in cases}


def test_a_loss_is_seen_in_the_matrix() -> None:
    """The counts are of runs, and of runs in which something was lost."""
    fault = FAULTS[0]
    lost = {"lost": [[int(Invariant.METRICS), "a value"], [int(Invariant.METRICS), "another"]], "seconds": 1.0}
    lines = matrix.table({fault.name: {"1": lost, "2": {"lost": [], "seconds": 1.0}}})

    assert f"| {fault.says} | 2 | 0 | 1 | 0 | 0 | 0 | 0 | 0 |" in lines


def test_a_row_that_was_not_tried_again_stays_as_it_is() -> None:
    """The page is written from what was measured now, and from itself; the sum is of both."""
    first, second = FAULTS[:2]
    clean = {"lost": [], "seconds": 1.0}
    before = matrix.table({first.name: {"1": clean}, second.name: {"1": clean, "2": clean}})
    lines = matrix.table({first.name: dict.fromkeys("123", clean)}, matrix.counts_in("\n".join(before)))

    assert [
        f"| {first.says} | 3 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        f"| {second.says} | 2 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
    ] == (lines[2:4])
    assert "| **all** | 5 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |" == lines[-1]


def test_the_page_has_the_faults_of_the_catalogue_and_its_own_text() -> None:
    """docs/faults.md is what `make faults` would write of the counts that it has."""
    written = matrix.PAGE.read_text(encoding="utf-8")

    assert matrix.page({}, matrix.counts_in(written)) == written
