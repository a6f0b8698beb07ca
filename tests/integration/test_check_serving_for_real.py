"""Every check of serving has both its proofs, on real containers: one keeps the rule, one breaks just that."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from check_workshop import failures, not_passed
from images_that_serve import VARIATIONS, ServingWorkshop, Variation

from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.serving.checks import MODEL_SERVEABLE, serving_ids
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

RULES = serving_ids() - {MODEL_SERVEABLE}
#: These are examined whole; of the others it is asked whether they break their rule, which is quicker.
EXAMINED_WHOLE = ("SERVE-INVOKE-EMPTY", "SERVE-INVOKE-BAD-BODY", "SERVE-MODEL-RO", "SERVE-PING-200", "SERVE-TERM-CODE")
#: Images that are examined at once: most of their time they sleep.
_AT_ONCE = 4


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingWorkshop]:
    """Where the images of this module are made."""
    made = ServingWorkshop(engine, run_id, tmp_path_factory.mktemp("serving"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def broken(workshop: ServingWorkshop, request: pytest.FixtureRequest) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image that this run asks for, by the rule that it breaks."""
    asked = {item.callspec.params.get("rule") for item in request.session.items if hasattr(item, "callspec")}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {
            rule: pool.submit(workshop.examine, variation, RULES if rule in EXAMINED_WHOLE else (rule,))
            for rule, variation in VARIATIONS.items()
            if rule in asked
        }
        return {rule: one.result() for rule, one in found.items()}


def test_every_check_has_an_image_that_breaks_its_rule() -> None:
    """A check that no image can fail does not count."""
    assert set(VARIATIONS) == RULES


def test_an_image_that_keeps_the_contract_passes_every_check(workshop: ServingWorkshop) -> None:
    """All of them apply: it hosts many models, streams, and takes a port; it serves the model that it trained."""
    wanted = {*RULES, MODEL_SERVEABLE}
    results = workshop.examine(Variation(), wanted, trained=True)

    assert [] == not_passed(results)
    assert wanted == {one.item.id for one in results}


@pytest.mark.parametrize("rule", VARIATIONS)
def test_an_image_that_breaks_one_rule_fails_just_that_item(rule: str, broken: Mapping[str, Sequence[Result]]) -> None:
    """Whatever else was looked at, it passes or does not apply."""
    assert [rule] == list(failures(broken[rule])), [f"{one.item.id}: {one.outcome}: {one.came}" for one in broken[rule]]


def test_a_model_that_cannot_be_served_fails_just_that_item(workshop: ServingWorkshop) -> None:
    """The image is not blamed for its pings too."""
    results = workshop.examine(Variation(breaks=MODEL_SERVEABLE), {*RULES, MODEL_SERVEABLE}, trained=True)

    assert [MODEL_SERVEABLE] == list(failures(results))


def test_an_image_that_needs_a_network_is_found_too(workshop: ServingWorkshop) -> None:
    """Though nothing can be asked of a container without one."""
    results = workshop.examine(Variation(breaks="network"), {"SERVE-ENV-ONLY"})

    assert "no network" in failures(results)["SERVE-ENV-ONLY"]


def test_an_image_is_not_accused_over_two_models_that_are_the_same(workshop: ServingWorkshop) -> None:
    """What both answer alone tells it."""
    (found,) = workshop.examine(Variation(), {"SERVE-MME-INVOKE"}, same_models=True)

    assert Outcome.NOT_APPLICABLE is found.outcome
    assert "answers differently" in found.came


def test_no_container_is_left_behind(
    engine: DockerEngine, workshop: ServingWorkshop, broken: Mapping[str, Sequence[Result]]
) -> None:
    """Also of images that had to be killed."""
    assert () == tuple(engine.containers({HOME_LABEL: str(workshop._folder)}))
