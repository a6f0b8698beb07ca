"""Where faults happen: an engine of its own, a home, and one small tuning job that is run in it.

The job is real: containers on a real engine, each with a GPU of its own as far as a machine without GPUs can show that
(`PrivateEngine`, `gpu_hook`). It has three trials, two at a time; the second always fails.
"""

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import docker
from algorithm import METRIC, REGEX, script
from command_line import write_job
from invariants import Expectation, Invariant, Loss, leftovers, losses
from job_requests import tuning_request
from points import Deed
from private_engine import PrivateEngine
from processes import Command, StillRunning
from shell_image import import_shell_image
from small_disks import SmallDisk

from tuner.cli.exit_codes import ExitCode
from tuner.dashboard.report import HTML_NAME
from tuner.engine.docker_engine import DockerEngine
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

JOB = "tune"
GPUS = ("GPU-a", "GPU-b")
TRIALS = 3


class Stage:
    """An engine with the algorithm's images on it, for many scenes."""

    def __init__(
        self,
        *options: str,
        images: Path | None = None,
        disk: SmallDisk | None = None,
        live_restore: bool = False,
    ) -> None:
        self.engine = PrivateEngine(*options, gpu_hook=True, images=images, live_restore=live_restore)
        self.disk = disk
        self.folder = Path(tempfile.mkdtemp(prefix="adfaults-", dir="/tmp"))
        self._images: dict[str, str] = {}
        self._undisturbed: dict[str, Undisturbed] = {}
        self._numbers = 0
        self.engine.start()

    def image(self, text: str) -> str:
        """The image of a script, made at its first use."""
        if text not in self._images:
            self._images[text] = self.make_image(text, f"{len(self._images)}")
        return self._images[text]

    def make_image(self, text: str, tag: str) -> str:
        """Make an image, or make it again."""
        api = docker.APIClient(base_url=self.engine.host)
        try:
            return import_shell_image(api, "algodock-test/faults", tag, text, labels={})
        finally:
            api.close()

    @contextmanager
    def scene(self, *, text: str | None = None, **request: Any) -> "Iterator[Scene]":
        """A home of its own; deleted afterwards."""
        self._numbers += 1
        folder = self.folder / f"{self._numbers}"
        folder.mkdir()
        scene = Scene(self, folder, text or script(), request)
        try:
            yield scene
        finally:
            scene.close()
            shutil.rmtree(folder, ignore_errors=True)

    def undisturbed(self, text: str, request: Mapping[str, Any]) -> "Undisturbed":
        """What the job comes to without a fault; found out at the first use."""
        key = f"{text}{request}"
        if key not in self._undisturbed:
            with self.scene(text=text, **request) as scene, scene.tune() as command:
                began = time.monotonic()
                code = command.wait()
                seconds = time.monotonic() - began
                assert code == ExitCode.DONE, command.output
                self._undisturbed[key] = Undisturbed(scene.tuned(), command.points, seconds)
        return self._undisturbed[key]

    def close(self) -> None:
        """End the engine, delete everything."""
        self.engine.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Undisturbed:
    """What a job does when nothing happens: its suggestions, the points it comes by, the seconds it takes."""

    def __init__(self, tuned: Sequence[dict[str, str]], points: Sequence[str], seconds: float) -> None:
        self.tuned = tuned
        self.points = points
        self.seconds = seconds


class Scene:
    """One run of the job, and what happens to it."""

    def __init__(self, stage: Stage, folder: Path, text: str, request: Mapping[str, Any]) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.folder = folder
        self.home = folder / "home"
        self.lost: list[Loss] = []
        self.text = text
        self.image = stage.image(text)
        self._request = request
        wanted = {
            "jobs": TRIALS,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": METRIC, "Regex": REGEX}],
            },
            "ResourceConfig": {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
            **request,
        }
        document = tuning_request(JOB, image=self.image, **wanted)
        document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = METRIC
        self.job_file = write_job(folder / "job.yaml", document)

    def tune(self, **options: Any) -> Command:
        """Start the command that runs the job, or goes on with it."""
        return self.command("tune", self.job_file, **options)

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any) -> Command:
        """Start a command."""
        variables = {"DOCKER_HOST": self.engine.host, "ALGODOCK_GPUS": ",".join(GPUS), **(environment or {})}
        return Command(*arguments, folder=self.folder / "commands", home=self.home, environment=variables, **options)

    def tuned(self) -> list[dict[str, str]]:
        """What was suggested, trial by trial."""
        return [dict(trial.tuned) for trial in self.trials()]

    def trials(self) -> list[TrainingJobRecord]:
        """The trials so far."""
        with Store(self.database) as store:
            return store.trials(JOB)

    @contextmanager
    def held(self, point: int) -> Iterator[Command]:
        """The command while it waits at a point, or has ended before; it goes on after the block."""
        with self.tune(at=point, deed=Deed.WAIT) as command:
            command.wait_at_its_point()
            yield command

    def expect_exit(self, command: Command, *codes: int) -> None:
        """Wait for a command; an exit code that is not among `codes` is a loss."""
        try:
            code = command.wait()
        except (StillRunning, AssertionError) as error:
            self.lose(Invariant.MESSAGES, str(error))
            return
        if code not in codes:
            self.lose(Invariant.MESSAGES, f"exit code {code}:\n{command.output[-2000:]}")
        elif "Traceback" in command.output:
            self.lose(Invariant.MESSAGES, command.output[-2000:])

    def expect_words(self, command: Command, *words: str) -> None:
        """What a command says has to have one of these in it."""
        if not any(word in command.output for word in words):
            self.lose(Invariant.MESSAGES, f"none of {words} in:\n{command.output[-2000:]}")

    def lose(self, invariant: Invariant, what: str) -> None:
        """Remember that something was lost."""
        self.lost.append(Loss(invariant=invariant, what=what))

    def finish(self, **changes: Any) -> list[Loss]:
        """Give the same command again if need be, then look at everything; `changes` are of the Expectation."""
        if not self._has_ended():
            with self.tune() as command:
                self.expect_exit(command, ExitCode.DONE)
            if not self._has_ended():
                return [
                    *self.lost,
                    Loss(invariant=Invariant.TRIALS, what="the job and its report did not come to an end"),
                ]
        undisturbed = self.stage.undisturbed(self.text, self._request)
        expected = Expectation(job=JOB, tuned=undisturbed.tuned, gpus=GPUS, **changes)
        self.lost += losses(self.home, expected)
        with self.command("down", "--yes") as down:
            self.expect_exit(down, ExitCode.DONE)
        with DockerEngine(self.engine.host) as engine:
            self.lost += leftovers(self.home, engine)
        return self.lost

    def _has_ended(self) -> bool:
        return (self.home / "tuning" / JOB / HTML_NAME).exists()

    @property
    def database(self) -> Path:
        """The home's database."""
        return self.home / "algodock.db"

    def ended_trials(self) -> int:
        """How many trials have ended so far."""
        try:
            with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as db:
                count: int = db.execute("SELECT count(*) FROM training_job WHERE end_time IS NOT NULL").fetchone()[0]
        except sqlite3.Error:
            return 0
        db.close()
        return count

    def restore_image(self) -> None:
        """Make the image again after it was removed."""
        self.stage.make_image(self.text, self.image.rpartition(":")[2])

    def close(self) -> None:
        """Remove what it has left on the engine."""
        if not self.engine.is_running:
            self.engine.start()
        with DockerEngine(self.engine.host) as engine:
            for container in engine.containers({}):
                engine.remove(container.container_id)
