"""Every check has both its proofs, on real containers: an image that keeps the rule, and one that breaks just that."""

import io
import itertools
import json
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import images_of_two_hosts
import images_that_read_pipes
import pytest
from broken_images import ACCURACY, VARIATIONS, Variation, good_case, write_channels
from command_line import CommandLine
from PIL import Image
from shell_image import RUN_LABEL, import_shell_image

from tuner.conformance.case import GivenChannel
from tuner.conformance.evidence import Outcome, Result
from tuner.conformance.examination import Examination
from tuner.conformance.probe import Patience, Probe
from tuner.conformance.serving.checks import serving_ids
from tuner.conformance.training import TrainingPart, training_ids
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.protocol import HOME_LABEL

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]

#: Shell scripts end at once or never; the service's own 120 s would only make the tests longer.
PATIENCE = Patience(limit=12.0, grace=8.0, spare=5.0, telling=2.0, poll=0.05)
#: These are examined whole; of the others it is asked whether they break their rule, which is quicker.
EXAMINED_WHOLE = (
    "TRAIN-HP-TUNING-KEY",
    "TRAIN-FAIL-FILE",
    "TRAIN-TERM-EXIT",
    "TRAIN-CH-MISSING-REQUIRED",
    "TRAIN-METRIC-ONEGROUP",
)
#: Images that are examined at once: most of their time they sleep.
_AT_ONCE = 4


class Workshop:
    """Makes images, and examines them."""

    def __init__(self, engine: DockerEngine, run_id: str, folder: Path) -> None:
        self._engine, self._run_id, self._folder = engine, run_id, folder
        self._api = docker.APIClient(base_url=engine.host)
        self._numbers = itertools.count(1)
        self._channels: tuple[GivenChannel, ...] = write_channels(folder / "channels")
        self._made: list[str] = []

    def image(self, variation: Variation) -> str:
        """The image of `variation`."""
        tag = f"{self._run_id}-check-{next(self._numbers)}"
        repository, labels = "algodock-test/check", {RUN_LABEL: self._run_id}
        reference = f"{repository}:{tag}"
        self._made.append(reference)
        import_shell_image(self._api, repository, tag, variation.script, labels=labels, changes=variation.changes)
        if variation.files:
            self._add_files(reference, repository, tag, variation.files)
        if variation.architecture:
            self._say_built_for(variation.architecture, reference)
        return reference

    def _add_files(self, reference: str, repository: str, tag: str, files: Mapping[str, str]) -> None:
        container = self._api.create_container(reference, command=["train"], labels={RUN_LABEL: self._run_id})["Id"]
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(path.lstrip("/"))
                member.size, member.mode = len(text), 0o755
                archive.addfile(member, io.BytesIO(text.encode()))
        self._api.put_archive(container, "/", buffer.getvalue())
        self._api.commit(container, repository=repository, tag=tag)
        self._api.remove_container(container, force=True)

    def _say_built_for(self, architecture: str, reference: str) -> None:
        """Save the image, change one word, load it again: importing takes this machine's architecture."""
        changed = io.BytesIO()
        saved = io.BytesIO(b"".join(self._api.get_image(reference)))
        with tarfile.open(fileobj=saved) as before, tarfile.open(fileobj=changed, mode="w") as after:
            (manifest,) = json.load(before.extractfile("manifest.json") or io.BytesIO())
            for member in before:
                content = before.extractfile(member)
                if member.name == manifest["Config"] and content is not None:
                    text = json.dumps({**json.load(content), "architecture": architecture}).encode()
                    member.size, content = len(text), io.BytesIO(text)
                after.addfile(member, content)
        list(self._api.load_image(changed.getvalue()))

    def examine(self, variation: Variation, wanted: Collection[str]) -> list[Result]:
        """What is found of `wanted`."""
        image = self.image(variation)
        case = good_case(image, self._channels, variation)
        folder = self._folder / image.rpartition(":")[2]
        folder.mkdir()
        probe = Probe(engine=self._engine, case=case, home=self._folder, folder=folder, patience=PATIENCE)
        facts = self._engine.image(image)
        part = TrainingPart(probe=probe, case=case, image=facts, wanted=wanted, folder=folder)
        return Examination([part], wanted=wanted, workers=_AT_ONCE, progress=lambda made, planned, what: None).results()

    def close(self) -> None:
        """Remove all images."""
        for reference in self._made:
            self._api.remove_image(reference, force=True)
        self._api.close()


@pytest.fixture(scope="module")
def workshop(engine: DockerEngine, run_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Where the images of this module are made."""
    made = Workshop(engine, run_id, tmp_path_factory.mktemp("check"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def broken(workshop: Workshop) -> Mapping[str, Sequence[Result]]:
    """What is found of each broken image, by the rule that it breaks."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {
            name: pool.submit(workshop.examine, variation, training_ids() if name in EXAMINED_WHOLE else (name,))
            for name, variation in VARIATIONS.items()
        }
        return {name: one.result() for name, one in found.items()}


def test_every_check_has_an_image_that_breaks_its_rule() -> None:
    """A check that no image can fail does not count."""
    assert set(training_ids()) == {*VARIATIONS, *images_that_read_pipes.BROKEN, *images_of_two_hosts.BROKEN}


def test_an_image_that_keeps_the_contract_passes_every_check(workshop: Workshop) -> None:
    """All of them apply: it has an optional channel, keeps checkpoints, and needs no network.

    Pipe mode and several hosts have tests of their own: an image that reads pipes cannot refuse them as well.
    """
    results = workshop.examine(Variation(pause=3), VARIATIONS)

    assert [] == [f"{one.item.id}: {one.outcome}: {one.came}" for one in results if one.outcome is not Outcome.PASS]
    assert len(VARIATIONS) == len(results)


@pytest.mark.parametrize("rule", VARIATIONS)
def test_an_image_that_breaks_one_rule_fails_just_that_item(rule: str, broken: Mapping[str, Sequence[Result]]) -> None:
    """Whatever else was looked at, it passes or does not apply."""
    failures = {one.item.id: one.came for one in broken[rule] if one.outcome is Outcome.FAIL}

    assert [rule] == list(failures), [f"{one.item.id}: {one.outcome}: {one.came}" for one in broken[rule]]


def test_no_container_is_left_behind(
    engine: DockerEngine, workshop: Workshop, broken: Mapping[str, Sequence[Result]]
) -> None:
    """Also of images that had to be killed."""
    assert () == tuple(engine.containers({HOME_LABEL: str(workshop._folder)}))


def test_the_reference_image_keeps_the_contract(engine: DockerEngine, home: Path, tmp_path: Path) -> None:
    """Through the command, with the example's own job made smaller; what it trains is served. Every form is written."""
    write_picture(tmp_path / "picture.png")
    algodock = CommandLine(home, {"ALGODOCK_GPUS": ""})
    run = algodock.run(
        "check",
        *("--job", str(REPOSITORY / "examples" / "cifar10" / "training-job.yaml")),
        *("--hyperparameters", "training_images=1000", "--hyperparameters", "validation_images=200"),
        *("--hyperparameters", "epochs=4", "--claim", "checkpoints", "--claim", "isolation"),
        *("--payload", str(tmp_path / "picture.png"), "--accept", "application/json", "--accept", "text/csv"),
        *("--junit", str(tmp_path / "check.xml"), "--certificate", str(tmp_path / "check.md")),
        "--json",
    )

    assert 0 == run.returncode, run.stdout + run.stderr
    results = json.loads(run.stdout)["results"]
    assert {} == {one["id"]: one["came"] for one in results if one["outcome"] == "fail"}
    # It has no optional channel, leaves a model only, reads no Pipe mode, and trains on one host.
    not_run = {"TRAIN-CH-OPTIONAL", "TRAIN-OUT-DATA", *images_that_read_pipes.BROKEN, *images_of_two_hosts.BROKEN}
    # What a picture cannot show, and what the image does not claim.
    not_run |= {"SERVE-INVOKE-5XX-ALIVE", "SERVE-INVOKE-6MB", "SERVE-STREAM-CHUNKED", "SERVE-STREAM-ERROR"}
    not_run |= {"SERVE-BIDI-LABEL"}
    passed = {one["id"] for one in results if one["outcome"] == "pass"}
    assert set() == {*training_ids(), *serving_ids()} - not_run - passed
    assert 'failures="0"' in (tmp_path / "check.xml").read_text()
    assert "keeps the container contract" in (tmp_path / "check.md").read_text()
    assert () == tuple(engine.containers({HOME_LABEL: str(home)}))
    assert [] == list((home / "checks").iterdir())


def write_picture(path: Path) -> None:
    """A picture of the size that the reference algorithm was made for."""
    Image.frombytes("RGB", (32, 32), bytes(number % 251 for number in range(32 * 32 * 3))).save(path)


def test_the_metric_of_the_good_case_is_one_that_the_good_image_prints() -> None:
    """The proofs about metrics rest on it."""
    assert "accuracy=" in Variation().script
    assert ACCURACY.regex.startswith("accuracy=")
