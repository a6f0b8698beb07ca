"""Programs of the fake engine that serve: behind each stands a real HTTP server in this process."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

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


def serving(
    server: Server,
    *signals: signal.Signals,
    at_sigterm: int | None = 0,
    is_done: Callable[[], bool] = lambda: True,
) -> Program:
    """Trains or serves, as it is told; once it is in service it sends `algodock` these signals, a few rounds apart.

    It waits with them until `is_done`.
    """

    def program(run: FakeContainer) -> Iterator[None]:
        if run.spec.arguments == ("train",):
            rate = float(run.hyperparameters["learning_rate"])
            run.print(f"accuracy={rate}")
            run.write_model(str(rate), name="rate")
            return
        if "SAGEMAKER_MULTI_MODEL" not in run.spec.environment:
            run.print(f"serving {sorted(path.name for path in run.path('/opt/ml/model').iterdir())}")
        run.on_signal("SIGTERM", lambda: at_sigterm)
        yield
        answering = server.start(run)
        while not (answering.requests and is_done()):
            yield
        for number in signals:
            for _ in range(3):
                yield
            os.kill(os.getpid(), number)
        while True:
            yield

    return program


class ManyModels:
    """The answers of a container of many models: each model answers with its weights and what it was sent."""

    def __init__(self, unpacked: Path, room: int = 2) -> None:
        self.unpacked, self.room = unpacked, room
        self.loaded: dict[str, str] = {}

    def __call__(self, request: Request) -> Response:
        """Load, list, unload, invoke."""
        match request.method, request.path.removeprefix("/").split("/"):
            case "POST", ["models"]:
                return self._load(**json.loads(request.body))
            case "GET", ["models"]:
                models = [{"modelName": name, "modelUrl": url} for name, url in self.loaded.items()]
                return Response(body=json.dumps({"models": models}).encode())
            case _, ["models", name, *_] if name not in self.loaded:
                return Response(status=404)
            case "DELETE", ["models", name]:
                del self.loaded[name]
            case "POST", ["models", name, "invoke"]:
                weights = self.unpacked / name / "model" / "weights"
                return Response(body=weights.read_bytes() + request.body, headers={"Content-Type": "text/csv"})
        return Response()

    def _load(self, model_name: str, url: str) -> Response:
        if len(self.loaded) >= self.room:
            return Response(status=507)
        self.loaded[model_name] = url
        return Response()


def left_behind(
    engine: FakeEngine, home: Path, name: str, program: Program, labels: Mapping[str, str] = MappingProxyType({})
) -> str:
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
            labels={HOME_LABEL: str(home), ENDPOINT_LABEL: name, **labels},
            published_ports={8080: 0},
        )
    )
    engine.start(container_id)
    return container_id
