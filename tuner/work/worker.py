"""The one loop that waits for a job: it works the home, or follows the process that does."""

import time
from collections.abc import Callable, Sequence

from contracts.jobs import JobKind
from tuner.controller import Controller, KindRunner
from tuner.engine.gpus import ReadGpuMemory
from tuner.engine.protocol import Engine
from tuner.errors import EngineUnreachable, HomeInUse
from tuner.jobs.gpu_leases import GpuLeases
from tuner.jobs.processing_runner import ProcessingRunner
from tuner.jobs.runner import JobRunner
from tuner.profile import HostProfile
from tuner.store.lock import ControllerLock
from tuner.store.sqlite_store import Store
from tuner.submission import Say
from tuner.transform.runner import TransformRunner
from tuner.work.interruptions import POLL_SECONDS, Detached, Interruptions

#: How long a run goes on asking an engine that went away, in seconds.
AWAY_SECONDS = 600.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Worker:
    """Works a home until a job has ended; where another process works it, follows until that one ends.

    `find_engine` and `find_gpus` are asked once, when the home is this process's to work: who only follows needs
    neither. `read_gpu_memory` tells how full a GPU is. `say` is told, in a line, what people should know. One that does
    not `begins` only leads what runs to its end: a command that stops one job must not start trials of another.
    """

    def __init__(
        self,
        *,
        store: Store,
        profile: HostProfile,
        find_engine: Callable[[], Engine],
        find_gpus: Callable[[], Sequence[str]],
        read_gpu_memory: ReadGpuMemory,
        say: Say,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        poll_seconds: float = POLL_SECONDS,
        begins: bool = True,
    ) -> None:
        self._store = store
        self._profile = profile
        self._find_engine = find_engine
        self._find_gpus = find_gpus
        self._read_gpu_memory = read_gpu_memory
        self._say = say
        self._clock = clock
        self._sleep = sleep
        self._poll_seconds = poll_seconds
        self._begins = begins
        self._lock = ControllerLock(profile.lock)
        self._engine: Engine | None = None
        self._controller: Controller | None = None
        self._is_following = False
        self._has_stepped = False
        self._away_since: float | None = None
        self._pause = _FIRST_PAUSE_SECONDS
        self._next_try = 0.0

    def run(
        self,
        has_ended: Callable[[], bool],
        interruptions: Interruptions,
        ask_stop: Callable[[], None] | None = None,
    ) -> None:
        """Go on until `has_ended`, which is asked after each round, says so.

        `ask_stop`, if any, is called once, at the first interruption. Raises Detached at the next, and
        EngineUnreachable where no engine answers: at once when none ever did, else after ten minutes. Nothing is lost:
        a later run goes on.
        """
        has_asked = False
        try:
            while True:
                if interruptions.detach_asked:
                    raise Detached
                if ask_stop is not None and interruptions.stop_asked and not has_asked:
                    has_asked = True
                    ask_stop()
                self.step()
                if has_ended():
                    self._finish_epochs(interruptions)
                    return
                self._wait()
        finally:
            self.close()

    def step(self) -> bool:
        """One round, where this process works the home; return whether it does."""
        if self._clock() < self._next_try:
            return self._controller is not None
        try:
            if self._controller is None and not self._take_over():
                return False
            assert self._controller is not None
            if self._away_since is not None and self._engine is not None:
                self._engine.facts()  # a round may ask the engine nothing, or only in the background
            self._controller.step(begin=self._begins)
        except EngineUnreachable as error:
            self._engine_is_away(error)
        else:
            if self._away_since is not None:
                self._say("The container engine answers again.")
            self._away_since = None
            self._has_stepped = True
        return True

    def close(self) -> None:
        """Let go of the home; containers go on."""
        if self._controller is not None:
            self._controller.close()
            self._controller = None
        self._lock.release()

    def _finish_epochs(self, interruptions: Interruptions) -> None:
        """Feed the Pipe channels of other jobs to the end of their epochs: a later process cannot go on in the middle.

        An interruption that comes meanwhile ends it.
        """
        self._begins = False
        stop_asked = interruptions.stop_asked
        has_said = False
        while self._controller is not None and self._controller.finish_epochs():
            if interruptions.detach_asked or interruptions.stop_asked != stop_asked:
                return
            if not has_said:
                self._say(
                    "Feeding the Pipe channels of other jobs to the end of their epochs. After Ctrl-C those jobs start"
                    " again."
                )
            has_said = True
            self.step()
            self._wait()

    def _take_over(self) -> bool:
        try:
            self._lock.acquire()
        except HomeInUse as error:
            if not self._is_following:
                self._say(f"The {error}. Following it; this command takes over if it ends.")
            self._is_following = True
            return False
        if self._is_following:
            self._say("The other process has ended. This command goes on with the work.")
        store, engine, profile, clock = self._store, self._find_engine(), self._profile, self._clock
        self._engine = engine
        leases = GpuLeases(store, engine, profile, clock, gpus=self._find_gpus(), read_memory=self._read_gpu_memory)
        runner = JobRunner(store, engine, profile, clock, leases)
        others: dict[JobKind, KindRunner] = {
            JobKind.PROCESSING: ProcessingRunner(store, engine, profile, clock, runner.activity, leases=leases),
            JobKind.TRANSFORM: TransformRunner(store, engine, profile, clock, runner.activity, leases=leases),
        }
        self._controller = Controller(self._store, runner, self._profile, self._clock, others)
        return True

    def _engine_is_away(self, error: EngineUnreachable) -> None:
        now = self._clock()
        if not self._has_stepped:
            raise error
        if self._away_since is None:
            self._away_since = now
            self._pause = _FIRST_PAUSE_SECONDS
            self._say(f"{error} Trying again for up to 10 minutes.")
        elif now - self._away_since > AWAY_SECONDS:
            raise error
        self._next_try = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def _wait(self) -> None:
        if self._controller is not None and self._away_since is None:
            self._controller.wait(self._poll_seconds)
        else:
            self._sleep(self._poll_seconds)
