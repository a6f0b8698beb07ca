"""A home worked on a fake engine: the real store, runner and controller, with time in the test's hand."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from contracts.jobs import JobKind
from tuner.controller import Controller
from tuner.engine.fake import FakeEngine, FakeImage
from tuner.engine.fake_container import FakeContainer, Program
from tuner.engine.fake_log import FakeLogStream
from tuner.engine.gpus import GpuMemory
from tuner.engine.protocol import JOB_LABEL
from tuner.jobs.disks import Disk
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.processing_runner import ProcessingRunner
from tuner.jobs.runner import JobRunner
from tuner.profile import HostProfile
from tuner.store.records import TrainingJobRecord
from tuner.store.sqlite_store import Store

P = ParamSpec("P")
R = TypeVar("R")


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """The time now, in seconds since the epoch."""
        return self.now


class AtOnce(Executor):
    """Does in the foreground what would run in the background, so that a test need not wait."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Do it now."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future keeps whatever is raised
            future.set_exception(error)
        return future


class Later(Executor):
    """Begins what is to run in the background, and goes on with it when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Remember it."""
        future: Future[R] = Future()
        future.set_running_or_notify_cancel()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - a future keeps whatever is raised
                future.set_exception(error)

        self._waiting.append(work)
        return future

    def run(self) -> None:
        """Do all that has come until now."""
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            work()


class AttentiveEngine(FakeEngine):
    """Lets no container go on by itself before what it has printed is taken in, however busy the machine is.

    Whatever a reader had come back from at one question for the state has been taken in at the next: between the two a
    home takes in what has come.
    """

    def __init__(self, programs: Mapping[str, Program | FakeImage], **settings: Any) -> None:
        super().__init__(programs, **settings)
        self._followed: dict[str, FakeLogStream] = {}
        self._given: dict[str, int] = {}

    def log(self, container_id: str, *, follow: bool, tail: int | None = None) -> FakeLogStream:
        """As it is; who follows is remembered."""
        stream = super().log(container_id, follow=follow, tail=tail)
        if follow:
            self._followed[container_id] = stream
        return stream

    def goes_on(self, one: FakeContainer) -> bool:
        """Also where nobody follows it."""
        stream = self._followed.get(one.container_id)
        if not self.auto_advance or stream is None or stream.is_over:
            return self.auto_advance
        given, self._given[one.container_id] = self._given.get(one.container_id), stream.given
        return given == len(one.frames)


class HomeOfFakes:
    """A home whose containers are Python programs. `restart` stands for a new process after the old one was killed.

    `gpu_memory` is how full the driver says GPUs are; of those that are not in it, it knows nothing.
    """

    def __init__(self, root: Path, programs: Mapping[str, Program | FakeImage], gpus: tuple[str, ...] = ()) -> None:
        self.clock = Clock()
        self.engine: FakeEngine = AttentiveEngine(programs, gpus=gpus, clock=self.clock)
        self.profile = HostProfile(home=root)
        self.gpus = gpus
        self.gpu_memory: dict[str, GpuMemory] = {}
        self.executor: Executor = AtOnce()
        self.disk_bytes = 100 * 2**30
        self.free_bytes: Callable[[], int] = lambda: self.disk_bytes
        self._open()

    def _open(self) -> None:
        self.store = Store(self.profile.database)
        self.leases = GpuLeases(
            self.store,
            self.engine,
            self.profile,
            self.clock,
            gpus=self.gpus,
            read_memory=self.gpu_memory.get,
        )
        self.runner = JobRunner(
            self.store,
            self.engine,
            self.profile,
            self.clock,
            self.leases,
            executor=self.executor,
            read_disk=self.read_disk,
        )
        processing = ProcessingRunner(
            self.store,
            self.engine,
            self.profile,
            self.clock,
            self.runner.activity,
            leases=self.leases,
            executor=self.executor,
            read_disk=self.read_disk,
        )
        self.controller = Controller(
            self.store, self.runner, self.profile, self.clock, {JobKind.PROCESSING: processing}
        )

    def read_disk(self, path: Path) -> Disk:
        """The one disk that there is: `disk_bytes` large, with `free_bytes` of it free."""
        return Disk(path=path, device=1, free_bytes=self.free_bytes(), total_bytes=self.disk_bytes)

    def restart(self) -> None:
        """Forget everything that is only in memory."""
        self.close()
        self._open()

    def close(self) -> None:
        """Close the database and end the threads."""
        self.controller.close()
        self.engine.drop_followers()
        self.store.close()

    def container_of(self, job: str) -> str:
        """The id of a job's only container."""
        (container,) = self.engine.containers({JOB_LABEL: job})
        return container.container_id

    def step_until(self, reached: Callable[[], bool], *, most: int = 2000) -> None:
        """Step, with time going on three seconds each, until `reached`; programs go on by themselves if told so."""
        for _ in range(most):
            if reached():
                return
            self.controller.step()
            self.controller.wait(0.01)
            self.clock.now += 3
        raise AssertionError(
            f"not reached in {most} steps; jobs are {[job.status for job in self.store.training_jobs()]}"
        )

    def run(self, job: str) -> TrainingJobRecord:
        """Step until the training job called `job` has ended."""
        self.step_until(lambda: self.store.training_job(job).is_finished)
        return self.store.training_job(job)
