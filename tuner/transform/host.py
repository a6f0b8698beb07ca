"""One host of a transform job: its container from start to removal, and the requests that it answers."""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contracts.serving import BatchStrategy, ExecutionParameters
from contracts.transform import TransformJobSpec
from tuner.engine.protocol import Address, ContainerSpec, Engine
from tuner.s3.errors import CalledOff
from tuner.serving.calls import ping
from tuner.serving.endpoint import Endpoint, EndpointEvent, EventKind
from tuner.serving.errors import EndpointFailed
from tuner.transform.errors import JobFailed, JobLost, ObjectFailed
from tuner.transform.formats import RecordProcessing
from tuner.transform.inputs import UNREADABLE, InputObject
from tuner.transform.invocation import Client
from tuner.transform.object_log import ObjectLog
from tuner.transform.object_queue import ObjectQueue, Request, Witness, answer_of
from tuner.transform.outputs import Output
from tuner.transform.parameters import ask_for_parameters, settle
from tuner.transform.payloads import Splitting
from tuner.transform.progress import Tally
from tuner.transform.records import Limit

#: How long a container may take until its first good ping. Source: a maintainer's word in a public issue.
START_UP_SECONDS = 30 * 60.0
#: How long requests may take to end after their container has.
_JOIN_SECONDS = 10.0
#: How long a host waits between two looks at its container.
_POLL_SECONDS = 0.1
#: Answers up to this size wait in memory for their turn, larger ones on disk.
_ANSWER_IN_MEMORY_BYTES = 1 << 20
#: How many answers may wait for an earlier one, for each request that is under way.
_WINDOW = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class HostWork:
    """What one host has to do, and with what."""

    name: str
    container: ContainerSpec
    objects: Sequence[InputObject]
    scratch: Path
    log: Path


class Host:
    """Works one host's share of a job in a thread of its own; `failure` says why it could not be done.

    `called_off` ends it early: with SIGTERM and its grace, unless `lets_go` is set too, and the container is killed.
    """

    def __init__(
        self,
        spec: TransformJobSpec,
        work: HostWork,
        *,
        engine: Engine,
        output: Output,
        witness: Witness,
        tally: Tally,
        object_log: ObjectLog,
        called_off: threading.Event,
        lets_go: threading.Event,
        started: Callable[[], None],
    ) -> None:
        self.failure: Exception | None = None
        self._spec = spec
        self._work = work
        self._engine = engine
        self._output = output
        self._witness = witness
        self._tally = tally
        self._object_log = object_log
        self._called_off = called_off
        self._lets_go = lets_go
        self._started = started
        self._problem: Exception | None = None
        self._client = Client(
            content_type=spec.content_type,
            accept=spec.accept,
            timeout_seconds=spec.timeout_seconds,
            max_retries=spec.max_retries,
        )
        self._senders: list[threading.Thread] = []
        self.thread = threading.Thread(target=self._run, name=f"{spec.name} {work.name}", daemon=True)

    def _run(self) -> None:
        try:
            self._work_through()
        except EndpointFailed as failure:
            lost = failure.loss
            self.failure = JobFailed(str(failure), "AlgorithmError") if lost is None else JobLost(str(failure), lost)
        except Exception as error:  # noqa: BLE001 - the rim of a thread: the job's own thread says it
            self.failure = error
        if self.failure is not None:
            self._called_off.set()
        self._client.hang_up()  # the container is gone, and nothing will be answered any more
        for sender in self._senders:
            sender.join(_JOIN_SECONDS)

    def _work_through(self) -> None:
        self._work.log.parent.mkdir(parents=True, exist_ok=True)
        with self._work.log.open("a", encoding="utf-8") as log:

            def tell(event: EndpointEvent) -> None:
                # Pings go on, but a container that is too busy to answer them keeps its requests all the same.
                if event.kind is EventKind.LOG:
                    log.write(f"{event.text}\n")
                    log.flush()

            endpoint = Endpoint(
                engine=self._engine,
                spec=self._work.container,
                listener=tell,
                ping=ping,
                clock=time.monotonic,
                startup_seconds=START_UP_SECONDS,
            )
            with endpoint:
                self._started()
                self._serve(endpoint)

    def _serve(self, endpoint: Endpoint) -> None:
        try:
            while not endpoint.is_in_service:
                self._step(endpoint)
            self._transform(endpoint, endpoint.address)
        except CalledOff:
            pass  # ends as one does that has nothing more to do
        if not self._lets_go.is_set():
            endpoint.ask_stop()
            while not self._lets_go.is_set() and endpoint.step():
                self._wait(endpoint)

    def _transform(self, endpoint: Endpoint, address: Address) -> None:
        settled = settle(self._spec, ask_for_parameters(address))
        self._object_log.add([_settled_line(settled)])
        splitting = self._splitting(settled)
        queue = ObjectQueue(
            self._work.objects,
            splitting=splitting,
            compression=self._spec.compression,
            assemble_with=self._spec.assemble_with,
            scratch=self._work.scratch,
            window=_WINDOW * settled.max_concurrent_transforms,
            output=self._output,
            witness=self._witness,
            tally=self._tally,
        )
        self._senders = [
            threading.Thread(target=self._send_all, args=(queue, splitting, address), daemon=True)
            for _ in range(settled.max_concurrent_transforms)
        ]
        try:
            for sender in self._senders:
                sender.start()
            while any(sender.is_alive() for sender in self._senders):
                self._step(endpoint)
            self._step(endpoint)  # the last request may have failed because the container has ended
        except BaseException:
            queue.call_off()
            raise
        if self._problem is not None:
            raise self._problem

    def _step(self, endpoint: Endpoint) -> None:
        if self._called_off.is_set():
            raise CalledOff
        endpoint.step()
        self._wait(endpoint)

    @staticmethod
    def _wait(endpoint: Endpoint) -> None:
        endpoint.activity.pause(_POLL_SECONDS)

    def _send_all(self, queue: ObjectQueue, splitting: Splitting, address: Address) -> None:
        """One of the requests at a time, until there are none: the work of one thread."""
        try:
            while (request := queue.take()) is not None:
                self._send(queue, splitting, request, address)
        except CalledOff:
            pass
        except Exception as error:  # noqa: BLE001 - the rim of a thread: the host's own thread raises it again
            self._problem = error
            queue.call_off()

    def _send(self, queue: ObjectQueue, splitting: Splitting, request: Request, address: Address) -> None:
        def tell(text: str) -> None:
            self._object_log.add([text], request.underway.found.label)

        is_handed_over = False
        answer = tempfile.SpooledTemporaryFile(_ANSWER_IN_MEMORY_BYTES, dir=str(self._work.scratch))  # noqa: SIM115
        try:
            self._client.invoke(address, request.payload, answer, self._called_off, tell)
            answer_of(request, splitting, answer)
        except ObjectFailed as failure:
            queue.fail(request.underway, failure)
        except UNREADABLE as error:
            queue.fail(request.underway, ObjectFailed(f"it cannot be unpacked: {error}"))
        except OSError as error:
            queue.fail(request.underway, ObjectFailed(f"it cannot be read, or its answer not be kept: {error}"))
        else:
            is_handed_over = True
            queue.answered(request, answer)
        finally:
            if not is_handed_over:
                with suppress(OSError):
                    answer.close()

    def _splitting(self, settled: ExecutionParameters) -> Splitting:
        spec = self._spec
        processing = None
        if spec.filters.is_active:
            processing = RecordProcessing(spec.filters, spec.content_type or "", spec.split_type)
        return Splitting(
            split=spec.split_type,
            strategy=settled.batch_strategy,
            limit=Limit(settled.max_payload_mb),
            processing=processing,
        )


def _settled_line(settled: ExecutionParameters) -> str:
    strategy: BatchStrategy = settled.batch_strategy
    return (
        f"MaxConcurrentTransforms={settled.max_concurrent_transforms}, MaxPayloadInMB={settled.max_payload_mb},"
        f" BatchStrategy={strategy}"
    )
