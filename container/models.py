"""Which models a multi-model container has loaded, and who uses them. No process and no HTTP in it.

A model that is being loaded is not there yet, one that is being unloaded is not there any more; whoever asks to load it
meanwhile waits for the end of that. A model is ended when the last of those whom it answers has been answered.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import partial
from typing import Protocol

from container.answering import Answer, Invocation, Pieces
from contracts.multi_model import ModelEntry, ModelsPage

#: Models of one answer to a listing.
PAGE_MODELS = 100
#: How long an unloading waits for those that the model still answers: the platform gives an answer as long.
UNLOAD_SECONDS = 60.0


class ModelAlreadyLoaded(Exception):
    """A model of that name is loaded."""


class ModelNotLoaded(Exception):
    """No model of that name is loaded."""


class ModelNotLoadable(Exception):
    """The model cannot be loaded, for the reason in the text; `status` is for the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ModelEnded(Exception):
    """The model ended while it was asked; `status` is for the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class RunningModel(Protocol):
    """A model that is loaded, somewhere."""

    def answer(self, invocation: Invocation) -> Answer:
        """What it says; raises ModelEnded."""

    def end(self) -> None:
        """Give back all that it holds; done when this returns."""


class _State(Enum):
    LOADING = auto()
    LOADED = auto()
    UNLOADING = auto()


@dataclass
class _Place:
    """What is known of one name. `asked` counts those whom the model answers now."""

    entry: ModelEntry
    state: _State = _State.LOADING
    model: RunningModel | None = None
    asked: int = 0


class Models:
    """The models of this container; every method may be called from any thread."""

    def __init__(self, start: Callable[[ModelEntry], RunningModel]) -> None:
        """`start` loads a model, which takes as long as it takes; it raises ModelNotLoadable."""
        self._start = start
        self._places: dict[str, _Place] = {}
        self._changed = threading.Condition()

    def load(self, entry: ModelEntry) -> None:
        """Load a model; raises ModelAlreadyLoaded, ModelNotLoadable."""
        with self._changed:
            self._changed.wait_for(lambda: self._state(entry.name) in (None, _State.LOADED))
            if entry.name in self._places:
                raise ModelAlreadyLoaded(entry.name)
            place = self._places[entry.name] = _Place(entry)
        try:
            place.model = self._start(entry)
        except BaseException:
            self._forget(place)
            raise
        with self._changed:
            place.state = _State.LOADED
            self._changed.notify_all()

    def unload(self, name: str) -> None:
        """End a model and give back its memory; raises ModelNotLoaded."""
        with self._changed:
            place = self._loaded(name)
            place.state = _State.UNLOADING
            self._changed.wait_for(lambda: place.asked == 0, UNLOAD_SECONDS)
        self._end(place)

    def answer(self, name: str, invocation: Invocation) -> Answer:
        """What the model called `name` says; raises ModelNotLoaded, ModelEnded."""
        with self._changed:
            place = self._loaded(name)
            place.asked += 1
        try:
            assert place.model is not None  # as it is loaded
            answer = place.model.answer(invocation)
        except ModelEnded:
            self._leave(place)
            self._end_broken(place)
            raise
        except BaseException:
            self._leave(place)
            raise
        if isinstance(answer.body, bytes):
            self._leave(place)
            return answer
        return replace(answer, body=Pieces(answer.body, partial(self._leave_pieces, place, answer.body)))

    def get(self, name: str) -> ModelEntry:
        """The model called `name`; raises ModelNotLoaded."""
        with self._changed:
            return self._loaded(name).entry

    def page(self, token: str | None = None) -> ModelsPage:
        """Some of the models, by name: those after `token`, which is the last name of the page before."""
        with self._changed:
            entries = [place.entry for place in self._places.values() if place.state is _State.LOADED]
        after = sorted((entry for entry in entries if entry.name > (token or "")), key=lambda entry: entry.name)
        models, rest = after[:PAGE_MODELS], after[PAGE_MODELS:]
        return ModelsPage(models=models, next_page_token=models[-1].name if rest else None)

    def end(self) -> None:
        """End all models at once, whomever they answer."""
        with self._changed:
            models = [place.model for place in self._places.values() if place.model is not None]
        for model in models:
            model.end()

    def _state(self, name: str) -> _State | None:
        return self._places[name].state if name in self._places else None

    def _loaded(self, name: str) -> _Place:
        if self._state(name) is not _State.LOADED:
            raise ModelNotLoaded(name)
        return self._places[name]

    def _leave(self, place: _Place) -> None:
        with self._changed:
            place.asked -= 1
            self._changed.notify_all()

    def _leave_pieces(self, place: _Place, pieces: Pieces) -> None:
        pieces.close()
        self._leave(place)

    def _end_broken(self, place: _Place) -> None:
        """Forget a model that ended by itself, unless another of those whom it answered has done so."""
        with self._changed:
            if self._places.get(place.entry.name) is not place or place.state is not _State.LOADED:
                return
            place.state = _State.UNLOADING
        self._end(place)

    def _end(self, place: _Place) -> None:
        try:
            assert place.model is not None
            place.model.end()
        finally:
            self._forget(place)

    def _forget(self, place: _Place) -> None:
        with self._changed:
            del self._places[place.entry.name]
            self._changed.notify_all()
