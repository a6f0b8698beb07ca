"""The checks of several hosts have both their proofs: two real containers on a private network each."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from check_workshop import PATIENCE, CheckWorkshop, failures, not_passed
from images_of_two_hosts import BROKEN, good_case, script

from tuner.conformance.evidence import Result
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


#: What Podman's users are told.
_UNNAMED = "this engine gives the interfaces of containers its own names: no other could be tried"


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckWorkshop]:
    """Where the images of this module are made."""
    patience = replace(PATIENCE, unknown=2.0, grace=4.0)
    made = CheckWorkshop(engine, run_id, tmp_path_factory.mktemp("hosts"), patience)
    yield made
    made.close()


@pytest.fixture(scope="module")
def broken(workshop: CheckWorkshop) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image, by the rule that it breaks."""

    def examine(rule: str) -> Sequence[Result]:
        return workshop.examine_training(script(BROKEN[rule]), good_case(), (rule, "TRAIN-DIST-HOSTS"))

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BROKEN, pool.map(examine, BROKEN), strict=True))


def test_an_image_that_trains_on_two_hosts_passes(engine: DockerEngine, workshop: CheckWorkshop) -> None:
    """Whatever the hosts, their interface and their groups are called, and whoever comes late."""
    left_out = [] if engine.facts().names_interfaces else [f"TRAIN-DIST-IFACE: not applicable: {_UNNAMED}"]

    assert left_out == not_passed(workshop.examine_training(script(), good_case(), BROKEN))


@pytest.mark.parametrize("rule", BROKEN)
def test_an_image_that_breaks_one_rule_of_several_hosts_fails_just_that(
    rule: str, broken: Mapping[str, Sequence[Result]], engine: DockerEngine
) -> None:
    """Where two hosts do not train at all, nothing else is said."""
    found = failures(broken[rule])
    can_be_seen = rule != "TRAIN-DIST-IFACE" or engine.facts().names_interfaces

    assert ([rule] if can_be_seen else []) == list(found), not_passed(broken[rule])


def test_no_network_is_left_behind(
    engine: DockerEngine, workshop: CheckWorkshop, broken: Mapping[str, Sequence[Result]]
) -> None:
    """Neither are containers, also of hosts that had to be killed."""
    labels = {HOME_LABEL: str(workshop.folder)}

    assert ((), ()) == (tuple(engine.networks(labels)), tuple(engine.containers(labels)))
