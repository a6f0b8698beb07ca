"""Faults that hit our own processes: killed, stopped, several at a time, a clock that is wrong."""

import itertools
import signal
import time
from collections.abc import Callable

from command_line import wait_until
from invariants import Invariant, Loss
from scene import Scene, Stage

from tuner.cli.exit_codes import ExitCode

#: How many processes in a row are killed before the last one is left alone.
_MOST_LIVES = 40
_HOUR_SECONDS = 3600.0
#: A second command cannot even say that it follows where the first stands still in a transaction.
_PATIENCE_SECONDS = 3.0


def killed_at_a_point(stage: Stage, point: int) -> list[Loss]:
    """SIGKILL at one point; then the same command again."""
    with stage.scene() as scene:
        with scene.run(at=point) as command:
            scene.expect_exit(command, ExitCode.DONE, -signal.SIGKILL)
        return scene.finish()


def killed_at_a_time(stage: Stage, milliseconds: int) -> list[Loss]:
    """SIGKILL so long after the start, wherever the process is then."""
    with stage.scene() as scene:
        with scene.run() as command:
            deadline = time.monotonic() + milliseconds / 1000
            wait_until(lambda: time.monotonic() > deadline or command.exit_code is not None, "the moment")
            command.kill()
        return scene.finish()


def killed_again_and_again(stage: Stage, life: int) -> list[Loss]:
    """Every process is killed after so many points, until one gets to the end before that."""
    with stage.scene() as scene:
        for _ in range(_MOST_LIVES):
            with scene.run(at=life) as command:
                scene.expect_exit(command, ExitCode.DONE, -signal.SIGKILL)
            if scene.has_ended() or scene.lost:
                break
        return scene.finish()


def killed_on_the_way_back(stage: Stage, point: int) -> list[Loss]:
    """SIGKILL in the middle; the process that goes on with it is killed at a point of its own."""
    with stage.scene() as scene:
        half = len(stage.undisturbed(scene.text).points) // 2
        for at in (half, point):
            with scene.run(at=at) as command:
                scene.expect_exit(command, ExitCode.DONE, -signal.SIGKILL)
        return scene.finish()


def follower_killed(stage: Stage, point: int) -> list[Loss]:
    """Commands that only look at a running job are killed: one that follows it, one that prints its logs."""
    with stage.scene() as scene, scene.run() as first:
        first.wait_for("started")
        with scene.run(at=point) as second, scene.command("list", at=point) as third:
            third.wait()
            second.wait_for("Following")
            second.kill()
        scene.expect_exit(first, ExitCode.DONE)
        return scene.finish()


def second_controller(stage: Stage, point: int) -> list[Loss]:
    """The same command a second time while the first is at a point; both end well, one of them has done the work."""
    with stage.scene() as scene, scene.held(point) as first, scene.run() as second:
        second.wait_for("works", _PATIENCE_SECONDS)
        first.go_on()
        for command in (first, second):
            scene.expect_exit(command, ExitCode.DONE)
        return scene.finish()


def controller_killed_before_a_second(stage: Stage, point: int) -> list[Loss]:
    """A second command follows; the first is killed at its point, and the second takes over."""
    with stage.scene() as scene, scene.held(point) as first, scene.run() as second:
        second.wait_for("works", _PATIENCE_SECONDS)
        first.kill()
        scene.expect_exit(second, ExitCode.DONE)
        return scene.finish()


def stopped_controller(stage: Stage, point: int) -> list[Loss]:
    """SIGSTOP at a point: others can still look, a second command follows; SIGCONT, and it goes on."""
    with stage.scene() as scene, scene.held(point) as first:
        first.signal(signal.SIGSTOP)
        first.go_on()
        with scene.command("list") as looking, scene.run() as second:
            scene.expect_exit(looking, ExitCode.DONE)
            second.wait_for("works", _PATIENCE_SECONDS)
            first.signal(signal.SIGCONT)
            scene.expect_exit(first, ExitCode.DONE)
            if "It has ended" in second.output:  # it could not look before that: the first stood in a transaction
                scene.expect_exit(second, ExitCode.BAD_INPUT)
            else:
                scene.expect_exit(second, ExitCode.DONE)
        return scene.finish()


def clock_jumps_back(stage: Stage, looks: int) -> list[Loss]:
    """From one look at the clock to the next it is an hour earlier."""
    with stage.scene() as scene:
        with scene.run(clock=_jumping(looks)) as command:
            scene.expect_exit(command, ExitCode.DONE)
        return scene.finish(clock_is_true=False)


def _jumping(looks: int) -> Callable[[], float]:
    counter = itertools.count()
    return lambda: time.time() - (_HOUR_SECONDS if next(counter) >= looks else 0.0)


def looked_at(scene: Scene, *codes: ExitCode) -> None:
    """What a person does first who finds something broken: look. It ends with one of `codes`, and says something."""
    for arguments in (("list",), ("show", scene.job)):
        with scene.command(*arguments) as command:
            scene.expect_exit(command, *codes)
            if not command.output.strip():
                scene.lose(Invariant.MESSAGES, f"{arguments} says nothing")
