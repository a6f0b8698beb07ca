"""Where faults happen: an engine of its own, a home, and one job that is run in it.

The jobs are real: containers on a real engine, each with a GPU of its own as far as a machine without GPUs can show
that (`PrivateEngine`, `gpu_hook`). Which job it is, and what has to be true in the end, is for the kinds of scenes.
"""

import copy
import itertools
import shutil
import sqlite3
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import docker
from invariants import Invariant, Loss, leftovers
from points import Deed
from private_engine import PrivateEngine
from processes import Command, StillRunning
from shell_image import import_shell_image
from small_disks import SmallDisk

from tuner.cli.exit_codes import ExitCode
from tuner.engine.docker_engine import DockerEngine

GPUS = ("GPU-a", "GPU-b")


class Stage:
    """An engine with the algorithm's images on it, for many scenes of one kind; `of` gives it to another."""

    def __init__(
        self,
        kind: "type[Scene]",
        *options: str,
        images: Path | None = None,
        disk: SmallDisk | None = None,
        live_restore: bool = False,
    ) -> None:
        self.engine = PrivateEngine(*options, gpu_hook=True, images=images, live_restore=live_restore)
        self.disk = disk
        self.folder = Path(tempfile.mkdtemp(prefix="adfaults-", dir="/tmp"))
        self._kind = kind
        self._images: dict[str, str] = {}
        self._undisturbed: dict[str, Undisturbed] = {}
        self._numbers = itertools.count()
        self.engine.start()

    def of(self, kind: "type[Scene]") -> "Stage":
        """The same engine, for scenes of another kind."""
        stage = copy.copy(self)
        stage._kind = kind
        return stage

    def image(self, text: str) -> str:
        """The image of a script, made at its first use."""
        if text not in self._images:
            self._images[text] = self.make_image(text, f"{len(self._images)}")
        return self._images[text]

    def make_image(self, text: str, tag: str) -> str:
        """Make an image, or make it again."""
        api = docker.APIClient(base_url=self.engine.host)
        try:
            return import_shell_image(
                api, "algodock-test/faults", tag, text, labels={}, changes=('ENTRYPOINT ["/usr/local/bin/train"]',)
            )
        finally:
            api.close()

    @contextmanager
    def scene(self, *, text: str | None = None, **request: Any) -> "Iterator[Scene]":
        """A home of its own; deleted afterwards."""
        number = next(self._numbers)
        folder = self.folder / f"{number}"
        folder.mkdir()
        scene = self._kind(self, folder, text or self._kind.script, request, fails=number % 2 == 1)
        try:
            yield scene
        finally:
            scene.close()
            shutil.rmtree(folder, ignore_errors=True)

    def undisturbed(self, text: str | None = None, request: Mapping[str, Any] | None = None) -> "Undisturbed":
        """What the job comes to without a fault; found out at the first use."""
        request = request or {}
        key = f"{self._kind.__name__}{text}{request}"
        if key not in self._undisturbed:
            with self.scene(text=text, **request) as scene, scene.run() as command:
                began = time.monotonic()
                scene.expect_exit(command, ExitCode.DONE)
                seconds = time.monotonic() - began
                assert not scene.lost, scene.lost
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


class Scene(ABC):
    """One run of a job, and what happens to it. `fails` says that it is one that fails, where there is a choice."""

    #: What its image runs, unless it is given another text.
    script: ClassVar[str]
    #: The name of its job.
    job: ClassVar[str]

    def __init__(self, stage: Stage, folder: Path, text: str, request: Mapping[str, Any], *, fails: bool) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.folder = folder
        self.home = folder / "home"
        self.lost: list[Loss] = []
        self.text = text
        self.request = request
        self.fails = fails
        self.image = stage.image(text)
        self.arguments = self.prepare()

    @abstractmethod
    def prepare(self) -> Sequence[str]:
        """Write the job file and what it needs; return the command that runs the job, or goes on with it."""

    @abstractmethod
    def has_ended(self) -> bool:
        """Whether the job has come to its end, and all that a command makes of it is there."""

    @abstractmethod
    def losses(self, **changes: Any) -> list[Loss]:
        """All that is lost, once the job has ended; `changes` are of what is expected."""

    @property
    def code(self) -> ExitCode:
        """The exit code of a command that has brought the job to its end."""
        return ExitCode.DONE

    def tuned(self) -> list[dict[str, str]]:
        """What was suggested, trial by trial."""
        return []

    def run(self, **options: Any) -> Command:
        """Start the command that runs the job, or goes on with it."""
        return self.command(*self.arguments, **options)

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None, **options: Any) -> Command:
        """Start a command."""
        return Command(
            *arguments,
            folder=self.folder / "commands",
            home=self.home,
            environment={"DOCKER_HOST": self.engine.host, "ALGODOCK_GPUS": ",".join(GPUS), **(environment or {})},
            network=self.engine.network,
            **options,
        )

    @contextmanager
    def held(self, point: int) -> Iterator[Command]:
        """The command while it waits at a point, or has ended before; it goes on after the block."""
        with self.run(at=point, deed=Deed.WAIT) as command:
            command.wait_at_its_point()
            yield command

    def expect_exit(self, command: Command, *codes: int) -> None:
        """Wait for a command; an exit code that is not among `codes` is a loss.

        DONE stands for that of a job which has come to its end, whatever that is.
        """
        wanted = [
            self.code if code == ExitCode.DONE and command.arguments == self.arguments else code for code in codes
        ]
        try:
            code = command.wait()
        except (StillRunning, AssertionError) as error:
            self.lose(Invariant.MESSAGES, str(error))
            return
        if code not in wanted:
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
        """Give the same command again if need be, then look at everything; `changes` are of what is expected."""
        if not self.has_ended():
            with self.run() as command:
                self.expect_exit(command, ExitCode.DONE)
            if not self.has_ended():
                return [*self.lost, Loss(invariant=Invariant.TRIALS, what="the job did not come to its end")]
        self.lost += self.losses(**changes)
        with self.command("down", "--yes") as down:
            self.expect_exit(down, ExitCode.DONE)
        with DockerEngine(self.engine.host) as engine:
            self.lost += leftovers(self.home, engine)
        return self.lost

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
