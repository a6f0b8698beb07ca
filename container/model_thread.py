"""One thread that loads the model and does all the predicting, whichever threads ask for it.

Frameworks keep state by thread (OpenMP starts a team of threads for each thread that calls it; MXNet and CUDA keep a
context), and few are safe to be called by two threads at once. So a process computes in one thread, in the order in
which it was asked; the threads that ask read and write HTTP meanwhile. Of an answer that comes in pieces each piece is
asked for when the one before it has been sent: a caller who reads slowly keeps nobody else waiting.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from container.algorithm import Instances, Predictions, Predictor

_Result = TypeVar("_Result")


class ModelThread:
    """A predictor that any thread may call, also while the model is still being loaded: then it waits for that."""

    def __init__(self, load: Callable[[], Predictor], on_failure: Callable[[BaseException], None]) -> None:
        """`on_failure` is called in the thread when `load` raises; the thread then ends."""
        self._load, self._on_failure = load, on_failure
        self._asked: queue.SimpleQueue[tuple[Callable[[Predictor], Any], Future[Any]]] = queue.SimpleQueue()
        self._loaded = threading.Event()

    def start(self, on_loaded: Callable[[], None] = lambda: None) -> None:
        """Begin to load the model; `on_loaded` is called in the thread when that is done."""
        threading.Thread(target=self._run, args=(on_loaded,), name="model", daemon=True).start()

    def is_loaded(self) -> bool:
        """Whether the model is there."""
        return self._loaded.is_set()

    def predict(self, instances: Instances, /) -> Predictions | Iterator[Predictions]:
        """What the model says, or raises; waits for those that asked before."""
        predictions = self._in_thread(lambda predictor: predictor.predict(instances))
        return self._pieces(predictions) if isinstance(predictions, Iterator) else predictions

    def _pieces(self, pieces: Iterator[Predictions]) -> Generator[Predictions, None, None]:
        """The same pieces, each made in the model's thread, which also ends a generator that is left in the middle."""
        try:
            while (piece := self._in_thread(lambda _: next(pieces, None))) is not None:
                yield piece
        finally:
            if isinstance(pieces, Generator):
                self._in_thread(lambda _: pieces.close())

    def _in_thread(self, work: Callable[[Predictor], _Result]) -> _Result:
        future: Future[_Result] = Future()
        self._asked.put((work, future))
        return future.result()

    def _run(self, on_loaded: Callable[[], None]) -> None:
        try:
            predictor = self._load()
        except BaseException as error:  # noqa: BLE001  the rim of this thread: nobody else would hear of it
            self._on_failure(error)
            return
        self._loaded.set()
        on_loaded()
        while True:
            work, future = self._asked.get()
            try:
                future.set_result(work(predictor))
            except BaseException as error:  # noqa: BLE001  it goes to the one who asked
                future.set_exception(error)
            del work, future  # what was asked and answered, which may be large, is not kept until the next one asks
