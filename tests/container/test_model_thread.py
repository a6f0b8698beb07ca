"""All predicting of a process happens in one thread, in order, whoever asks."""

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from container.algorithm import Instances, Predictions
from container.model_thread import ModelThread


class Notes:
    """A model that writes down in which thread it is called."""

    def __init__(self) -> None:
        self.threads = {threading.current_thread().name}

    def predict(self, instances: Instances, /) -> Instances:
        self.threads.add(threading.current_thread().name)
        if instances[0] < 0:
            raise ValueError("negative")
        return np.asarray(instances + 1)


def fail(error: BaseException) -> None:
    pytest.fail(f"loading failed: {error}")


def started(load: Callable[[], Notes]) -> ModelThread:
    model = ModelThread(load, fail)
    model.start()
    return model


def test_whoever_asks_the_same_thread_loads_and_predicts() -> None:
    """Frameworks keep state by thread, and few are safe to be called by two at once."""
    notes: list[Notes] = []

    def load() -> Notes:
        notes.append(Notes())
        return notes[0]

    model = started(load)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: model.predict(np.array([number])), range(50)))

    assert [[number + 1] for number in range(50)] == [np.asarray(answer).tolist() for answer in answers]
    assert {"model"} == notes[0].threads


def test_a_model_that_raises_serves_the_next_one() -> None:
    """The one who asked gets the error, nobody else."""
    model = started(Notes)
    with pytest.raises(ValueError, match="negative"):
        model.predict(np.array([-1]))

    assert [2] == np.asarray(model.predict(np.array([1]))).tolist()


def test_who_asks_while_the_model_is_loaded_waits_for_it() -> None:
    """An endpoint's first request may come early; it is answered, not refused."""
    go = threading.Event()

    def load() -> Notes:
        go.wait()
        return Notes()

    model = started(load)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(model.predict, np.array([1]))
        before = (model.is_loaded(), answer.done())
        go.set()

        assert [2] == np.asarray(answer.result()).tolist()
    assert ((False, False), True) == (before, model.is_loaded())


def test_a_model_that_cannot_be_loaded_is_reported() -> None:
    """Whatever is raised: nobody else would hear of it."""
    reported = threading.Event()
    errors: list[BaseException] = []

    def load() -> Notes:
        raise SystemExit("no model")

    def report(error: BaseException) -> None:
        errors.append(error)
        reported.set()

    model = ModelThread(load, report)
    model.start()

    assert reported.wait(60)
    assert (["no model"], False) == ([str(error) for error in errors], model.is_loaded())


class Pieces:
    """A model that yields each number plus one, and writes down in which thread, and that it has ended."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def predict(self, instances: Instances, /) -> Iterator[Instances]:
        try:
            for number in instances:
                self.threads.append(threading.current_thread().name)
                yield np.array([number + 1])
        finally:
            self.threads.append(f"ended in {threading.current_thread().name}")


def pieces_of(model: ModelThread, *numbers: int) -> Iterator[Predictions]:
    answer = model.predict(np.array(numbers))
    assert isinstance(answer, Iterator)
    return answer


def test_pieces_are_made_in_the_same_thread_and_others_are_answered_between_them() -> None:
    """A caller who reads slowly keeps nobody else waiting."""
    made = Pieces()
    model = ModelThread(lambda: made, fail)
    model.start()
    slow = pieces_of(model, 1, 2)
    first = next(slow)
    quick = [np.asarray(piece).tolist() for piece in pieces_of(model, 5)]

    assert ([2], [[6]], [3]) == (np.asarray(first).tolist(), quick, np.asarray(next(slow)).tolist())
    assert [] == list(slow)
    assert {"model", "ended in model"} == set(made.threads)


def test_an_answer_that_is_left_in_the_middle_is_ended_in_the_model_s_thread() -> None:
    """What a generator holds is let go where it was taken."""
    made = Pieces()
    model = ModelThread(lambda: made, fail)
    model.start()
    left = pieces_of(model, 1, 2)
    next(left)
    assert isinstance(left, Generator)
    left.close()

    assert ["model", "ended in model"] == made.threads
