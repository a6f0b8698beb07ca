"""Asking for what comes next while what came before is still being given: S3 answers late, but many at once."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Generic, TypeVar

from tuner.s3.errors import CalledOff

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

#: So many are asked for ahead.
AHEAD = 16
_LOOK_SECONDS = 0.1


def read_ahead(
    items: Iterable[_Item],
    prepare: Callable[[_Item], _Result],
    *,
    is_far: Callable[[_Item], bool],
    called_off: threading.Event,
) -> Iterator[_Result]:
    """What `prepare` makes of each of `items`, in their order; of those that are `is_far`, several at once, in threads.

    Raises what `prepare` raises when its turn comes, and CalledOff.
    """
    begun: deque[Callable[[], _Result]] = deque()
    for item in items:
        if is_far(item):
            begun.append(partial(_Errand(partial(prepare, item)).result, called_off))
        elif begun:
            begun.append(partial(prepare, item))
        else:
            yield prepare(item)
        if len(begun) > AHEAD:
            yield begun.popleft()()
    while begun:
        yield begun.popleft()()


class _Errand(Generic[_Result]):
    """A call in a thread of its own, which costs a hundredth of a request; a daemon, for a request may hang."""

    def __init__(self, call: Callable[[], _Result]) -> None:
        self._call = call
        self._results: list[_Result] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except Exception as error:  # noqa: BLE001 - the rim of the thread; raised again when its turn comes
            self._error = error

    def result(self, called_off: threading.Event) -> _Result:
        """What came of it; raises what it raised."""
        while self._thread.is_alive():
            self._thread.join(_LOOK_SECONDS)
            if called_off.is_set():
                raise CalledOff
        if self._error is not None:
            raise self._error
        return self._results[0]
