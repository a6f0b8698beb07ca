"""All predicting of a process happens in one thread, in order, whoever asks."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from container.algorithm import Instances
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
