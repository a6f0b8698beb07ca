"""Models of a multi-model endpoint, loaded when somebody asks for them and unloaded when memory is short.

Source: SageMaker developer guide, "Multi-Model Endpoints" and "Custom Containers Contract for Multi-Model Endpoints".
What AWS documents no rule for, such as which model is unloaded, follows what it says in prose: unused ones.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from contracts.multi_model import NOT_LOADED, OUT_OF_RESOURCES, TARGET_MODEL_HEADER, ModelEntry
from contracts.paths import OptMlLayout
from contracts.serving import INVOCATION_TIMEOUT_SECONDS
from tuner.serving.calls import Answer, check_invocation
from tuner.serving.errors import InvalidInvocation, ModelArchiveError, ModelError, ModelNotReady
from tuner.serving.model_archive import unpack
from tuner.serving.model_calls import ModelContainer

_ARCHIVE = ".tar.gz"
_LONGEST_TARGET = 1024
_NAME_LENGTH = 32
#: Models that are loaded at the same time.
_LOADING_THREADS = 4
#: How often an invocation is tried again after a model was lost or room was made: two models that fit only one at a
#: time, both in demand, push each other out.
_TRIES = 5


@dataclass
class _Target:
    """A target model: on its way into the container, or in it. `callers` wait for it or are answered by it."""

    target: str
    name: str
    loaded: "Future[None]" = field(default_factory=Future)
    callers: int = 0
    last_used: int = 0


class TargetModels:
    """The models of one multi-model container; every method may be called from any thread.

    `archives` is the folder with the ``.tar.gz`` files, as the prefix in S3 is; `unpacked` the folder that the
    container sees as ``/opt/ml/models``; `say` is told what is loaded and unloaded.
    """

    def __init__(
        self,
        *,
        archives: Path,
        unpacked: Path,
        container: ModelContainer,
        say: Callable[[str], None],
        seconds: float = INVOCATION_TIMEOUT_SECONDS,
    ) -> None:
        self._archives, self._unpacked = archives, unpacked
        self._container = container
        self._say = say
        self._seconds = seconds
        self._targets: dict[str, _Target] = {}
        self._unpacked_versions: dict[str, tuple[int, int]] = {}
        self._uses = 0
        self._changed = threading.Condition()
        self._pool = ThreadPoolExecutor(_LOADING_THREADS, thread_name_prefix="load")

    def invoke(self, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What the model in the archive `target` answers; it is loaded first where it is not.

        Raises InvalidInvocation for what InvokeEndpoint would refuse, such as a model that is not there; ModelNotReady
        where it is not loaded in time, but will be; ModelError.
        """
        check_invocation(body, headers)
        archive = self._archive(target)
        for is_last in (*[False] * _TRIES, True):
            place = self._take(target, archive)
            try:
                self._wait_until_loaded(place)
                return self._container.invoke(place.name, body, {**headers, TARGET_MODEL_HEADER: target})
            except ModelError as error:
                if is_last or not (self._is_gone(place, error) or self._has_made_room(place, error)):
                    raise
            finally:
                self._give_back(place)
        raise AssertionError  # not reached: the last try returns or raises

    def close(self) -> None:
        """Wait for nothing: the container is about to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _archive(self, target: str) -> Path:
        """The archive's path; raises InvalidInvocation unless there is one below the folder."""
        parts = PurePosixPath(target).parts
        is_text = target.isprintable() and not target.startswith((" ", "/"))
        if not is_text or not target or len(target) > _LONGEST_TARGET or ".." in parts:
            raise InvalidInvocation(
                f"1 validation error detected: Value {target[:100]!r} at 'targetModel' failed to satisfy constraint: it"
                f" has to be the path of an archive below the endpoint's folder, up to {_LONGEST_TARGET} characters."
            )
        path = self._archives / target
        if not path.is_file():
            there = sorted(str(found.relative_to(self._archives)) for found in self._archives.rglob(f"*{_ARCHIVE}"))
            raise InvalidInvocation(
                f"Failed to download model data (key: {target}). Please ensure that there is an object located at the"
                f" URL: {path} is no file. There are: {', '.join(there[:10]) or f'no *{_ARCHIVE}'}"
                + (f" and {len(there) - 10} more." if len(there) > 10 else ".")  # noqa: PLR2004 - a line's worth
            )
        return path

    def _take(self, target: str, archive: Path) -> _Target:
        """The place of `target`, which stays until it is given back; where there is none, its loading begins."""
        with self._changed:
            place = self._targets.get(target)
            if place is None:
                name = hashlib.sha256(target.encode()).hexdigest()[:_NAME_LENGTH]
                place = self._targets[target] = _Target(target=target, name=name)
                self._pool.submit(self._load, place, archive)
            place.callers += 1
            self._uses += 1
            place.last_used = self._uses
            return place

    def _give_back(self, place: _Target) -> None:
        with self._changed:
            place.callers -= 1
            self._changed.notify_all()

    def _wait_until_loaded(self, place: _Target) -> None:
        wait([place.loaded], self._seconds)
        if not place.loaded.done():
            raise ModelNotReady(f"Model {place.target} is still being loaded. Wait and try your request again.")
        place.loaded.result()

    def _is_gone(self, place: _Target, error: ModelError) -> bool:
        """Whether `error` says that the container has lost the model, which is forgotten then; 404 may be its own."""
        if error.original_status_code != NOT_LOADED or self._container.is_loaded(place.name):
            return False
        self._forget(place)
        return True

    def _has_made_room(self, place: _Target, error: ModelError) -> bool:
        """Whether `error` says that memory is short, and another model could be unloaded: the longest unused one."""
        if error.original_status_code != OUT_OF_RESOURCES:
            return False

        def others() -> list[_Target]:
            return [other for other in self._targets.values() if other is not place and other.loaded.done()]

        with self._changed:
            self._changed.wait_for(lambda: not others() or any(other.callers == 0 for other in others()), self._seconds)
            idle = [other for other in others() if other.callers == 0]
            if not idle:
                return False
            unused = min(idle, key=lambda other: other.last_used)
            del self._targets[unused.target]
        # Whoever asks for it from now on loads it again, and once more should that come before this.
        self._container.unload(unused.name)
        self._say(f"Unloaded {unused.target}: there was no memory for {place.target}.")
        return True

    def _load(self, place: _Target, archive: Path) -> None:
        """Unpack and load, in a thread of its own: it goes on when the caller has given up."""
        try:
            self._unpack(place, archive)
            self._load_unpacked(place)
        except BaseException as error:  # noqa: BLE001 - the rim of this thread: it goes to those who wait
            self._forget(place)
            place.loaded.set_exception(error)
        else:
            self._say(f"Loaded {place.target} as {place.name}.")
            place.loaded.set_result(None)
        with self._changed:
            self._changed.notify_all()

    def _load_unpacked(self, place: _Target) -> None:
        entry = ModelEntry(name=place.name, url=str(OptMlLayout().loaded_model(place.name)))
        while True:
            try:
                self._container.load(entry)
            except ModelError as error:
                if not self._has_made_room(place, error):
                    raise
            else:
                return

    def _unpack(self, place: _Target, archive: Path) -> None:
        """Put the archive's files where the container looks, unless they are there since the last time."""
        state = archive.stat()
        version = (state.st_size, state.st_mtime_ns)
        if self._unpacked_versions.get(place.target) == version:
            return
        try:
            unpack(archive, self._unpacked / place.name / "model")
        except ModelArchiveError as error:
            raise InvalidInvocation(f"Failed to extract model data archive. {error}") from error
        self._unpacked_versions[place.target] = version

    def _forget(self, place: _Target) -> None:
        with self._changed:
            if self._targets.get(place.target) is place:
                del self._targets[place.target]
