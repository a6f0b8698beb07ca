"""The controller's lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from tuner.errors import HomeInUse
from tuner.store.lock import ControllerLock

_HOLD = """
import sys
from pathlib import Path
from tuner.store.lock import ControllerLock
ControllerLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_one_holds_it_and_the_other_is_told_who(tmp_path: Path) -> None:
    """The message names the process, so that the user can find it; its death frees the lock at once."""
    path = tmp_path / "home" / "controller.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        path.parent.mkdir(exist_ok=True)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HomeInUse, match=str(holder.pid)):
            ControllerLock(path).acquire()
        holder.kill()

    lock = ControllerLock(path)
    lock.acquire()
    lock.acquire()  # held already: nothing happens
    lock.release()


def test_it_can_be_taken_again_after_release(tmp_path: Path) -> None:
    """A command that ends lets the next one work the home."""
    first, second = ControllerLock(tmp_path / "l"), ControllerLock(tmp_path / "l")
    first.acquire()
    first.release()
    second.acquire()
    with pytest.raises(HomeInUse):
        first.acquire()
    second.release()


def test_one_can_ask_whether_it_is_held_and_leaves_no_trace(tmp_path: Path) -> None:
    """Asking makes no file, and takes nothing from who holds it."""
    lock = ControllerLock(tmp_path / "l")
    nobody = ControllerLock(tmp_path / "l").is_held()
    made = (tmp_path / "l").exists()
    lock.acquire()
    somebody = ControllerLock(tmp_path / "l").is_held()
    lock.release()

    assert (False, False, True, False) == (nobody, made, somebody, lock.is_held())
