"""Makes real images of shell scripts, and has them examined as `algodock check` does."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import docker
from shell_image import RUN_LABEL, import_shell_image

from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.part import Part
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.training import TrainingPart
from tuner.engine.docker_engine import DockerEngine

#: Shell scripts end at once or never; the service's own times would only make the tests longer.
PATIENCE = Patience(limit=20.0, grace=8.0, spare=6.0, telling=2.0, poll=0.05, late=1.0)


class CheckWorkshop:
    """Makes images, and examines them; everything is below `folder`."""

    def __init__(self, engine: DockerEngine, run_id: str, folder: Path, patience: Patience = PATIENCE) -> None:
        self.engine, self.folder = engine, folder
        self._run_id, self._patience = run_id, patience
        self._api = docker.APIClient(base_url=engine.host)
        self._numbers = itertools.count(1)
        self._made: list[str] = []

    def image(self, script: str, *changes: str) -> str:
        """The image whose ``train`` is `script`; `changes` are further Dockerfile lines."""
        repository, tag = "algodock-test/workshop", f"{self._run_id}-{next(self._numbers)}"
        self._made.append(f"{repository}:{tag}")
        labels = {RUN_LABEL: self._run_id}
        return import_shell_image(self._api, repository, tag, script, labels=labels, changes=changes)

    def probe(self, case: GoodCase) -> Probe:
        """A probe of the case's image, in a folder of its own."""
        folder = self.folder / f"runs-{next(self._numbers)}"
        folder.mkdir()
        return Probe(engine=self.engine, case=case, home=self.folder, folder=folder, patience=self._patience)

    def examine_training(self, script: str, case: GoodCase, wanted: Collection[str]) -> list[Result]:
        """What is found of `wanted` in the image of `script`."""
        case = replace(case, image=self.image(script))
        probe = self.probe(case)
        folder = self.folder / f"kept-{next(self._numbers)}"
        folder.mkdir()
        facts = self.engine.image(case.image)
        part = TrainingPart(probe=probe, case=case, image=facts, wanted=wanted, folder=folder)
        return self.examine(part, wanted)

    def examine(self, part: Part, wanted: Collection[str]) -> list[Result]:
        """What is found of `wanted`."""
        return Examination([part], wanted=wanted, workers=4, progress=lambda made, planned, what: None).results()

    def close(self) -> None:
        """Remove all images."""
        for reference in self._made:
            self._api.remove_image(reference, force=True)
        self._api.close()


def failures(results: Collection[Result]) -> Mapping[str, str]:
    """The items that failed, with what came back."""
    return {one.item.id: one.came for one in results if one.outcome is Outcome.FAIL}


def not_passed(results: Collection[Result]) -> list[str]:
    """What did not pass, in words."""
    return [f"{one.item.id}: {one.outcome}: {one.came}" for one in results if one.outcome is not Outcome.PASS]
