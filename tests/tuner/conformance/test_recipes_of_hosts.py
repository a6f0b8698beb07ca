"""Two hosts on the fake engine: what each is sent, and what is left behind."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conformance_observations import CASE, GOOD, IMAGE

from tuner.conformance.bench import Bench
from tuner.conformance.case import Claim
from tuner.conformance.observation import Run
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.recipes_of_hosts import RECIPES_OF_HOSTS, is_good, of
from tuner.conformance.sending import plainest
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer

CLAIMING = replace(CASE, claims=frozenset({Claim.HOSTS, Claim.CHECKPOINTS}))


class Bed:
    """A bench on a fake engine, whose program notes what each host was told and then does as `ends` says."""

    def __init__(self, folder: Path) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.exit_codes: dict[str, int] = {}
        self.engine = FakeEngine({"image": self._train}, auto_advance=True)
        seconds = itertools.count(0.0, 0.01)
        probe = Probe(
            engine=self.engine,
            case=CLAIMING,
            home=folder,
            folder=folder / "runs",
            patience=Patience(limit=50.0, grace=5.0, spare=5.0, poll=0.0, unknown=1.0),
            clock=lambda: next(seconds),
            sleep=lambda _: None,
        )
        self.bench = Bench(
            probe=probe, case=CLAIMING, image=IMAGE, start=plainest(CLAIMING), good=GOOD, folder=folder / "kept"
        )

    def make(self, recipe: str) -> Mapping[str, Run]:
        """The runs of a recipe."""
        runs = RECIPES_OF_HOSTS[recipe](self.bench)
        assert not isinstance(runs, str)
        return runs

    def _train(self, container: FakeContainer) -> Iterator[None] | int:
        config = json.loads(container.path("/opt/ml/input/config/resourceconfig.json").read_text())
        self.told.append({**config, "hostname": container.spec.hostname, "aliases": container.spec.aliases})
        return self.exit_codes.get(config["current_host"], 0)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A fresh one."""
    return Bed(tmp_path)


def test_two_hosts_are_told_of_each_other(bed: Bed) -> None:
    """Each is found under its name, and its operating system calls it otherwise."""
    runs = bed.make("two hosts")
    first, second = sorted(bed.told, key=lambda one: str(one["current_host"]))

    assert is_good(of("two hosts", runs))
    assert (["algo-1", "algo-2"], ["algo-1", "algo-2"]) == (first["hosts"], second["hosts"])
    assert (("algo-1",), ("algo-2",)) == (first["aliases"], second["aliases"])
    assert "algo-1" != first["hostname"]
    assert ["algo-2", "algo-1"] == first["instance_groups"][0]["hosts"]
    assert ["algo-1", "algo-2"] == second["instance_groups"][0]["hosts"]


def test_what_does_not_go_well_together_is_run_as_plain_as_can_be(bed: Bed) -> None:
    """There is nothing more to learn where that fails too."""
    bed.exit_codes["algo-2"] = 1
    runs = bed.make("two hosts")

    assert {"two hosts", "two hosts, as plain as can be"} == {name.rpartition(",")[0] for name in runs}
    assert {"algo-1", "algo-2", "ip-10-0-182-41", "ip-10-0-97-203"} == {one["hostname"] for one in bed.told}


def test_each_group_has_its_host(bed: Bed) -> None:
    """And all of them are among the hosts."""
    bed.make("two groups")

    assert {"leaders", "workers"} == {one["current_group_name"] for one in bed.told}
    assert 2 == len(bed.told[0]["instance_groups"])


def test_each_of_the_hosts_is_late_once(bed: Bed) -> None:
    """Once the leader, once the other."""
    runs = bed.make("late names")

    assert {"algo-1 late, algo-1", "algo-1 late, algo-2", "algo-2 late, algo-1", "algo-2 late, algo-2"} == set(runs)


def test_nothing_is_left_on_the_engine(bed: Bed) -> None:
    """No container, and no network."""
    for recipe in RECIPES_OF_HOSTS:
        bed.make(recipe)

    assert ((), ()) == (tuple(bed.engine.containers({})), tuple(bed.engine.networks({})))


@pytest.mark.parametrize("recipe", RECIPES_OF_HOSTS)
def test_without_the_claim_nothing_is_run(bed: Bed, recipe: str) -> None:
    """The reason says how to claim it."""
    reason = RECIPES_OF_HOSTS[recipe](replace(bed.bench, case=CASE))

    assert "--claim hosts" in str(reason)
    assert [] == bed.told
