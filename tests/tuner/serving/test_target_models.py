"""Which models are loaded for whom, and which go when memory is short. The container is a fake of some lines."""

import io
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contracts.multi_model import ModelEntry
from tuner.serving.calls import Answer
from tuner.serving.errors import InvalidInvocation, ModelError, ModelNotReady
from tuner.serving.target_models import TargetModels

TARGET_HEADER = "X-Amzn-SageMaker-Target-Model"


class FakeContainer:
    """A container with room for so many models, each of which answers with its weights."""

    def __init__(self, unpacked: Path, room: int) -> None:
        self._unpacked = unpacked
        self.room = room
        self.loaded: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.headers: Mapping[str, str] = {}
        self.before_load: Callable[[], None] = lambda: None
        self.before_answer: Callable[[str], None] = lambda _: None
        self._lock = threading.Lock()

    def load(self, entry: ModelEntry) -> None:
        self.before_load()
        with self._lock:
            self.calls.append(("load", entry.name))
            assert f"/opt/ml/models/{entry.name}/model" == entry.url
            if entry.name not in self.loaded and len(self.loaded) >= self.room:
                raise ModelError(507, "no memory")
            if entry.name not in self.loaded:
                self.loaded.append(entry.name)

    def unload(self, name: str) -> None:
        with self._lock:
            self.calls.append(("unload", name))
            if name in self.loaded:
                self.loaded.remove(name)

    def is_loaded(self, name: str) -> bool:
        return name in self.loaded

    def invoke(self, name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.before_answer(name)
        if name not in self.loaded:
            raise ModelError(404, "not loaded")
        self.headers = headers
        return Answer(body=(self._unpacked / name / "model" / "weights").read_bytes() + body, content_type=None)

    def count(self, call: str) -> int:
        """How often it was asked to do this."""
        return [kind for kind, _ in self.calls].count(call)


class Stage:
    """Some archives, a fake container, and the routing between them."""

    def __init__(self, folder: Path, *, room: int = 2, seconds: float = 60) -> None:
        self.archives, self.unpacked = folder / "archives", folder / "unpacked"
        self.archives.mkdir(parents=True)
        for name in ("a", "b", "c"):
            self.pack(name, name)
        self.said: list[str] = []
        self.container = FakeContainer(self.unpacked, room)
        self.models = TargetModels(
            archives=self.archives,
            unpacked=self.unpacked,
            container=self.container,
            say=self.said.append,
            seconds=seconds,
        )

    def pack(self, name: str, weights: str) -> None:
        """Write an archive."""
        path = self.archives / f"{name}.tar.gz"
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            member = tarfile.TarInfo("weights")
            member.size = len(weights)
            tar.addfile(member, io.BytesIO(weights.encode()))

    def ask(self, name: str) -> bytes:
        """What a model answers."""
        return self.models.invoke(f"{name}.tar.gz", b"!", {}).body


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A container with room for two."""
    stage = Stage(tmp_path)
    yield stage
    stage.models.close()


def test_a_model_is_loaded_when_it_is_first_asked_for(stage: Stage) -> None:
    """And not again; the container learns what the caller called it."""
    answers = [stage.ask(name) for name in ("a", "b", "a")]

    assert [b"a!", b"b!", b"a!"] == answers
    assert (2, 0) == (stage.container.count("load"), stage.container.count("unload"))
    assert "a.tar.gz" == stage.container.headers[TARGET_HEADER]
    assert stage.said[0].startswith("Loaded a.tar.gz as ")


def test_archives_may_lie_in_folders(stage: Stage) -> None:
    """As objects lie below a prefix."""
    stage.pack("2026/digits", "deep")

    assert b"deep!" == stage.ask("2026/digits")


def test_those_who_ask_for_one_model_at_once_load_it_once(stage: Stage) -> None:
    """All are answered."""
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(stage.ask, ["a"] * 8))

    assert ({b"a!"}, 1) == (answers, stage.container.count("load"))


def test_the_longest_unused_model_makes_room(stage: Stage) -> None:
    """507, unload, try again."""
    for name in ("a", "b", "a", "c"):
        stage.ask(name)

    assert ["Unloaded b.tar.gz: there was no memory for c.tar.gz."] == [
        line for line in stage.said if line.startswith("Unloaded")
    ]
    assert (b"b!", 2) == (stage.ask("b"), len(stage.container.loaded))


def test_a_model_that_fits_by_no_means_is_a_model_error(tmp_path: Path) -> None:
    """When nothing is left that could be unloaded; the next caller tries again."""
    stage = Stage(tmp_path, room=0)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"Received server error \(507\).*no memory") as raised:
            stage.ask("a")

    assert (507, 2) == (raised.value.original_status_code, stage.container.count("load"))


def test_a_model_in_use_is_waited_for_and_not_unloaded(tmp_path: Path) -> None:
    """Who is being answered gets the answer."""
    stage = Stage(tmp_path, room=1)
    begun, go = threading.Event(), threading.Event()

    def linger(_: str) -> None:
        begun.set()
        go.wait(60)

    stage.container.before_answer = linger
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(stage.ask, "a")
        begun.wait(60)
        stage.container.before_answer = lambda _: None
        second = pool.submit(stage.ask, "b")
        while stage.container.count("load") < 2:
            assert not second.done()
        before = stage.container.count("unload")
        go.set()

        assert (b"a!", b"b!", 0) == (first.result(), second.result(), before)


def test_many_callers_of_more_models_than_fit_are_all_answered(tmp_path: Path) -> None:
    """Each by the model that it asked for."""
    stage = Stage(tmp_path, room=2)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(stage.ask, ["a", "b", "c"] * 20))

    assert [b"a!", b"b!", b"c!"] * 20 == answers


def test_a_model_that_the_container_has_lost_is_loaded_again(stage: Stage) -> None:
    """Its server was replaced, or the model died."""
    stage.ask("a")
    stage.container.loaded.clear()

    assert b"a!" == stage.ask("a")


def test_a_model_s_own_404_is_its_answer(stage: Stage) -> None:
    """It is loaded: loading it again would not help."""

    def refuse(_: str) -> None:
        raise ModelError(404, "no such customer")

    stage.container.before_answer = refuse
    with pytest.raises(ModelError, match="no such customer"):
        stage.ask("a")

    assert 1 == stage.container.count("load")


def test_a_model_that_lacks_memory_while_it_is_asked_gets_the_room_of_another(stage: Stage) -> None:
    """As of a GPU, in the middle of an invocation."""
    stage.ask("b")
    said: list[str] = []

    def refuse(name: str) -> None:
        if not said:
            said.append(name)
            raise ModelError(507, "GPU out of memory")

    stage.container.before_answer = refuse

    assert b"a!" == stage.ask("a")
    assert "Unloaded b.tar.gz: there was no memory for a.tar.gz." == stage.said[-1]


def test_a_caller_who_waits_too_long_is_told_to_come_again(tmp_path: Path) -> None:
    """The loading goes on meanwhile."""
    stage = Stage(tmp_path, seconds=0.01)
    go = threading.Event()

    def linger() -> None:
        go.wait(60)

    stage.container.before_load = linger
    with pytest.raises(ModelNotReady, match=r"a\.tar\.gz is still being loaded"):
        stage.ask("a")
    go.set()
    while not stage.said:
        assert stage.container.count("load") <= 1

    assert b"a!" == stage.ask("a")


def test_an_error_of_the_loading_reaches_all_who_wait_for_it(stage: Stage) -> None:
    """And the next one tries anew."""

    def refuse() -> None:
        raise ModelError(500, "no layers")

    stage.container.before_load = refuse
    with pytest.raises(ModelError, match="no layers"):
        stage.ask("a")
    stage.container.before_load = lambda: None

    assert b"a!" == stage.ask("a")


def test_an_archive_is_unpacked_anew_only_where_it_has_changed(stage: Stage) -> None:
    """And only when it is loaded: a model that is loaded stays as it is, as with SageMaker."""
    stage.ask("a")
    stage.pack("a", "changed")
    before = stage.ask("a")
    for name in ("b", "c"):
        stage.ask(name)

    assert (b"a!", b"changed!") == (before, stage.ask("a"))


@pytest.mark.parametrize("target", ["", "/etc/passwd", "../x.tar.gz", "x/../../y", " a", "a\n", "a\0", "a" * 1025])
def test_a_target_out_of_the_folder_is_refused(stage: Stage, target: str) -> None:
    """In the words of the API."""
    with pytest.raises(InvalidInvocation, match="at 'targetModel' failed to satisfy constraint"):
        stage.models.invoke(target, b"", {})


def test_a_model_that_is_not_there_is_told_with_those_that_are(stage: Stage) -> None:
    """The beginning is the service's."""
    with pytest.raises(
        InvalidInvocation, match=r"^Failed to download model data .*a\.tar\.gz, b\.tar\.gz, c\.tar\.gz\."
    ):
        stage.ask("nowhere")
    for number in range(20):
        stage.pack(f"m{number:02}", "x")
    with pytest.raises(InvalidInvocation, match=r"m06\.tar\.gz and 13 more\."):
        stage.ask("nowhere")


def test_an_archive_that_cannot_be_unpacked_is_refused(stage: Stage) -> None:
    """Nothing is asked of the container."""
    (stage.archives / "a.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InvalidInvocation, match="Failed to extract model data archive"):
        stage.ask("a")

    assert [] == stage.container.calls
