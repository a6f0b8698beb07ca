"""Containers of their own: started in a way that the good case's is not, or stopped.

A visit gives what was seen by name, or says in a text why it makes none.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.serving import PORT_VARIABLE
from tuner.conformance.serving.case import Payload, ServedCase, ServingClaim
from tuner.conformance.serving.container import Service, ServingProbe, Setting, Start
from tuner.conformance.serving.evidence import Visit
from tuner.conformance.serving.http_calls import Exchange, Reply
from tuner.conformance.serving.models import broken
from tuner.engine.protocol import ImageFacts

#: Where an image that takes a port is told to listen.
OTHER_PORT = 9001
_HALF = 0.5
#: Seconds from SIGTERM until the rest of a request is sent: the container is seen to have heeded the signal.
_MOMENT = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What a visit works with.

    `setting` is what the image is known to do well with, `start` how it came up then. `model` is the folder of the
    model as it was given, `other_model` that of another one.
    """

    probe: ServingProbe
    case: ServedCase
    image: ImageFacts
    setting: Setting
    start: Start
    model: Path
    folder: Path
    other_model: Path | None = None

    @property
    def limit(self) -> float:
        """How long a container may take to come up that does no more than the good one, in seconds."""
        return 3 * (self.start.ready_after or 0.0) + self.probe.patience.spare

    @property
    def payload(self) -> Payload | None:
        """The usual request."""
        return next(iter(self.case.payloads), None)

    def ask(self, service: Service, start: Start) -> tuple[Exchange, ...]:
        """The usual request, where the container came up and one is known."""
        if self.payload is None or start.ready_after is None:
            return ()
        return (service.ask(self.payload.call(seconds=self.probe.patience.invocation)),)

    def visit(self, setting: Setting) -> Visit:
        """Start a container, and ask it once."""
        with self.probe.serve(setting) as service:
            start = service.come_up(self.limit)
            return Visit(start=start, exchanges=self.ask(service, start))


VisitFunction = Callable[[Scene], Mapping[str, Visit] | str]


def broken_model(scene: Scene) -> Mapping[str, Visit] | str:
    """Every file of the model is damaged."""
    damaged = broken(scene.model, scene.folder / "broken-model")
    if damaged is None:
        return "the model has no file that could be broken: give one with --model"
    return {"a broken model": scene.visit(replace(scene.setting, model=damaged))}


def empty_model(scene: Scene) -> Mapping[str, Visit] | str:
    """There is nothing in the model's folder."""
    if not any(scene.model.iterdir()):
        return "the good case has an empty model folder anyway"
    nothing = scene.folder / "empty-model"
    nothing.mkdir()
    nothing.chmod(0o755)
    return {"an empty model": scene.visit(replace(scene.setting, model=nothing))}


def no_network(scene: Scene) -> Mapping[str, Visit]:
    """No network at all. Nothing can be asked then; it is seen whether the container stays."""
    with scene.probe.serve(replace(scene.setting, network=False)) as service:
        return {"no network": Visit(start=service.stays_up(2 * (scene.start.ready_after or 0.0) + 1.0))}


def other_port(scene: Scene) -> Mapping[str, Visit] | str:
    """It is told another port."""
    if ServingClaim.PIPELINE not in scene.case.claimed(scene.image):
        return "pipelines are not claimed (--claim pipeline, or the accept-bind-to-port label)"
    environment = {**scene.setting.environment, PORT_VARIABLE: str(OTHER_PORT)}
    return {"another port": scene.visit(replace(scene.setting, port=OTHER_PORT, environment=environment))}


def stop(scene: Scene) -> Mapping[str, Visit]:
    """SIGTERM when it has nothing to do."""
    with scene.probe.serve(scene.setting) as service:
        start = service.come_up(scene.limit)
        exchanges = scene.ask(service, start)
        service.signal("SIGTERM")
        return {"stopped": Visit(start=start, exchanges=exchanges, stop=service.until_ended())}


def stop_in_a_request(scene: Scene) -> Mapping[str, Visit] | str:
    """SIGTERM when one half of a request has come; then the other half."""
    if scene.payload is None:
        return "no request is known that it can answer: give one with --payload FILE"
    call = scene.payload.call(seconds=scene.probe.patience.invocation)
    with scene.probe.serve(scene.setting) as service:
        start = service.come_up(scene.limit)
        if start.ready_after is None:
            return {"stopped in a request": Visit(start=start)}
        scene.ask(service, start)
        try:
            with service.connect() as connection:
                connection.send_part(call, _HALF)
                time.sleep(_MOMENT)
                service.signal("SIGTERM")
                time.sleep(_MOMENT)
                reply = connection.send_rest(call, _HALF)
        except OSError as error:
            reply = Reply(trouble=str(error))
        ended = service.until_ended()
    return {"stopped in a request": Visit(start=start, exchanges=[Exchange(call=call, reply=reply)], stop=ended)}


#: All visits, by the name under which a reason is kept where one is not made. The long ones first.
VISITS: Mapping[str, VisitFunction] = {
    "a broken model": broken_model,
    "stopped in a request": stop_in_a_request,
    "stopped": stop,
    "an empty model": empty_model,
    "another port": other_port,
    "no network": no_network,
}
