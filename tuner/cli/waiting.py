"""Following one job to its end: work or follow, heed Ctrl-C, say how to come back."""

import errno
from collections.abc import Callable

import click

from contracts.outcome import TRAINING_STOP_GRACE_SECONDS
from tuner.cli.machine import Machine
from tuner.controller import stop_job
from tuner.errors import EngineError, StoreError, TunerError
from tuner.store.sqlite_store import Store
from tuner.submission import Say
from tuner.work.interruptions import Detached, Interruptions
from tuner.work.worker import Worker

#: What is said at the first Ctrl-C.
STOPPING = (
    f"Stopping: containers get SIGTERM and up to {TRAINING_STOP_GRACE_SECONDS} s."
    " Ctrl-C again leaves them running and detaches."
)


def follow(
    name: str, has_ended: Callable[[], bool], *, machine: Machine, store: Store, say: Say, come_back: str
) -> None:
    """Return when `has_ended` says that the job called `name` has. The first Ctrl-C asks it to stop.

    Raises Detached at the second, which says what to type to come back (`come_back`, unless the job is stopping);
    EngineError and StoreError, with a note of the same, where the machine does not let it go on.
    """

    def ask_stop() -> None:
        say(STOPPING)
        try:
            stop_job(store, name, now=machine.clock())
        except TunerError as error:  # it ended in this very moment
            say(str(error))

    with Interruptions() as interruptions:
        try:
            _worker(machine, store, say).run(has_ended, interruptions, ask_stop)
        except Detached as detached:
            if interruptions.stop_asked:
                text = f"Detached while {name} is stopping. `algodock stop {name}` waits until it has."
            else:
                text = f"Detached. Running containers go on; `{come_back}` goes on with {name}."
            raise Detached(text) from detached
        except (EngineError, StoreError, OSError) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
                error.add_note(f"`df -h {machine.profile.home}` tells about the disk that everything is kept on.")
            error.add_note(f"{name} is not lost, and its containers go on: `{come_back}` goes on with it.")
            raise


def follow_stop(has_ended: Callable[[], bool], *, machine: Machine, store: Store, come_back: str) -> None:
    """Return when `has_ended` says that what was asked to stop has.

    Raises Detached at the first Ctrl-C; `come_back` is what to type to wait again.
    """
    with Interruptions(stop_asked=True) as interruptions:
        try:
            _worker(machine, store, click.echo, begins=False).run(has_ended, interruptions)
        except Detached as detached:
            raise Detached(f"Not waiting any longer. `{come_back}` waits again.") from detached


def _worker(machine: Machine, store: Store, say: Say, *, begins: bool = True) -> Worker:
    return Worker(
        store=store,
        profile=machine.profile,
        find_engine=lambda: machine.engine,
        find_gpus=lambda: machine.gpus,
        read_gpu_memory=machine.parts.read_gpu_memory,
        say=say,
        clock=machine.clock,
        sleep=machine.parts.sleep,
        poll_seconds=machine.parts.poll_seconds,
        begins=begins,
    )
