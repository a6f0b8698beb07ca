"""``serve``: the model in ``/opt/ml/model`` behind HTTP, in gunicorn workers that each hold the model; or many models.

For one model: one worker for each processor, computing with one thread; where there are GPUs, one worker for each of
them. The model is loaded after the fork. If that fails, for whatever reason, the reason goes to stderr and the process
ends with code 1: workers that never serve are not started again and again. docs/adr/0011 tells why it is built so.

For many models: one worker, which holds none of them; each is loaded, when the platform asks for it, in a process of
its own. docs/adr/0017 tells why.
"""

import itertools
import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from container import codecs
from container.algorithm import ALGORITHM_VARIABLE, REFERENCE_ALGORITHM, load_predictor
from container.app import create_app
from container.cpus import THREADS_VARIABLE, available_cpus
from container.environment import layout_from
from container.errors import ContainerError, InvalidServingRequest
from container.model_process import ModelProcess, ModelProgram
from container.model_thread import ModelThread
from container.models import Models
from container.multi_model_app import create_multi_model_app
from container.worker import ModelWorker
from contracts.errors import ContractError
from contracts.multi_model import ModelEntry, is_multi_model
from contracts.serving import (
    DEFAULT_PORT,
    JSON,
    PAYLOAD_LIMIT_BYTES,
    PAYLOAD_LIMIT_VARIABLE,
    PORT_VARIABLE,
    TRANSFORM_PAYLOADS_LIMIT_MB,
    ExecutionParameters,
)

#: As in SageMaker's own inference toolkit: how many processes predict, and what callers get who do not say.
WORKERS_VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
ACCEPT_VARIABLE = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
#: Which GPUs a process of CUDA sees, and in which order.
GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES"

EXIT_FAILURE = 1

#: Threads of a worker that read and write requests around the one that predicts.
THREADS = 8
#: The same where there are many models: some are being loaded, some are slow, and the others are asked all the same.
MULTI_MODEL_THREADS = 64
#: Seconds that requests get to finish after SIGTERM; the platform sends SIGKILL after 30.
GRACE_SECONDS = 25
#: Seconds that an idle connection is kept: longer than the front ends that keep theirs for 60.
KEEP_ALIVE_SECONDS = 75
MOST_CONNECTIONS = 4000

_MEBIBYTE = 1024 * 1024
_MOST_WORKERS = 1000
_FILES_BESIDE_CONNECTIONS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingSettings:
    """What the environment says about how to serve."""

    algorithm: str
    model: Path
    port: int
    workers: int
    gpus: Sequence[str]
    """Ids for `GPUS_VARIABLE`, one a worker in turn; empty on a machine without."""
    most_body_bytes: int | None
    default_accept: str
    is_multi_model: bool = False

    @property
    def execution_parameters(self) -> ExecutionParameters:
        """What a transform job should do: keep all workers busy, within the platform's limit of payloads under way."""
        megabytes = 0 if self.most_body_bytes is None else self.most_body_bytes // _MEBIBYTE
        megabytes = min(TRANSFORM_PAYLOADS_LIMIT_MB, megabytes)
        at_most = TRANSFORM_PAYLOADS_LIMIT_MB // max(1, megabytes)
        return ExecutionParameters(max_concurrent_transforms=min(self.workers, at_most), max_payload_mb=megabytes)


def read_settings(variables: Mapping[str, str], *, cpus: int, gpus: Sequence[str]) -> ServingSettings:
    """The settings for a container with these processors and GPUs; raises InvalidServingRequest naming a variable."""
    accept = variables.get(ACCEPT_VARIABLE) or JSON
    if accept not in codecs.WRITTEN:
        raise InvalidServingRequest(f"{ACCEPT_VARIABLE}={accept!r} is not one of {', '.join(codecs.WRITTEN)}")
    megabytes = _number(variables, PAYLOAD_LIMIT_VARIABLE, PAYLOAD_LIMIT_BYTES // _MEBIBYTE, 0, 1 << 20)
    has_many = is_multi_model(variables)
    workers = _number(variables, WORKERS_VARIABLE, 1 if has_many else len(gpus) or cpus, 1, _MOST_WORKERS)
    if has_many and workers > 1:
        raise InvalidServingRequest(f"{WORKERS_VARIABLE}={workers}: where there are many models, each has one process")
    return ServingSettings(
        algorithm=variables.get(ALGORITHM_VARIABLE, REFERENCE_ALGORITHM),
        model=layout_from(variables).model,
        port=_number(variables, PORT_VARIABLE, DEFAULT_PORT, 1, 65535),
        workers=workers,
        gpus=gpus,
        most_body_bytes=megabytes * _MEBIBYTE or None,
        default_accept=accept,
        is_multi_model=has_many,
    )


def _number(variables: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = variables.get(name) or str(default)
    try:
        number = int(text)
    except ValueError as error:
        raise InvalidServingRequest(f"{name}={text!r} is no whole number") from error
    if not lowest <= number <= highest:
        raise InvalidServingRequest(f"{name}={text!r} is not between {lowest} and {highest}")
    return number


def visible_gpus(variables: Mapping[str, str], devices: Path = Path("/dev")) -> Sequence[str]:
    """The ids of this container's GPUs, as `GPUS_VARIABLE` takes them.

    Counted by device files, of which the engine gives a container those of its own GPUs: to ask the driver, this
    process would have to load it, and no child of such a process can use CUDA.
    """
    count = len(list(devices.glob("nvidia[0-9]*")))
    chosen = variables.get(GPUS_VARIABLE)
    if chosen is None or count == 0:
        return [str(number) for number in range(count)]
    return [gpu.strip() for gpu in chosen.split(",") if gpu.strip() not in ("", "-1")]


def serve(variables: MutableMapping[str, str]) -> int:
    """Serve until SIGTERM, as `variables` say; returns the exit code of the process."""
    cpus = available_cpus()
    try:
        settings = read_settings(variables, cpus=cpus, gpus=visible_gpus(variables))
    except ContainerError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILURE
    # Of many models several compute at once: with a thread for each processor they would wait for each other.
    variables.setdefault(THREADS_VARIABLE, "1" if settings.is_multi_model else str(max(1, cpus // settings.workers)))
    print(
        f"serving {settings.algorithm} on port {settings.port}: "
        f"{'many models' if settings.is_multi_model else f'{settings.workers} workers'}, "
        f"GPUs: {', '.join(settings.gpus) or 'none'}, {variables[THREADS_VARIABLE]} threads to compute"
    )
    try:
        ModelServer(settings).run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_FAILURE
    return EXIT_FAILURE  # not reached: gunicorn always ends by SystemExit


class ModelServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """The settings for gunicorn, and the application of each worker."""

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        self._models: Models | None = None
        #: A byte for each worker, shared by all processes: whether its model is loaded.
        self.loaded = mmap.mmap(-1, _MOST_WORKERS + 1)
        self._gpus = itertools.cycle(settings.gpus or ("",))
        super().__init__()

    @property
    def most_body_bytes(self) -> int | None:
        """Of a request; None stands for no limit."""
        return self._settings.most_body_bytes

    def load_config(self) -> None:
        """Called by gunicorn."""
        shared_memory = "/dev/shm"  # noqa: S108  a folder in memory that every container has; the rest may be read-only
        for name, value in {
            "bind": f"0.0.0.0:{self._settings.port}",
            "workers": self._settings.workers,
            "worker_class": ModelWorker,
            "threads": MULTI_MODEL_THREADS if self._settings.is_multi_model else THREADS,
            "worker_connections": min(MOST_CONNECTIONS, _raise_file_limit() - _FILES_BESIDE_CONNECTIONS),
            "worker_tmp_dir": shared_memory if os.access(shared_memory, os.W_OK) else None,
            "keepalive": KEEP_ALIVE_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            # No worker is killed for being silent: a model that is loaded from one large pickle holds Python's lock for
            # minutes. Whether a container is well is for the platform's pings to find out.
            "timeout": 0,
            "control_socket_disable": True,
            "pre_fork": self._choose_gpu,
            "post_fork": self._enter_worker,
            "child_exit": _end_with_a_worker_that_never_served,
        }.items():
            self.cfg.set(name, value)

    def application_of(self, worker: ModelWorker) -> Flask:
        """The application of a new worker, which begins to load its model, where there is only one."""
        if self._settings.is_multi_model:
            self._models = Models(self._start_model)
            worker.tell_loaded()
            return create_multi_model_app(self._models, max_body_bytes=self.most_body_bytes)
        algorithm, folder = self._settings.algorithm, self._settings.model
        model = ModelThread(lambda: load_predictor(algorithm, folder), _end_for_want_of_a_model)
        model.start(on_loaded=worker.tell_loaded)
        return create_app(
            model,
            is_ready=model.is_loaded,
            max_body_bytes=self.most_body_bytes,
            default_accept=self._settings.default_accept,
            execution_parameters=self._settings.execution_parameters,
        )

    def end(self) -> None:
        """Called by a worker that is about to end: of many models each has a process."""
        if self._models is not None:
            self._models.end()

    def _start_model(self, entry: ModelEntry) -> ModelProcess:
        environment = dict(os.environ)
        if self._settings.gpus:
            environment[GPUS_VARIABLE] = next(self._gpus)
        program = ModelProgram(
            algorithm=self._settings.algorithm,
            default_accept=self._settings.default_accept,
            environment=environment,
        )
        return ModelProcess(program, entry)

    def _choose_gpu(self, arbiter: Arbiter, worker: ModelWorker) -> None:
        taken = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)

    def _enter_worker(self, _: Arbiter, worker: ModelWorker) -> None:
        # Until the worker has its own, SIGTERM would go to a copy of its parent's queue, and be lost there.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self._settings.gpus and not self._settings.is_multi_model:
            os.environ[GPUS_VARIABLE] = self._settings.gpus[worker.slot % len(self._settings.gpus)]


def _raise_file_limit() -> int:
    """Let this process open as many files as it may; each connection is one. Returns how many."""
    _, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _FILES_BESIDE_CONNECTIONS
    allowed = wanted if highest == resource.RLIM_INFINITY else min(wanted, highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, highest))
    return allowed


def _end_for_want_of_a_model(error: BaseException) -> NoReturn:
    """End this worker with the reason on stderr; `_end_with_a_worker_that_never_served` then ends all the others."""
    is_told = isinstance(error, ContainerError | ContractError)
    reason = (
        f"{error}\n" if is_told else f"{type(error).__name__}: {error}\n" + "".join(traceback.format_exception(error))
    )
    print(f"the model cannot be loaded: {reason}", end="", file=sys.stderr, flush=True)
    os._exit(EXIT_FAILURE)


def _end_with_a_worker_that_never_served(arbiter: Arbiter, worker: Any) -> None:
    """End the server, where gunicorn would start one worker after the other: say, memory is too small for the model.

    A worker that dies later is replaced: then it was one request that killed it. No listeners: the server is stopping.
    """
    if not worker.is_loaded and arbiter.LISTENERS:
        raise HaltServer("a worker ended before its model was loaded", EXIT_FAILURE)
    worker.app.loaded[worker.slot] = 0
