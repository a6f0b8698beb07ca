"""A real image that keeps the rules of serving, and for each rule one that breaks just that rule.

All run ``serving_algorithm.py``; a `Variation` tells it by a variable which rule to break, or changes the image or the
case. A new one is an entry of `VARIATIONS`.
"""

import io
import itertools
import tarfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import docker
from shell_image import RUN_LABEL

from contracts.multi_model import MULTI_MODEL_LABEL
from contracts.serving import PORT_LABEL
from tuner.conformance.case import GoodCase
from tuner.conformance.evidence import Result
from tuner.conformance.examination import Examination
from tuner.conformance.part import Part
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.serving.case import BIDIRECTIONAL_LABEL, Payload, ServedCase, ServingClaim
from tuner.conformance.serving.container import ServingPatience, ServingProbe
from tuner.conformance.serving.part import ServingPart
from tuner.conformance.training import TrainingPart
from tuner.engine.docker_engine import DockerEngine

BASE = "algodock/base:python3.11"
#: The server is up within a second or never; the service's own times would only make the tests longer.
PATIENCE = ServingPatience(startup=8.0, invocation=10.0, grace=5.0, spare=4.0, load=1.5)
#: Of several rows, so that their answer comes in pieces.
PAYLOADS = (
    Payload(body=b'{"instances": [[1.5, 2.5], [3.5, 4.25], [5.5, 6.5]]}', content_type="application/json"),
    Payload(body=b"10.5,20.5\n30.5,40.25\n", content_type="text/csv"),
)
FAILING = b'{"instances": [[1.5, 2.5], [13, 13]]}'

_PROGRAM = Path(__file__).with_name("serving_algorithm.py")
_LABELS = (MULTI_MODEL_LABEL, PORT_LABEL, BIDIRECTIONAL_LABEL)


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How an image breaks a rule: `breaks` is what the program is told, `changes` are Dockerfile lines."""

    breaks: str = ""
    changes: tuple[str, ...] = ()


def _told(rule: str) -> Variation:
    return Variation(breaks=rule)


_BY_IMAGE = {
    "SERVE-START-EXEC": Variation(changes=("ENTRYPOINT exec serve",)),
    "SERVE-PORT-LABEL": Variation(changes=(f"LABEL {PORT_LABEL}=false",)),
    "SERVE-BIDI-LABEL": Variation(changes=(f"LABEL {BIDIRECTIONAL_LABEL}=false",)),
    "SERVE-MME-LABEL": Variation(changes=(f"LABEL {MULTI_MODEL_LABEL}=false",)),
    "SERVE-USER-ROOT": Variation(changes=("USER 1000",)),
}
_BY_PROGRAM = (
    *("SERVE-START-ARG", "SERVE-PORT-8080", "SERVE-PORT-BIND", "SERVE-START-TIME", "SERVE-CONNECT-250MS"),
    *("SERVE-PING-200", "SERVE-PING-2S", "SERVE-PING-BODY", "SERVE-PING-NOT-READY", "SERVE-PING-LOAD"),
    *("SERVE-PING-BROKEN-MODEL", "SERVE-INVOKE-200", "SERVE-INVOKE-60S", "SERVE-INVOKE-CT-IN", "SERVE-INVOKE-CT-OUT"),
    *("SERVE-INVOKE-ACCEPT", "SERVE-INVOKE-BAD-CT", "SERVE-INVOKE-BAD-ACCEPT", "SERVE-INVOKE-BAD-BODY"),
    *("SERVE-INVOKE-EMPTY", "SERVE-INVOKE-5XX-ALIVE", "SERVE-INVOKE-6MB", "SERVE-INVOKE-HEADERS"),
    *("SERVE-INVOKE-CUSTOM-ATTR", "SERVE-INVOKE-KEEPALIVE", "SERVE-INVOKE-CHUNKED", "SERVE-INVOKE-CONCURRENT"),
    *("SERVE-INVOKE-GET", "SERVE-INVOKE-DETERMINISTIC", "SERVE-404", "SERVE-MODEL-RO", "SERVE-MODEL-EMPTY"),
    *("SERVE-MODEL-EXTRA", "SERVE-TERM-30S", "SERVE-TERM-INFLIGHT", "SERVE-TERM-CODE", "SERVE-LOG", "SERVE-ENV-ONLY"),
    *("SERVE-STREAM-CHUNKED", "SERVE-STREAM-ABORT", "SERVE-STREAM-ERROR", "SERVE-MME-PING-EMPTY", "SERVE-MME-LOAD"),
    *("SERVE-MME-LOAD-409", "SERVE-MME-LOAD-507", "SERVE-MME-LIST", "SERVE-MME-LIST-PAGE", "SERVE-MME-GET-404"),
    *("SERVE-MME-INVOKE", "SERVE-MME-INVOKE-404", "SERVE-MME-UNLOAD", "SERVE-MME-UNLOAD-404", "SERVE-MME-RACE"),
)
VARIATIONS: Mapping[str, Variation] = {**_BY_IMAGE, **{rule: _told(rule) for rule in _BY_PROGRAM}}


class ServingWorkshop:
    """Makes images, and examines them; everything is below `folder`."""

    def __init__(self, engine: DockerEngine, run_id: str, folder: Path) -> None:
        self._engine, self._run_id, self._folder = engine, run_id, folder
        self._api = docker.APIClient(base_url=engine.host)
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        for name, factor in (("model", 2), ("other-model", 3)):
            (folder / name).mkdir()
            (folder / name / "model.json").write_text(f'{{"factor": {factor}}}')

    def _container_with_the_program(self) -> str:
        """A container that is never run: an image is made of it."""
        container: str = self._api.create_container(BASE, command=["train"], labels={RUN_LABEL: self._run_id})["Id"]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("train", "serve"):
                content = b"#!/usr/bin/env python3\n" + _PROGRAM.read_bytes()
                member = tarfile.TarInfo(f"usr/local/bin/{name}")
                member.size, member.mode = len(content), 0o755
                archive.addfile(member, io.BytesIO(content))
        self._api.put_archive(container, "/", buffer.getvalue())
        return container

    def image(self, variation: Variation) -> str:
        """The image of `variation`."""
        repository, tag = "algodock-test/serving", f"{self._run_id}-{next(self._numbers)}"
        lines = [
            f"ENV BREAKS={variation.breaks}",
            f"LABEL {RUN_LABEL}={self._run_id}",
            *(f"LABEL {label}=true" for label in _LABELS),
            *variation.changes,
        ]
        self._made.append(f"{repository}:{tag}")
        template = self._container_with_the_program()
        self._api.commit(template, repository=repository, tag=tag, changes=lines)
        self._api.remove_container(template, force=True)
        return f"{repository}:{tag}"

    def examine(
        self, variation: Variation, wanted: Collection[str], *, trained: bool = False, same_models: bool = False
    ) -> list[Result]:
        """What is found of `wanted`; `trained`: the image trains the model that it serves.

        `same_models`: the other model is none.
        """
        image, number = self.image(variation), next(self._numbers)
        folder = self._folder / f"check-{number}"
        folder.mkdir()
        facts = self._engine.image(image)
        case = self.case(image, trained=trained)
        training = self._training(image, folder / "runs", wanted) if trained else None
        serving = ServingPart(
            probe=ServingProbe(engine=self._engine, image=image, home=self._folder, patience=PATIENCE),
            case=replace(case, other_model=case.model) if same_models else case,
            image=facts,
            wanted=wanted,
            folder=folder,
            training=training,
        )
        parts: list[Part] = [serving] if training is None else [training, serving]
        return Examination(parts, wanted=wanted, workers=3, progress=lambda made, planned, what: None).results()

    def _training(self, image: str, folder: Path, wanted: Collection[str]) -> TrainingPart:
        case = GoodCase(image=image)
        probe = Probe(
            engine=self._engine, case=case, home=self._folder, folder=folder, patience=Patience(limit=20.0, poll=0.05)
        )
        return TrainingPart(probe=probe, case=case, image=self._engine.image(image), wanted=wanted, folder=folder)

    def case(self, image: str, *, trained: bool = False) -> ServedCase:
        """What all these images can serve, but for the rule that one breaks."""
        return ServedCase(
            image=image,
            model=None if trained else self._folder / "model",
            other_model=self._folder / "other-model",
            payloads=PAYLOADS,
            accepts=("application/json", "text/csv"),
            failing=FAILING,
            claims=frozenset(ServingClaim),
        )

    def close(self) -> None:
        """Remove all images."""
        for reference in self._made:
            self._api.remove_image(reference, force=True)
        self._api.close()
