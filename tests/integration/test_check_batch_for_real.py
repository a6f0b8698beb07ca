"""The checks of batch transform have both their proofs, on real containers that answer over real HTTP."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from check_workshop import CheckWorkshop, failures, not_passed
from images_in_batch import BROKEN, DOCUMENTS, ENTRY_POINT, HEADED, HEADED_PAYLOAD, script, served_case

from tuner.conformance.batch.checks import batch_ids
from tuner.conformance.batch.part import BatchPart
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.serving.case import Payload
from tuner.conformance.serving.container import ServingPatience, ServingProbe
from tuner.conformance.serving.part import ServingPart
from tuner.engine.docker_engine import DockerEngine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckWorkshop]:
    """Where the images of this module are made."""
    made = CheckWorkshop(engine, run_id, tmp_path_factory.mktemp("batch"))
    yield made
    made.close()


def examine(
    workshop: CheckWorkshop, lines: str, wanted: Collection[str], payloads: tuple[Payload, ...] = ()
) -> Sequence[Result]:
    """What is found of `wanted`; how the image serves otherwise is only looked at as far as that rests on it."""
    case = served_case(workshop.image(script(lines), ENTRY_POINT))
    case = replace(case, payloads=payloads or case.payloads)
    folder = workshop.folder / case.image.rpartition(":")[2]
    folder.mkdir()
    probe = ServingProbe(
        engine=workshop.engine, image=case.image, home=workshop.folder, patience=ServingPatience(startup=20.0)
    )
    image = workshop.engine.image(case.image)
    serving = ServingPart(probe=probe, case=case, image=image, wanted=wanted, folder=folder)
    batch = BatchPart(probe=probe, case=case, wanted=wanted, serving=serving)
    return Examination([serving, batch], wanted=wanted, workers=2, progress=lambda made, planned, what: None).results()


@pytest.fixture(scope="module")
def broken(workshop: CheckWorkshop) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image, by the rule that it breaks."""
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda rule: examine(workshop, BROKEN[rule], batch_ids()), BROKEN)
        return dict(zip(BROKEN, found, strict=True))


def test_every_check_of_batch_transform_has_an_image_that_breaks_its_rule() -> None:
    """A check that no image can fail does not count."""
    assert batch_ids() == set(BROKEN)


def test_an_image_that_does_well_in_batch_transform_passes(workshop: CheckWorkshop) -> None:
    """All of it applies: it takes lines, and says how many."""
    assert [] == not_passed(examine(workshop, "", batch_ids()))


def test_an_image_that_answers_with_one_document_is_not_asked_for_lines(workshop: CheckWorkshop) -> None:
    """It never said that it is for jobs that split; all else applies to it."""
    found = {one.item.id: one for one in examine(workshop, DOCUMENTS, batch_ids())}
    left = {name for name, one in found.items() if one.outcome is Outcome.NOT_APPLICABLE}

    assert {} == failures(found.values())
    assert {"BATCH-MULTI-LINES", "BATCH-BAD-RECORD"} == left
    assert "SplitType None" in found["BATCH-MULTI-LINES"].came


def test_an_image_that_needs_a_header_line_gets_it_once(workshop: CheckWorkshop) -> None:
    """Also where its payload is made as large as can be; record by record nothing is sent."""
    found = {one.item.id: one for one in examine(workshop, HEADED, batch_ids(), (HEADED_PAYLOAD,))}

    assert {} == failures(found.values())
    assert Outcome.PASS is found["BATCH-PAYLOAD-MAX"].outcome
    assert "header line" in found["BATCH-MULTI-LINES"].came


@pytest.mark.parametrize("rule", BROKEN)
def test_an_image_that_breaks_one_rule_of_batch_transform_fails_just_that(
    rule: str, broken: Mapping[str, Sequence[Result]]
) -> None:
    """All rules are looked at, each time."""
    found = failures(broken[rule])

    assert [rule] == list(found), not_passed(broken[rule])
