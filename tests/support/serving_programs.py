"""Programs of the fake engine that serve: behind each stands a real HTTP server in this process."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from http_servers import ModelServer, Request, Response

from tuner.engine.fake import FakeEngine
from tuner.engine.fake_container import FakeContainer, Program
from tuner.engine.protocol import ENDPOINT_LABEL, HOME_LABEL, ContainerSpec, Mount


class Server:
    """What a container serves: `answer` may be changed; `servers` are all that were started."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Response] = self.echo
        self.servers: list[ModelServer] = []

    def echo(self, request: Request) -> Response:
        """Healthy; an invocation gives back what it was sent, and as what."""
        return Response(body=request.body, headers={"Content-Type": request.headers.get("Content-Type", "")})

    def start(self, run: FakeContainer) -> ModelServer:
        """Answer on the container's port."""
        server = ModelServer(self._answer_now, run.socket_of(8080))
        self.servers.append(server)
        return server

    def _answer_now(self, request: Request) -> Response:
        return self.answer(request)

    @property
    def asked(self) -> list[Request]:
        """All invocations."""
        return [one for server in self.servers for one in server.requests if one.path == "/invocations"]


def serving(server: Server, *signals: signal.Signals, at_sigterm: int | None = 0) -> Program:
    """Trains or serves, as it is told; once it is in service it sends `algodock` these signals, a few rounds apart."""

    def program(run: FakeContainer) -> Iterator[None]:
        if run.spec.arguments == ("train",):
            rate = float(run.hyperparameters["learning_rate"])
            run.print(f"accuracy={rate}")
            run.write_model(str(rate), name="rate")
            return
        run.print(f"serving {sorted(path.name for path in run.path('/opt/ml/model').iterdir())}")
        run.on_signal("SIGTERM", lambda: at_sigterm)
        yield
        answering = server.start(run)
        while not answering.requests:
            yield
        for number in signals:
            for _ in range(3):
                yield
            os.kill(os.getpid(), number)
        while True:
            yield

    return program


def left_behind(engine: FakeEngine, home: Path, name: str, program: Program) -> str:
    """The container of an endpoint that no process watches; return its id."""
    engine.images["orphan:1"] = program
    (home / "empty").mkdir(parents=True, exist_ok=True)
    container_id = engine.create(
        ContainerSpec(
            name=f"orphan-{name}",
            image="orphan:1",
            arguments=("serve",),
            environment={},
            mounts=(Mount(source=home / "empty", target="/opt/ml/model", read_only=True),),
            labels={HOME_LABEL: str(home), ENDPOINT_LABEL: name},
            published_ports={8080: 0},
        )
    )
    engine.start(container_id)
    return container_id
