"""The checks of processing have both their proofs, on real containers."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from check_workshop import CheckWorkshop, failures, not_passed
from images_that_process import BROKEN, ENTRY_POINT, good_case, script

from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Result
from tuner.conformance.processing.checks import processing_ids
from tuner.conformance.processing.part import ProcessingPart
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckWorkshop]:
    """Where the images of this module are made."""
    made = CheckWorkshop(engine, run_id, tmp_path_factory.mktemp("processing"))
    yield made
    made.close()


def examine(workshop: CheckWorkshop, lines: str) -> Sequence[Result]:
    """What is found of all rules."""
    image = workshop.image(script(lines), ENTRY_POINT)
    case = good_case(image, workshop.folder / "data")
    folder = workshop.folder / image.rpartition(":")[2]
    part = ProcessingPart(
        probe=workshop.probe(GoodCase(image=image)), case=case, wanted=processing_ids(), folder=folder
    )
    return workshop.examine(part, processing_ids())


@pytest.fixture(scope="module")
def broken(workshop: CheckWorkshop) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image, by the rule that it breaks."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BROKEN, pool.map(lambda rule: examine(workshop, BROKEN[rule]), BROKEN), strict=True))


def test_every_check_of_processing_has_an_image_that_breaks_its_rule() -> None:
    """A check that no image can fail does not count."""
    assert processing_ids() == set(BROKEN)


def test_an_image_that_processes_as_it_should_passes(workshop: CheckWorkshop) -> None:
    """All of it applies: the job has an input, an output, and takes a second."""
    assert [] == not_passed(examine(workshop, ""))


@pytest.mark.parametrize("rule", BROKEN)
def test_an_image_that_breaks_one_rule_of_processing_fails_just_that(
    rule: str, broken: Mapping[str, Sequence[Result]]
) -> None:
    """All rules are looked at, each time."""
    found = failures(broken[rule])

    assert [rule] == list(found), not_passed(broken[rule])


def test_no_container_is_left_behind(
    engine: DockerEngine, workshop: CheckWorkshop, broken: Mapping[str, Sequence[Result]]
) -> None:
    """Also of images that had to be killed."""
    assert () == tuple(engine.containers({HOME_LABEL: str(workshop.folder)}))
