"""One transform job as one process works it: its own thread, and one for each host.

The store belongs to another thread, so what has to be remembered is handed over in `news`.
"""

import queue
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from contracts.channels import Shard
from contracts.jobs import JobStatus
from contracts.transform import TransformJobSpec
from tuner.engine.protocol import Engine
from tuner.errors import ContainerNotFound, EngineError, EngineUnreachable, GpuTaken, TunerError
from tuner.jobs.outcomes import Loss, loss_of_missing, loss_of_refusal
from tuner.jobs.sizing import container_size, gpus_by_host
from tuner.profile import HostProfile
from tuner.s3.errors import CalledOff
from tuner.transform.containers import Model, remove_left_over, transform_container
from tuner.transform.errors import JobLost, ObjectFailed, TransformError
from tuner.transform.folder import TransformFolder, transform_folder
from tuner.transform.host import Host, HostWork
from tuner.transform.inputs import InputObject, list_inputs
from tuner.transform.object_log import ObjectLog
from tuner.transform.outputs import Output, open_output
from tuner.transform.progress import Tally

#: What describes a failed job may have at most so many characters (model: FailureReason).
_MAX_REASON = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a job ended. Without a `status` it goes on later: because of `away` or `taken`, or because it was let go.

    Where it was `lost` the `status` and the `reason` are those that it has where that is not believed.
    """

    status: JobStatus | None
    reason: str = ""
    away: EngineUnreachable | None = None
    taken: GpuTaken | None = None
    lost: Loss | None = None


@dataclass(kw_only=True, slots=True)
class _Fate:
    """What became of the objects, told by the threads of all hosts."""

    object_log: ObjectLog
    news: "queue.SimpleQueue[str]"
    activity: threading.Event
    objects: int = 0
    delivered_keys: list[str] = field(default_factory=list)
    failures: list[tuple[InputObject, ObjectFailed]] = field(default_factory=list)

    def delivered(self, found: InputObject) -> None:
        """Remember an object's key, for the store."""
        self.delivered_keys.append(found.key)
        self.news.put(found.key)
        self.activity.set()

    def failed(self, found: InputObject, failure: ObjectFailed) -> None:
        """Write down why."""
        self.failures.append((found, failure))
        self.object_log.add([str(failure), *failure.details], found.label)
        self.activity.set()


class TransformWork:
    """Works one job; `outcome` is there once its thread has ended."""

    def __init__(
        self,
        spec: TransformJobSpec,
        model: Model,
        *,
        delivered: frozenset[str],
        gpu_ids: Sequence[str],
        engine: Engine,
        profile: HostProfile,
        clock: Callable[[], float],
        activity: threading.Event,
    ) -> None:
        self.tally = Tally()
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.has_started = threading.Event()
        self.outcome: Outcome | None = None
        self.folder: TransformFolder = transform_folder(profile, spec.name)
        self._spec = spec
        self._model = model
        self._delivered = delivered
        self._gpu_ids = gpu_ids
        self._engine = engine
        self._profile = profile
        self._clock = clock
        self._activity = activity
        self._output: Output | None = None
        self._is_stopping = threading.Event()
        self._lets_go = threading.Event()
        self._called_off = threading.Event()
        self._fate = _Fate(object_log=ObjectLog(self.folder.object_log), news=self.news, activity=activity)
        self._thread = threading.Thread(target=self._run, name=f"transform job {spec.name}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Give everything up and discard the output, as StopTransformJob does."""
        self._is_stopping.set()
        self._called_off.set()

    def let_go(self, seconds: float) -> None:
        """Leave the job as it is for a later process; containers are removed. Waits at most `seconds`."""
        self._lets_go.set()
        self._called_off.set()
        self._thread.join(seconds)

    @property
    def has_ended(self) -> bool:
        """Whether there is an outcome."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.outcome = self._work()
        except EngineUnreachable as error:
            self.outcome = Outcome(status=None, away=error)
        except GpuTaken as error:
            self.outcome = Outcome(status=None, taken=error)
        except JobLost as error:
            self.outcome = replace(_failed(f"{error.blame}: {error}"), lost=error.loss)
        except TransformError as error:
            self.outcome = _failed(f"{error.blame}: {error}")
        except (EngineError, OSError) as error:
            lost = loss_of_missing() if isinstance(error, ContainerNotFound) else loss_of_refusal(error)
            self.outcome = replace(_failed(f"InternalServerError: {error}"), lost=lost)
        except TunerError as error:
            self.outcome = _failed(f"ClientError: {error}")
        except Exception as error:  # noqa: BLE001 - the rim of a thread: the job must not wait for ever
            self.outcome = _failed(f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(self.folder.scratch, ignore_errors=True)
            shutil.rmtree(self.folder.model, ignore_errors=True)
            self._activity.set()

    def _work(self) -> Outcome:
        remove_left_over(self._engine, self._profile, self._spec.name)
        self._output = open_output(self._spec.output_uri, self._called_off)
        with suppress(CalledOff):
            self._transform()
        if self._is_stopping.is_set():
            for key in {*self._delivered, *self._fate.delivered_keys}:
                self._output.discard(key)
            return Outcome(status=JobStatus.STOPPED)
        if self._lets_go.is_set():
            return Outcome(status=None)
        return self._judge()

    def _transform(self) -> None:
        if self._called_off.is_set():
            return
        shutil.rmtree(self.folder.scratch, ignore_errors=True)
        objects = list_inputs(self._spec, self._called_off)
        self._fate.objects = len(objects)
        self.tally.begin({found.key: found.size for found in objects}, self._delivered, self._clock())
        left = [found for found in objects if found.key not in self._delivered]
        if not left:
            return
        model_folder = self._model.unpack(self.folder.model)
        if self._called_off.is_set():
            return
        hosts = self._hosts(left, model_folder)
        for host in hosts:
            host.thread.start()
        for host in hosts:
            host.thread.join()
        failures = [host.failure for host in hosts if host.failure is not None]
        if failures and not self._is_stopping.is_set():
            raise failures[0]  # it has called off the other hosts, so there is seldom another

    def _hosts(self, left: Sequence[InputObject], model_folder: Path) -> list[Host]:
        spec, machine = self._spec, self._engine.facts()
        hosts = spec.hosts[: len(left)]  # more would have nothing to do
        gpus = gpus_by_host(self._gpu_ids, self._profile, spec.hosts)
        made = []
        for index, host in enumerate(hosts):
            size = container_size(host, self._profile, machine, containers=len(hosts))
            if size.shortfall is not None:
                self._fate.object_log.add([f"{size.shortfall}: the container of {host.name} gets what is there"])
            work = HostWork(
                name=host.name,
                container=transform_container(
                    spec,
                    self._model,
                    model_folder=model_folder,
                    host=host.name,
                    size=size,
                    profile=self._profile,
                    gpu_ids=gpus[host.name],
                ),
                objects=Shard(index, len(hosts)).of(left),
                scratch=self.folder.scratch / host.name,
                log=self.folder.log(host.name),
            )
            made.append(self._host(work))
        return made

    def _host(self, work: HostWork) -> Host:
        assert self._output is not None
        return Host(
            self._spec,
            work,
            engine=self._engine,
            output=self._output,
            witness=self._fate,
            tally=self.tally,
            object_log=self._fate.object_log,
            called_off=self._called_off,
            lets_go=self._lets_go,
            started=self._note_start,
        )

    def _note_start(self) -> None:
        self.has_started.set()
        self._activity.set()

    def _judge(self) -> Outcome:
        failures = self._fate.failures
        if not failures:
            return Outcome(status=JobStatus.COMPLETED)
        found, first = failures[0]
        of = "the object" if self._fate.objects == 1 else f"{len(failures)} of {self._fate.objects} objects"
        return _failed(f"{first.blame}: See job logs for more information. {of} failed: {found.label}: {first}")


def _failed(reason: str) -> Outcome:
    return Outcome(status=JobStatus.FAILED, reason=reason[:_MAX_REASON])
