"""A session: one process's access to a home, from a request to a job that has ended.

The command line and the Python classes go through the same completion, validation, submission and loop, so that a job
behaves the same however it was begun.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from tuner.controller import stop_job
from tuner.engine.docker_engine import DockerEngine
from tuner.engine.gpus import choose_gpus
from tuner.engine.nvml import discover_gpus, read_gpu_memory
from tuner.engine.protocol import Engine
from tuner.errors import ResourceNotFound, TunerError
from tuner.profile import HostProfile, load_profile
from tuner.requests.autotune import automatic_choices
from tuner.requests.channels import check_channels
from tuner.requests.completion import CREATE_TUNING_JOB, Defaults, complete, resolve_file_uris
from tuner.requests.front_door import raise_violations, validate
from tuner.requests.search_file import LoadedSearch, load_search
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store
from tuner.submission import Say, extend_tuning_job, find_tuning_job, submit_training_job, submit_tuning_job
from tuner.suggestions import check_search
from tuner.work.interruptions import POLL_SECONDS, Interruptions
from tuner.work.worker import Worker

#: What a search file says, or where one is.
Search = Mapping[str, Any] | str | os.PathLike[str]


def default_requests(profile: HostProfile) -> Defaults:
    """What a request is completed from on this machine.

    The output location is the home's own ``jobs`` folder: ``<location>/<job>/output/model.tar.gz``, as in the cloud, is
    then where the job's folder has its model anyway.
    """
    return Defaults(output_uri=(profile.home / "jobs").as_uri())


@cache
def default_session() -> "Session":
    """The session of this process where none is given: its profile is that of the working folder, as for commands."""
    return Session(load_profile(os.environ, Path.cwd()))


class Session:
    """A home's store, an engine, and what joins them. One object belongs to one thread.

    `engine` None is the Docker engine that the profile names; it is not spoken to before it is needed. `gpus` None are
    those of the profile, else all that the driver reports. `say` is told, in a line, what people should know.
    """

    def __init__(
        self,
        profile: HostProfile,
        *,
        engine: Engine | None = None,
        gpus: Sequence[str] | None = None,
        say: Say = print,
        clock: Callable[[], float] = time.time,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.profile = profile
        self.store = Store(profile.database)
        self.clock = clock
        self.say = say
        self._engine = engine
        self._gpus = gpus
        self._poll_seconds = poll_seconds

    def close(self) -> None:
        """Close the store; the object is of no use afterwards."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def engine(self) -> Engine:
        """The container engine; raises EngineUnreachable where it cannot be found."""
        if self._engine is not None:
            return self._engine
        return DockerEngine(self.profile.docker_host, isolation_off=self.profile.isolation_off)

    @cached_property
    def gpus(self) -> tuple[str, ...]:
        """The ids of the GPUs that jobs of this home may get; raises ProfileError where one is not there."""
        if self._gpus is not None:
            return tuple(self._gpus)
        return choose_gpus(self.profile.gpus, discover_gpus() if self.profile.has_local_engine else ())

    def prepare(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """`request` completed, its relative ``file://`` addresses taken from the working folder.

        Raises ValidationError or NotSupported with all that is wrong, its data included, before anything starts.
        """
        for choice in automatic_choices(request) if operation == CREATE_TUNING_JOB else ():
            self.say(f"Autotune: {choice}")
        completed = complete(operation, request, default_requests(self.profile))
        resolved = resolve_file_uris(operation, completed, Path.cwd())
        raise_violations(validate(operation, resolved))
        raise_violations(check_channels(operation, resolved))
        return resolved

    def submit_tuning_job(self, request: Mapping[str, Any], search: Search | None = None) -> TuningJobRecord:
        """Record the tuning job of a prepared request, or find it in progress; see `tuner.submission`.

        `search` is what a search file says, or where one is. Raises ValidationError and NotSupported with all that is
        wrong with it, JobFileError where it cannot be read.
        """
        found = None
        if search is not None:
            found = LoadedSearch(extension=dict(search)) if isinstance(search, Mapping) else load_search(Path(search))
            check_search(found, request)
        return submit_tuning_job(
            request,
            store=self.store,
            engine=self.engine,
            profile=self.profile,
            gpus=self.gpus,
            now=self.clock(),
            say=self.say,
            extension=None if found is None else found.extension,
        )

    def submit_training_job(self, request: Mapping[str, Any]) -> TrainingJobRecord:
        """Record the training job of a prepared request, or find it in progress; see `tuner.submission`."""
        return submit_training_job(
            request,
            store=self.store,
            engine=self.engine,
            profile=self.profile,
            gpus=self.gpus,
            now=self.clock(),
            say=self.say,
        )

    def extend(self, name: str, trials: int) -> None:
        """Give the tuning job called `name`, which has ended, so many more trials; raises as `extend_tuning_job`."""
        extend_tuning_job(
            name,
            trials,
            store=self.store,
            engine=self.engine,
            profile=self.profile,
            gpus=self.gpus,
            now=self.clock(),
            say=self.say,
        )

    def stop(self, name: str) -> None:
        """Ask the tuning job or the training job called `name` to stop; whoever works the home does it."""
        stop_job(self.store, name, now=self.clock())

    def is_finished(self, name: str) -> bool:
        """Whether the tuning job or the training job called `name` has ended; raises ResourceNotFound."""
        tuning_job = find_tuning_job(self.store, name)
        if tuning_job is not None:
            return tuning_job.status.is_terminal
        return self.store.training_job(name).is_finished

    def run_until_finished(self, name: str, on_round: Callable[[], None] | None = None) -> None:
        """Work the home until the job called `name` has ended, or follow while another process works it.

        `on_round` is called after each round. All unfinished jobs of the home are worked meanwhile. The first Ctrl-C
        asks the job to stop (its containers get SIGTERM, and SIGKILL 120 s later), the second raises Detached and
        leaves them as they are. Raises ResourceNotFound where there is no such job, EngineUnreachable where no engine
        answers, StoreError for a home that cannot be written. Nothing is lost: a later run goes on.
        """

        def has_ended() -> bool:
            if on_round is not None:
                on_round()
            return self.is_finished(name)

        if self.is_finished(name):
            return
        with Interruptions() as interruptions:
            self._worker().run(has_ended, interruptions, lambda: self._stop_if_running(name))

    def run_one_round(self) -> None:
        """Start what has a free slot and take in what has ended, unless another process works the home anyway."""
        worker = self._worker()
        try:
            worker.step()
        finally:
            worker.close()

    def _worker(self) -> Worker:
        return Worker(
            store=self.store,
            profile=self.profile,
            find_engine=lambda: self.engine,
            find_gpus=lambda: self.gpus,
            read_gpu_memory=read_gpu_memory,
            say=self.say,
            clock=self.clock,
            poll_seconds=self._poll_seconds,
        )

    def _stop_if_running(self, name: str) -> None:
        self.say(f"Stopping {name}. Once more to leave it running.")
        try:
            self.stop(name)
        except ResourceNotFound:
            raise
        except TunerError:  # it has ended in this very moment: what the user wants
            return
