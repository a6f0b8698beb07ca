"""What runs send besides the good one, on the fake engine."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conformance_observations import CASE, GOOD, IMAGE

from tuner.conformance import recipes
from tuner.conformance.bench import Bench
from tuner.conformance.case import GoodCase
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.sending import plainest
from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer

#: What AWS's SDK sends to its toolkit: which program to run, and where it is.
OF_THE_SDK = {"sagemaker_program": '"iris.py"', "sagemaker_submit_directory": '"/opt/ml/input/data/code"'}


class Bed:
    """A bench on a fake engine, whose program notes its hyperparameters."""

    def __init__(self, folder: Path) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self._engine = FakeEngine({"image": self._train}, auto_advance=True)
        self._folder = folder

    def bench(self, case: GoodCase) -> Bench:
        """Where recipes are made for `case`."""
        seconds = itertools.count(0.0, 0.01)
        probe = Probe(
            engine=self._engine,
            case=case,
            home=self._folder,
            folder=self._folder / "runs",
            patience=Patience(limit=50.0, grace=5.0, spare=5.0, poll=0.0),
            clock=lambda: next(seconds),
            sleep=lambda _: None,
        )
        return Bench(probe=probe, case=case, image=IMAGE, start=plainest(case), good=GOOD, folder=self._folder / "kept")

    def _train(self, container: FakeContainer) -> int:
        self.sent.append(dict(container.hyperparameters))
        return 0


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A fresh one."""
    return Bed(tmp_path)


def test_without_hyperparameters_a_toolkit_still_knows_what_to_run(bed: Bed) -> None:
    """The SDK sends that always; it is none of the algorithm's own."""
    case = replace(CASE, hyperparameters={**CASE.hyperparameters, **OF_THE_SDK})
    recipes.no_hyperparameters(bed.bench(case))
    recipes.no_hyperparameters(bed.bench(CASE))

    assert [OF_THE_SDK, {}] == bed.sent


def test_a_case_without_hyperparameters_of_its_own_needs_no_run_without_them(bed: Bed) -> None:
    """It would be the good case once more."""
    answers = [recipes.no_hyperparameters(bed.bench(replace(CASE, hyperparameters=each))) for each in ({}, OF_THE_SDK)]

    assert ["the good case has none anyway"] * 2 == answers
    assert [] == bed.sent


def test_what_tells_the_toolkit_what_to_run_is_never_made_invalid() -> None:
    """Every number of the algorithm is; where the author names some, just those."""
    case = replace(CASE, hyperparameters={"depth": "3", "sagemaker_container_log_level": "20"})

    assert {"depth": recipes.NO_NUMBER} == recipes.invalid_values(case)
    assert {"depth": "-1"} == recipes.invalid_values(replace(case, invalid={"depth": "-1"}))


def test_without_a_number_nothing_is_known_to_be_invalid(bed: Bed) -> None:
    """The reason names the option."""
    bench = bed.bench(replace(CASE, hyperparameters=OF_THE_SDK))

    assert ["--invalid" in str(recipe(bench)) for recipe in (recipes.bad, recipes.bad_and_long)] == [True, True]
