"""Faults that hit the home: its disk, its rights, its database."""

import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from algorithm import script
from faults_of_processes import looked_at
from invariants import Invariant, Loss
from scene import Scene, Stage
from small_disks import small_disk

from tuner.cli.exit_codes import ExitCode
from tuner.store.database import SCHEMA_VERSION

#: Enough for the job, its report and its database.
_HOME_MEGABYTES = 32
#: With a model of 2 MB, and room for a tenth of it.
LARGE_MODEL = script(ballast=2000)
_LITTLE_BYTES = 200_000
#: As long as somebody may hold the database without anybody noticing, in seconds.
_SHORT_SECONDS = 2.0


def disk_full(stage: Stage, point: int) -> list[Loss]:
    """The home's disk is full when the process comes to a point; it says so; with space the same command goes on."""
    with stage.scene() as scene, small_disk(scene.home, _HOME_MEGABYTES) as disk:
        with scene.held(point) as command:
            disk.fill()
            command.go_on()
            scene.expect_exit(command, ExitCode.DONE, ExitCode.MACHINE)
        with scene.run() as again:
            scene.expect_exit(again, ExitCode.DONE, ExitCode.MACHINE)
            if again.exit_code == ExitCode.MACHINE:
                scene.expect_words(again, "full", "No space")
        looked_at(scene, ExitCode.DONE, ExitCode.BAD_INPUT, ExitCode.MACHINE)
        disk.free()
        return scene.finish(may_be_cut=True, reasons=("space", "exit code: 1"))


def disk_nearly_full(stage: Stage, point: int) -> list[Loss]:
    """There is room for what the database notes, but none for the model that a trial has just made."""
    with stage.scene(text=LARGE_MODEL) as scene, small_disk(scene.home, _HOME_MEGABYTES) as disk:
        with scene.held(point) as command:
            disk.fill(leave_bytes=_LITTLE_BYTES)
            command.go_on()
            scene.expect_exit(command, ExitCode.DONE, ExitCode.MACHINE)
        disk.free()
        return scene.finish(may_be_cut=True, reasons=("exit code: 1",))


def home_read_only(stage: Stage, point: int) -> list[Loss]:
    """A killed command, and then a home in which nothing can be written; looking works, running says why not."""
    with stage.scene() as scene, small_disk(scene.home, _HOME_MEGABYTES) as disk:
        with scene.run(at=point) as command:
            command.wait()
        disk.make_read_only()
        with scene.run() as again:
            scene.expect_exit(again, ExitCode.MACHINE)
            scene.expect_words(again, "read-only", "readonly", "Read-only")
        looked_at(scene, ExitCode.DONE, ExitCode.BAD_INPUT)
        disk.make_writable()
        return scene.finish(may_be_cut=True, reasons=("exit code: 1",))


def database_locked(stage: Stage, point: int) -> list[Loss]:
    """Another program holds the database for seconds; ours wait."""
    with stage.scene() as scene, scene.held(point) as command:
        if scene.database.exists():
            holder = threading.Thread(target=_hold, args=(scene.database, _SHORT_SECONDS))
            command.go_on()
            holder.start()
            holder.join()
        command.go_on()
        scene.expect_exit(command, ExitCode.DONE)
        return scene.finish()


def database_locked_for_long(stage: Stage, point: int) -> list[Loss]:
    """Another program holds the database for longer than ours wait: they say so, and go on when it is over."""
    with stage.scene() as scene:
        with scene.run(at=point) as command:
            command.wait()
        with _held_database(scene.database), scene.run() as again:
            scene.expect_exit(again, ExitCode.MACHINE)
            scene.expect_words(again, "locked")
        return scene.finish()


def database_corrupted(stage: Stage, point: int) -> list[Loss]:
    """A killed command, and then a file that is no database any more, in each of several ways; then the backup."""
    with stage.scene() as scene:
        with scene.run(at=point) as command:
            command.wait()
        for spoil in (_overwrite_beginning, _overwrite_middle, _cut_short):
            with _spoilt(scene, spoil):
                _refuses(scene, "database", "malformed", "corrupt")
        return scene.finish()


def database_newer(stage: Stage, point: int) -> list[Loss]:
    """A killed command, and then a database that a newer version has written."""
    with stage.scene() as scene:
        with scene.run(at=point) as command:
            command.wait()
        with _spoilt(scene, _make_newer):
            _refuses(scene, "newer Algodock")
        return scene.finish()


def _refuses(scene: Scene, *words: str) -> None:
    """Commands refuse the database, say what is the matter, and leave the file as it is."""
    before = _digest(scene.database)
    for arguments in (scene.arguments, ("list",), ("show", scene.job)):
        with scene.command(*arguments) as command:
            scene.expect_exit(command, ExitCode.MACHINE)
            scene.expect_words(command, *words)
    if before != _digest(scene.database):
        scene.lose(Invariant.TRIALS, "a file that could not be read was changed")


@contextmanager
def _spoilt(scene: Scene, spoil: Callable[[Path], None]) -> Iterator[None]:
    """The database after `spoil`; afterwards it is as it was."""
    kept = scene.folder / "kept"
    kept.mkdir(exist_ok=True)
    files = list(scene.home.glob("algodock.db*"))
    for file in files:
        shutil.copy2(file, kept)
    spoil(scene.database)
    try:
        yield
    finally:
        for file in scene.home.glob("algodock.db*"):
            file.unlink()
        for file in files:
            shutil.copy2(kept / file.name, file)


def _overwrite_beginning(path: Path) -> None:
    _into_one_file(path)
    with path.open("r+b") as file:
        file.write(b"this is not a database" * 10)


def _overwrite_middle(path: Path) -> None:
    _into_one_file(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def _cut_short(path: Path) -> None:
    _into_one_file(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 + 100)


def _make_newer(path: Path) -> None:
    _into_one_file(path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()


def _into_one_file(path: Path) -> None:
    """Put what is in the write-ahead log into the file itself, as the last program that closes it does."""
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _held_database(path: Path) -> Iterator[None]:
    db = sqlite3.connect(path, isolation_level=None, timeout=10)
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("ROLLBACK")
    db.close()


def _hold(path: Path, seconds: float) -> None:
    with _held_database(path):
        threading.Event().wait(seconds)
