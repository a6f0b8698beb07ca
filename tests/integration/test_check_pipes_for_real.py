"""The checks of Pipe mode have both their proofs, on real containers that read real FIFOs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from check_workshop import CheckWorkshop, failures, not_passed
from images_that_read_pipes import BROKEN, augmented_case, good_case, script

from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Result
from tuner.engine.docker_engine import DockerEngine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

AUGMENTED = "TRAIN-PIPE-AUGMENTED"
PIPES = ("TRAIN-PIPE-EPOCH", "TRAIN-PIPE-LATE", "TRAIN-PIPE-CHUNK", "TRAIN-PIPE-RECORDIO")


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckWorkshop]:
    """Where the images of this module are made."""
    made = CheckWorkshop(engine, run_id, tmp_path_factory.mktemp("pipes"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def cases(workshop: CheckWorkshop) -> Mapping[str, GoodCase]:
    """The good case by the rule: an augmented manifest is one of its own."""
    (workshop.folder / "data").mkdir()
    usual = good_case(workshop.folder / "data")
    return {**dict.fromkeys(PIPES, usual), AUGMENTED: augmented_case(workshop.folder / "data")}


@pytest.fixture(scope="module")
def broken(workshop: CheckWorkshop, cases: Mapping[str, GoodCase]) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image, by the rule that it breaks."""

    def examine(rule: str) -> Sequence[Result]:
        wanted: Collection[str] = (rule,) if rule == AUGMENTED else PIPES
        return workshop.examine_training(script(BROKEN[rule]), cases[rule], wanted)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BROKEN, pool.map(examine, BROKEN), strict=True))


def test_an_image_that_reads_pipe_mode_passes(workshop: CheckWorkshop, cases: Mapping[str, GoodCase]) -> None:
    """Late FIFOs, pieces of a few bytes and RecordIO are all the same to it."""
    assert [] == not_passed(workshop.examine_training(script(), cases["TRAIN-PIPE-EPOCH"], PIPES))


def test_an_image_that_reads_an_augmented_manifest_passes(
    workshop: CheckWorkshop, cases: Mapping[str, GoodCase]
) -> None:
    """Its good case is in Pipe mode, so every run of it is fed."""
    assert [] == not_passed(workshop.examine_training(script(), cases[AUGMENTED], (*PIPES, AUGMENTED)))


@pytest.mark.parametrize("rule", BROKEN)
def test_an_image_that_breaks_one_rule_of_pipe_mode_fails_just_that(
    rule: str, broken: Mapping[str, Sequence[Result]]
) -> None:
    """What rests on a broken rule does not apply."""
    found = failures(broken[rule])

    assert [rule] == list(found), not_passed(broken[rule])
