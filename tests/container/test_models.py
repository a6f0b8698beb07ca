"""Which models are loaded, when many threads load, ask and unload at once. The models are fakes of two lines."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from container import models as module
from container.answering import Answer, Invocation, Pieces
from container.models import ModelAlreadyLoaded, ModelEnded, ModelNotLoadable, ModelNotLoaded, Models
from contracts.multi_model import ModelEntry

ASKED = Invocation(body=b"1")


class Fake:
    """A model that answers with its own name, and remembers that it was ended."""

    def __init__(self, entry: ModelEntry) -> None:
        self.name = entry.name
        self.is_ended = False
        self.reply: Callable[[], Answer] = lambda: Answer(body=self.name.encode())

    def answer(self, invocation: Invocation) -> Answer:
        assert not self.is_ended
        return self.reply()

    def end(self) -> None:
        self.is_ended = True


class Started:
    """Models, and all the fakes that were started for them."""

    def __init__(self) -> None:
        self.fakes: list[Fake] = []
        self.before: Callable[[ModelEntry], None] = lambda _: None
        self.models = Models(self._start)

    def _start(self, entry: ModelEntry) -> Fake:
        self.before(entry)
        self.fakes.append(Fake(entry))
        return self.fakes[-1]

    def load(self, *names: str) -> None:
        """Load models of these names."""
        for name in names:
            self.models.load(ModelEntry(name=name, url=f"/models/{name}"))

    @property
    def names(self) -> list[str]:
        """The models that a listing shows."""
        return [entry.name for entry in self.models.page().models]


@pytest.fixture
def started() -> Started:
    """No model yet."""
    return Started()


def test_a_model_is_there_from_its_loading_to_its_unloading(started: Started) -> None:
    """Each answers for itself; unloading ends it, and its name is free again."""
    started.load("b", "a")
    answers = [started.models.answer(name, ASKED).body for name in ("a", "b")]
    started.models.unload("a")

    assert ([b"a", b"b"], ["b"], [False, True]) == (answers, started.names, [fake.is_ended for fake in started.fakes])
    assert ModelEntry(name="b", url="/models/b") == started.models.get("b")
    started.load("a")
    assert ["a", "b"] == started.names


def test_what_is_not_loaded_is_not_there(started: Started) -> None:
    """For all that one can do with a model."""
    for ask in (started.models.get, started.models.unload, lambda name: started.models.answer(name, ASKED)):
        with pytest.raises(ModelNotLoaded, match="x"):
            ask("x")


def test_a_second_loading_is_refused(started: Started) -> None:
    """The first one stays as it is."""
    started.load("a")
    with pytest.raises(ModelAlreadyLoaded):
        started.load("a")

    assert [False] == [fake.is_ended for fake in started.fakes]


def test_a_model_that_cannot_be_loaded_leaves_its_name_free(started: Started) -> None:
    """After another was unloaded it is tried again."""

    def refuse(_: ModelEntry) -> None:
        raise ModelNotLoadable(507, "no memory")

    started.before = refuse
    with pytest.raises(ModelNotLoadable, match="no memory"):
        started.load("a")
    started.before = lambda _: None
    started.load("a")

    assert ["a"] == started.names


def test_of_those_who_load_one_model_at_once_one_loads_it(started: Started) -> None:
    """The others wait for the outcome; nobody is told that it is loaded before it is."""
    seen: list[list[str]] = []
    started.before = lambda _: seen.append(started.names)

    def load(_: int) -> bool:
        try:
            started.load("a")
        except ModelAlreadyLoaded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(load, range(8)))

    assert ([[]], 1, 1) == (seen, outcomes.count(True), len(started.fakes))


def test_an_unloading_waits_for_those_whom_the_model_answers(started: Started) -> None:
    """Also for those who take their answer piece by piece; new ones are refused meanwhile."""
    started.load("a")
    (fake,) = started.fakes
    closed = threading.Event()
    fake.reply = lambda: Answer(body=Pieces(iter([b"1", b"2"]), closed.set))
    body = started.models.answer("a", ASKED).body
    assert isinstance(body, Pieces)
    with ThreadPoolExecutor(1) as pool:
        unloading = pool.submit(started.models.unload, "a")
        while started.names:
            assert not unloading.done()
        with pytest.raises(ModelNotLoaded):
            started.models.answer("a", ASKED)
        before = fake.is_ended
        pieces = list(body)
        unloading.result()

    assert (False, [b"1", b"2"], True, True) == (before, pieces, closed.is_set(), fake.is_ended)


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_caller_who_leaves_in_the_middle_is_not_waited_for(started: Started, *, has_begun: bool) -> None:
    """Nor one who left before the first piece."""
    started.load("a")
    started.fakes[0].reply = lambda: Answer(body=Pieces(iter([b"1", b"2"]), lambda: None))
    body = started.models.answer("a", ASKED).body
    assert isinstance(body, Pieces)
    if has_begun:
        next(body)
    body.close()
    body.close()
    started.models.unload("a")

    assert [] == started.names


def test_a_caller_who_never_ends_is_not_waited_for_for_ever(started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform gives an answer 60 seconds."""
    monkeypatch.setattr(module, "UNLOAD_SECONDS", 0.01)
    started.load("a")
    started.fakes[0].reply = lambda: Answer(body=Pieces(iter([b"1"]), lambda: None))
    started.models.answer("a", ASKED)
    started.models.unload("a")

    assert started.fakes[0].is_ended


def test_a_model_that_ended_by_itself_is_not_loaded_any_more(started: Started) -> None:
    """So the platform loads it again."""
    started.load("a", "b")

    def die() -> Answer:
        raise ModelEnded(507, "killed")

    started.fakes[0].reply = die
    with pytest.raises(ModelEnded):
        started.models.answer("a", ASKED)

    assert (["b"], True) == (started.names, started.fakes[0].is_ended)


def test_a_listing_comes_in_pages(started: Started) -> None:
    """In the order of names; a token leads on, whatever was unloaded meanwhile."""
    started.load(*(f"m{number:03}" for number in range(250)))
    first = started.models.page()
    started.models.unload(str(first.next_page_token))
    second = started.models.page(first.next_page_token)
    third = started.models.page(second.next_page_token)

    listed = [entry.name for page in (first, second, third) for entry in page.models]
    assert [f"m{number:03}" for number in range(250)] == listed
    assert ([100, 100, 50], None) == ([len(page.models) for page in (first, second, third)], third.next_page_token)


def test_loading_asking_and_unloading_at_once_never_gives_a_wrong_answer(started: Started) -> None:
    """An answer is of the model that was asked, or there is none."""
    answers: list[tuple[str, bytes | Pieces]] = []

    def churn(number: int) -> None:
        name = f"m{number % 3}"
        for _ in range(100):
            try:
                answers.append((name, started.models.answer(name, ASKED).body))
                started.models.unload(name)
            except ModelNotLoaded:
                continue

    def load_all() -> None:
        for name in ("m0", "m1", "m2") * 50:
            try:
                started.load(name)
            except ModelAlreadyLoaded:
                continue

    with ThreadPoolExecutor(7) as pool:
        for done in [*(pool.submit(churn, number) for number in range(6)), pool.submit(load_all)]:
            done.result()

    assert [] == [pair for pair in answers if pair[0].encode() != pair[1]]


def test_at_the_end_all_models_end(started: Started) -> None:
    """The server goes, and nothing of it may stay."""
    started.load("a", "b")
    started.models.end()

    assert [True, True] == [fake.is_ended for fake in started.fakes]
