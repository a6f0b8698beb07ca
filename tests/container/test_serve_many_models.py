"""``serve`` with many models over a real port: each in a process of its own, which memory and crashes stay in."""

import http.client
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fake_serving
import pytest
from serve_process import Server, Start, wait_for

from container.errors import InvalidServingRequest
from container.serve import read_settings

SPECIAL = fake_serving.Doubles
MANY = {"SAGEMAKER_MULTI_MODEL": "true"}


class Container:
    """A server of many models, and the folders of its models."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.models = server.model.parent / "models"

    def write(self, name: str, factor: int) -> Path:
        """Put a model where the platform would; it multiplies."""
        folder = self.models / name / "model"
        folder.mkdir(parents=True)
        (folder / "factor").write_text(str(factor))
        return folder

    def load(self, name: str, folder: Path | None = None) -> tuple[int, bytes]:
        """Load it."""
        url = str(folder or self.models / name / "model")
        return self.server.ask("POST", "/models", json.dumps({"model_name": name, "url": url}).encode())

    def invoke(self, name: str, body: bytes) -> tuple[int, bytes]:
        """Ask it."""
        return self.server.ask("POST", f"/models/{name}/invoke", body)

    def unload(self, name: str) -> int:
        """Unload it."""
        return self.server.ask("DELETE", f"/models/{name}")[0]

    @property
    def names(self) -> list[str]:
        """Those that are loaded."""
        return [model["modelName"] for model in json.loads(self.server.ask("GET", "/models")[1])["models"]]

    def processes(self) -> list[str]:
        """The models' folders, of all processes that run for this server."""
        commands = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.append(path.read_bytes().decode().split("\0"))
            except OSError:
                continue  # it ended in this very moment
        return [words[-2] for words in commands if "container.model_program" in words and str(self.models) in words[-2]]


@pytest.fixture
def container(start: Start) -> Container:
    """A server that is ready; it has two models that it has not loaded."""
    container = Container(start("Multiplies", workers=1, **MANY).wait_until_ready())
    container.write("three", 3)
    container.write("five", 5)
    return container


def test_each_model_answers_for_itself(container: Container) -> None:
    """Loaded when asked for, gone when unloaded, with its process."""
    assert [] == container.names
    assert [(200, b""), (200, b"")] == [container.load(name) for name in ("three", "five")]
    assert ([(200, b"6.0"), (200, b"10.0")]) == [container.invoke(name, b"2") for name in ("three", "five")]
    assert ["five", "three"] == container.names

    assert (200, 404) == (container.unload("three"), container.unload("three"))
    assert (404, 200) == (container.invoke("three", b"2")[0], container.invoke("five", b"2")[0])
    assert [str(container.models / "five" / "model")] == container.processes()


def test_what_cannot_be_loaded_is_told_to_the_platform_and_in_the_log(container: Container) -> None:
    """No folder; a folder without a model in it. Nothing of them stays."""
    nowhere = container.load("nowhere")
    (container.models / "empty" / "model").mkdir(parents=True)
    status, text = container.load("empty")

    assert (400, 500) == (nowhere[0], status)
    assert b"holds no model of this algorithm" in text
    assert "holds no model of this algorithm" in container.server.log
    assert ([], []) == (container.names, container.processes())


@pytest.mark.parametrize(
    ("algorithm", "status", "reason"),
    [
        ("RunsOutOfMemory", 507, "was killed, as the kernel does when memory runs out"),
        ("HasABug", 500, "the model cannot be loaded: ZeroDivisionError: no layers"),
        ("LoadsNothing", 500, "what load returned has no predict"),
        ("Missing", 500, "ALGODOCK_ALGORITHM='fake_serving:Missing' names no algorithm"),
    ],
)
def test_a_load_that_fails_says_how_and_the_server_stays(
    start: Start, algorithm: str, status: int, reason: str
) -> None:
    """507 for memory alone; the process of the model is gone."""
    container = Container(start(algorithm, workers=1, **MANY).wait_until_ready())
    container.write("x", 1)
    answered = container.load("x")

    assert (status, True) == (answered[0], reason in answered[1].decode())
    assert (200, [], []) == (container.server.ping(), container.names, container.processes())


def test_a_model_that_dies_takes_nobody_along(container: Container) -> None:
    """507, as it was killed; it is not loaded any more, and can be loaded again."""
    container.load("three")
    container.load("five")
    status, _ = container.invoke("three", str(SPECIAL.DIES).encode())

    assert (507, ["five"]) == (status, container.names)
    assert (200, (200, b"3.0")) == (container.load("three")[0], container.invoke("three", b"1"))
    assert (200, b"5.0") == container.invoke("five", b"1")


@pytest.mark.parametrize(("number", "status"), [(SPECIAL.OUT_OF_MEMORY, 507), (SPECIAL.RAISES, 500)])
def test_a_model_that_raises_stays_loaded(container: Container, number: int, status: int) -> None:
    """Too little memory is told from other errors: the platform unloads others then."""
    container.load("three")

    assert status == container.invoke("three", str(number).encode())[0]
    assert (200, b"3.0") == container.invoke("three", b"1")


def test_one_model_does_not_wait_for_another(container: Container) -> None:
    """Nor does a ping, nor a loading."""
    container.load("three")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(container.invoke, "three", str(SPECIAL.SLOW).encode())
        wait_for(lambda: "slow" in container.server.log, container.server)
        others = (container.server.ping(), container.load("five")[0], container.invoke("five", b"1"))

        assert ((200, 200, (200, b"5.0")), (200, b"303.0")) == (others, slow.result())


def test_an_unloading_lets_requests_finish(container: Container) -> None:
    """The answer comes, then the model goes."""
    container.load("three")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(container.invoke, "three", str(SPECIAL.SLOW).encode())
        wait_for(lambda: "slow" in container.server.log, container.server)

        assert (200, (200, b"303.0")) == (container.unload("three"), slow.result())


def test_loading_and_asking_at_once_gives_no_wrong_answer(container: Container) -> None:
    """Eight callers who each load what is not there, ask, and sometimes unload."""

    def use(caller: int) -> list[tuple[int, bytes]]:
        name, answers = ("three", "five")[caller % 2], []
        for round_ in range(6):
            container.load(name)
            answers.append(container.invoke(name, b"1"))
            if caller + round_ == 7:
                container.unload(name)
        return [answer for answer in answers if answer != (200, b"3.0" if name == "three" else b"5.0")]

    with ThreadPoolExecutor(8) as pool:
        wrong = {answer[0] for answers in pool.map(use, range(8)) for answer in answers}

    assert wrong <= {404}  # unloaded between loading and asking
    assert "Traceback" not in container.server.log


def test_answers_in_pieces_come_from_many_models_too(start: Start) -> None:
    """The first piece before the last; a failure in the middle closes the connection, and the model stays."""
    container = Container(start("Streams", workers=1, **MANY).wait_until_ready())
    folder = container.write("rows", 1)
    assert 200 == container.load("rows")[0]
    connection = container.server.connect()
    connection.request("POST", "/models/rows/invoke", b"1\n2", {"Content-Type": "text/csv", "Accept": "text/csv"})
    answer = connection.getresponse()
    first = answer.read1(100)
    (folder / "go").touch()

    assert (b"2.0", b"\n4.0") == (first, answer.read())
    assert (200, b"2.0") == container.invoke("rows", b"1")
    connection.close()
    assert 200 == container.unload("rows")


def test_a_model_that_fails_in_the_middle_of_its_answer_closes_the_connection(start: Start) -> None:
    """The model stays loaded, and the next one is answered."""
    container = Container(start("Streams", workers=1, **MANY).wait_until_ready())
    folder = container.write("rows", 1)
    (folder / "go").touch()
    container.load("rows")
    with pytest.raises(http.client.IncompleteRead):
        container.invoke("rows", f"1\n{SPECIAL.RAISES}".encode())

    assert (200, b"2.0") == container.invoke("rows", b"1")
    assert "the model failed in the middle of its answer: ValueError\n" in container.server.log
    assert "Traceback" not in container.server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_of_a_model_stays_when_the_server_ends(container: Container, number: signal.Signals) -> None:
    """With exit code 0, as where there is one model."""
    container.load("three")
    code = container.server.stop(number)

    assert (0, []) == (code, container.processes())


def test_a_model_ends_when_its_server_is_killed(container: Container) -> None:
    """It notices by itself."""
    container.load("three")
    container.server.process.send_signal(signal.SIGKILL)
    container.server.process.wait()
    wait_for_end_of_processes(container)


def wait_for_end_of_processes(container: Container) -> None:
    """The server cannot be asked any more."""
    while container.processes():
        pass


def test_where_there_are_many_models_there_is_one_server_and_a_thread_for_each_model() -> None:
    """Whatever the machine has; each model's process is its only one."""
    settings = read_settings(MANY, cpus=8, gpus=("0", "1"))

    assert (True, 1) == (settings.is_multi_model, settings.workers)
    with pytest.raises(InvalidServingRequest, match="each has one process"):
        read_settings({**MANY, "SAGEMAKER_MODEL_SERVER_WORKERS": "2"}, cpus=8, gpus=())
