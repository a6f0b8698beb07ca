"""GPUs for a command that starts containers itself: leased as long as it runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tuner.cli.machine import Machine
from tuner.errors import EngineUnreachable, GpuUnavailable
from tuner.jobs.gpu_leases import GpuLeases
from tuner.store.records import GpuHolder
from tuner.submission import Say


@contextmanager
def leased_gpus(kind: GpuHolder, name: str, machine: Machine, say: Say) -> Iterator[Sequence[str]]:
    """All GPUs that the command may use (--gpus), leased to what is called `name` in the block.

    Where somebody outside this home uses one of them, it is waited for. Raises GpuUnavailable where somebody in this
    home has one.
    """
    gpus = machine.gpus
    if not gpus and machine.profile.gpus is None:
        raise GpuUnavailable("--gpus all: this machine has none that its driver reports.")
    if not gpus:
        yield ()
        return
    with machine.store() as store:
        store.end_gpu_lease(name, kind)  # what a killed command has left that used this name
        is_over = True
        try:
            _lease(kind, name, machine.gpu_leases(store), machine, say)
            yield gpus
        except EngineUnreachable:
            is_over = False  # a container may still run: who leases next looks for it
            raise
        finally:
            if is_over:
                store.end_gpu_lease(name, kind)


def _lease(kind: GpuHolder, name: str, leases: GpuLeases, machine: Machine, say: Say) -> None:
    message = ""
    while (wait := leases.obtain(name, len(leases.gpus), kind)) is not None:
        if holders := leases.holders():
            raise GpuUnavailable(f"{'; '.join(holders)}. Name other GPUs with --gpus, or wait for it.")
        if wait.message != message:
            say(f"{wait.message}. Ctrl-C gives up.")
            message = wait.message
        machine.parts.sleep(machine.parts.poll_seconds)
