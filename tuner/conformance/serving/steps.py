"""What the container of the good case is asked, one thing after the other: each a step with its calls.

A step gives its exchanges, or says in a text why it asks nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

from contracts.serving import CSV, CUSTOM_ATTRIBUTES_HEADER, INVOCATIONS_PATH, JSON
from tuner.conformance.serving.case import (
    Payload,
    ServedCase,
    ServingClaim,
    large,
    malformed,
    variants,
)
from tuner.conformance.serving.container import Service
from tuner.conformance.serving.evidence import Step
from tuner.conformance.serving.http_calls import PING, Call, Exchange
from tuner.engine.protocol import ImageFacts

NO_PAYLOAD = "no request is known that it can answer: give one with --payload FILE"
UNKNOWN_TYPE = "application/x-algodock-unknown"
#: Calls of one connection, of which every tenth is an invocation; and those that come at once.
_CALLS_OF_A_CONNECTION = 100
_AT_ONCE = 16
#: Of each of those that call at once; a quick container need not answer thousands.
_MOST_CALLS_OF_ONE = 25
_BURSTS = 3
#: Seconds between two pings of a container under load.
_BETWEEN_PINGS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """What a step works with: the service, and the requests that it can answer."""

    service: Service
    case: ServedCase
    image: ImageFacts

    @property
    def payload(self) -> Payload | None:
        """The usual request."""
        return next(iter(self.case.payloads), None)

    @property
    def seconds(self) -> float:
        """How long an invocation may take."""
        return self.service.patience.invocation

    @property
    def ping(self) -> Call:
        """A ping, with the time that it may take."""
        return replace(PING, seconds=self.service.patience.ping)

    def call(self, payload: Payload, **headers: str) -> Call:
        """The request with `payload`."""
        return payload.call(seconds=self.seconds, **headers)

    def ask(self, call: Call) -> Exchange:
        """Make `call` on a connection of its own."""
        return self.service.ask(call)

    def claims(self, claim: ServingClaim) -> bool:
        """Whether the case or the image claims it."""
        return claim in self.case.claimed(self.image)


StepFunction = Callable[[Counter], Step | str]


def one_connection(counter: Counter) -> Step:
    """A hundred calls on one connection, opened anew where the container closes it; every tenth is an invocation."""
    payload = counter.payload
    exchanges = []
    with counter.service.connect() as connection:
        for number in range(_CALLS_OF_A_CONNECTION):
            call = counter.call(payload) if payload is not None and number % 10 == 5 else counter.ping  # noqa: PLR2004
            exchanges.append(Exchange(call=call, reply=connection.send(call)))
    return Step(exchanges=exchanges)


def bursts(counter: Counter) -> Step:
    """New connections, sixteen at once, three times."""
    exchanges: list[Exchange] = []
    for _ in range(_BURSTS):
        exchanges += _at_once(counter, [counter.ping] * _AT_ONCE)
    return Step(exchanges=exchanges)


def _at_once(counter: Counter, calls: Sequence[Call]) -> list[Exchange]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(counter.ask, calls))


def every_payload(counter: Counter) -> Step | str:
    """Every payload, and what can be made of the first one: the answers that later ones are compared with."""
    if counter.payload is None:
        return NO_PAYLOAD
    exchanges = [counter.ask(counter.call(payload)) for payload in counter.case.payloads]
    exchanges += [counter.ask(counter.call(payload)) for payload in variants(counter.payload)]
    return Step(exchanges=exchanges)


def again(counter: Counter) -> Step | str:
    """The usual request, twice."""
    if counter.payload is None:
        return NO_PAYLOAD
    return Step(exchanges=[counter.ask(counter.call(counter.payload)) for _ in range(2)])


def with_parameters(counter: Counter) -> Step | str:
    """Every payload with a parameter of its content type."""
    if counter.payload is None:
        return NO_PAYLOAD
    exchanges = []
    for payload in counter.case.payloads:
        content_type = payload.content_type if ";" in payload.content_type else f"{payload.content_type}; charset=utf-8"
        exchanges.append(counter.ask(counter.call(replace(payload, content_type=content_type))))
    return Step(exchanges=exchanges)


def accepts(counter: Counter) -> Step | str:
    """Without Accept, with one that takes all, and with each that the image is said to answer with."""
    if counter.payload is None:
        return NO_PAYLOAD
    exchanges = [counter.ask(counter.call(counter.payload)), counter.ask(counter.call(counter.payload, Accept="*/*"))]
    exchanges += [counter.ask(counter.call(counter.payload, Accept=accept)) for accept in counter.case.accepts]
    return Step(exchanges=exchanges)


def unknown_accept(counter: Counter) -> Step | str:
    """A media type that there is not."""
    if counter.payload is None:
        return NO_PAYLOAD
    return Step(exchanges=[counter.ask(counter.call(counter.payload, Accept=UNKNOWN_TYPE))])


def unknown_content_type(counter: Counter) -> Step:
    """A media type that there is not."""
    body = b"{}" if counter.payload is None else counter.payload.body
    return Step(exchanges=[counter.ask(counter.call(Payload(body=body, content_type=UNKNOWN_TYPE)))])


def malformed_body(counter: Counter) -> Step:
    """A body that is not what its type says; the log is given a moment to tell of it."""
    usual = counter.payload or Payload(body=b'{"instances": [[1]]}', content_type=JSON)
    bad = malformed(usual)
    if counter.case.malformed is not None:
        bad = Payload(body=counter.case.malformed, content_type=usual.content_type)
    before = len(counter.service.lines)
    asked = counter.ask(counter.call(bad))
    deadline = time.monotonic() + counter.service.patience.ping
    while len(counter.service.lines) == before and time.monotonic() < deadline:
        time.sleep(counter.service.patience.poll)
    return Step(exchanges=[asked])


def empty_body(counter: Counter) -> Step:
    """No byte at all."""
    content_type = CSV if counter.payload is None else counter.payload.content_type
    return Step(exchanges=[counter.ask(counter.call(Payload(body=b"", content_type=content_type)))])


def failing_input(counter: Counter) -> Step | str:
    """What makes the model fail."""
    if counter.payload is None or counter.case.failing is None:
        return "no request is known that makes the model fail: give one with --failing FILE"
    payload = Payload(body=counter.case.failing, content_type=counter.payload.content_type)
    return Step(exchanges=[counter.ask(counter.call(payload))])


def six_mebibytes(counter: Counter) -> Step | str:
    """As many bytes as InvokeEndpoint takes."""
    if counter.payload is None:
        return NO_PAYLOAD
    made = large(counter.payload)
    if counter.case.large is not None:
        made = Payload(body=counter.case.large, content_type=counter.payload.content_type)
    if made is None:
        return (
            f"how {counter.payload.media_type} is made 6 MiB long is not known: give such a request with --large FILE"
        )
    return Step(exchanges=[counter.ask(counter.call(made))])


def unknown_headers(counter: Counter) -> Step | str:
    """Headers of the platform that no container has to know."""
    if counter.payload is None:
        return NO_PAYLOAD
    call = counter.call(
        counter.payload,
        X_Amzn_SageMaker_Inference_Id="algodock-check",
        X_Amzn_SageMaker_Target_Variant="AllTraffic",
        X_Amzn_SageMaker_Something_New="v=1; q=0.5, x",
        X_Amzn_Trace_Id="Root=1-5759e988-bd862e3fe1be46a994272793",
    )
    return Step(exchanges=[counter.ask(call)])


def custom_attributes(counter: Counter) -> Step | str:
    """As long as the API allows."""
    if counter.payload is None:
        return NO_PAYLOAD
    attributes = "trace=7;" + "a" * 1016
    call = counter.call(counter.payload)
    return Step(exchanges=[counter.ask(replace(call, headers={**call.headers, CUSTOM_ATTRIBUTES_HEADER: attributes}))])


def chunked_body(counter: Counter) -> Step | str:
    """A body whose length is not said beforehand."""
    if counter.payload is None:
        return NO_PAYLOAD
    return Step(exchanges=[counter.ask(replace(counter.call(counter.payload), is_chunked=True))])


def get_invocations(counter: Counter) -> Step:
    """GET where only POST is known."""
    return Step(exchanges=[counter.ask(Call(method="GET", path=INVOCATIONS_PATH, seconds=counter.seconds))])


def unknown_path(counter: Counter) -> Step:
    """A path that no container has."""
    return Step(exchanges=[counter.ask(Call(method="GET", path="/algodock/unknown", seconds=counter.seconds))])


def client_leaves(counter: Counter) -> Step | str:
    """A caller that breaks off after the first byte of the answer, a few times."""
    if counter.payload is None:
        return NO_PAYLOAD
    call = counter.call(counter.payload)
    for _ in range(_BURSTS):
        with counter.service.connect() as connection:
            connection.leave(call)
    return Step()


def stream(counter: Counter) -> Step | str:
    """The usual request, whose answer is said to come bit by bit."""
    if not counter.claims(ServingClaim.STREAMING):
        return "streaming is not claimed (--claim streaming)"
    return again(counter)


def load(counter: Counter) -> Step | str:
    """Sixteen callers at once for some seconds, each with requests of its own, and pings meanwhile."""
    if counter.payload is None:
        return NO_PAYLOAD
    bodies = [*counter.case.payloads, *variants(counter.payload)]
    is_over = Event()
    ends = time.monotonic() + counter.service.patience.load

    def caller(number: int) -> list[Exchange]:
        made: list[Exchange] = []
        with counter.service.connect() as connection:
            while not made or (time.monotonic() < ends and len(made) < _MOST_CALLS_OF_ONE):
                call = counter.call(bodies[(number + len(made)) % len(bodies)])
                made.append(Exchange(call=call, reply=connection.send(call)))
        return made

    def pinger() -> list[Exchange]:
        made = []
        while not is_over.wait(_BETWEEN_PINGS):
            made.append(counter.ask(counter.ping))
        return made

    with ThreadPoolExecutor(_AT_ONCE + 1) as pool:
        pings = pool.submit(pinger)
        callers = [pool.submit(caller, number) for number in range(_AT_ONCE)]
        try:
            exchanges = [one for made in callers for one in made.result()]
        finally:
            is_over.set()
    return Step(exchanges=exchanges, pings=pings.result())


#: All steps by name, in their order: what may harm the container comes last.
STEPS: Mapping[str, StepFunction] = {
    "every payload": every_payload,
    "a hundred calls on one connection": one_connection,
    "new connections at once": bursts,
    "the same request twice": again,
    "content types with a parameter": with_parameters,
    "Accept": accepts,
    "unknown headers": unknown_headers,
    "custom attributes": custom_attributes,
    "GET /invocations": get_invocations,
    "an unknown path": unknown_path,
    "a stream": stream,
    "load": load,
    "an unknown content type": unknown_content_type,
    "an unknown Accept": unknown_accept,
    "6 MiB": six_mebibytes,
    "a chunked body": chunked_body,
    "an empty body": empty_body,
    "a malformed body": malformed_body,
    "a caller that leaves": client_leaves,
    "a failing model": failing_input,
}


def look_after(counter: Counter) -> Exchange:
    """Whether the container still works: the usual request once more, or a ping where none is known."""
    return counter.ask(counter.ping if counter.payload is None else counter.call(counter.payload))
