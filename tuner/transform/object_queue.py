"""One host's objects on their way: cut into requests, answers put in order, outputs delivered whole.

Several threads ask for requests and bring answers. Each object's requests are handed out in order, and the next object
begins while the last answers of the one before are still to come, so that no thread is idle.
"""

import threading
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from contracts.channels import Compression
from contracts.transform import AssembleWith
from tuner.s3.errors import CalledOff
from tuner.transform.errors import ObjectFailed
from tuner.transform.inputs import UNREADABLE, InputObject, open_counted
from tuner.transform.outputs import Output
from tuner.transform.payloads import Payload, Splitting
from tuner.transform.progress import Tally

_CHUNK_BYTES = 1 << 20


class Witness(Protocol):
    """Is told what became of each object, by any thread."""

    def delivered(self, found: InputObject) -> None:
        """Its output is in its place."""
        ...

    def failed(self, found: InputObject, failure: ObjectFailed) -> None:
        """It gets no output."""
        ...


@dataclass(eq=False, kw_only=True, slots=True)
class _Underway:
    """An object that was begun. `taken` requests were handed out, `written` answers are in the `part` in order.

    `count` is how many requests there are, once that is known. All is guarded by the queue's lock, but for the file,
    which `writing` guards.
    """

    found: InputObject
    payloads: Generator[Payload]
    part: Path
    taken: int = 0
    written: int = 0
    count: int | None = None
    has_ended: bool = False
    waiting: dict[int, IO[bytes]] = field(default_factory=dict)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def close_waiting(self) -> None:
        """Drop the answers that wait for their turn."""
        for answer in self.waiting.values():
            answer.close()
        self.waiting.clear()


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What one thread is to send, and which place its answer has."""

    underway: _Underway
    index: int
    payload: Payload


class ObjectQueue:
    """The requests of one host's `objects`; at most `window` answers of an object may wait for an earlier one."""

    def __init__(
        self,
        objects: Iterable[InputObject],
        *,
        splitting: Splitting,
        compression: Compression,
        assemble_with: AssembleWith,
        scratch: Path,
        window: int,
        output: Output,
        witness: Witness,
        tally: Tally,
    ) -> None:
        self._objects = iter(objects)
        self._splitting = splitting
        self._compression = compression
        self._behind_each = b"\n" if assemble_with is AssembleWith.LINE else b""
        self._scratch = scratch
        self._window = window
        self._output = output
        self._witness = witness
        self._tally = tally
        self._changed = threading.Condition()
        self._current: _Underway | None = None
        self._begun: set[_Underway] = set()
        self._number = 0
        self._is_called_off = False

    def call_off(self) -> None:
        """Hand out no more requests, and deliver nothing more."""
        with self._changed:
            self._is_called_off = True
            if self._current is not None:
                self._current.payloads.close()
            for underway in self._begun:
                underway.close_waiting()
            self._changed.notify_all()

    def take(self) -> Request | None:
        """The next request; None when there is none any more. Waits while too many answers wait for an earlier one.

        Raises CalledOff.
        """
        while True:
            with self._changed:
                current = self._wait_for_room()
                if current is None:
                    return None
                failure = None
                try:
                    payload = next(current.payloads, None)
                except ObjectFailed as error:
                    payload, failure = None, error
                except UNREADABLE as error:
                    payload, failure = None, ObjectFailed(f"it cannot be unpacked: {error}")
                except OSError as error:
                    payload, failure = None, ObjectFailed(f"it cannot be read: {error}")
                if payload is not None:
                    current.taken += 1
                    return Request(underway=current, index=current.taken - 1, payload=payload)
                self._current = None
                current.count = current.taken
            if failure is not None:
                self.fail(current, failure)
            else:
                self._finish_if_whole(current)

    def answered(self, request: Request, answer: IO[bytes]) -> None:
        """Put an answer, which is read from its beginning and closed, in its place; the last delivers the output."""
        underway = request.underway
        with self._changed:
            if underway.has_ended or self._is_called_off:
                answer.close()
                return
            underway.waiting[request.index] = answer
        try:
            self._write_what_is_next(underway)
        except OSError as error:
            self.fail(underway, ObjectFailed(f"its output cannot be written: {error}"))
            return
        self._finish_if_whole(underway)

    def fail(self, underway: _Underway, failure: ObjectFailed) -> None:
        """Give an object up; the first failure counts, and what is still under way for it is dropped."""
        if self._end(underway):
            self._tally.ended(underway.found.key, underway.found.size, delivered=False)
            self._witness.failed(underway.found, failure)

    # Inside

    def _wait_for_room(self) -> _Underway | None:
        while True:
            if self._is_called_off:
                raise CalledOff
            if self._current is not None and self._current.has_ended:
                self._current.payloads.close()
                self._current = None
            if self._current is None:
                found = next(self._objects, None)
                if found is None:
                    return None
                self._current = self._begin(found)
            if self._current.taken - self._current.written < self._window:
                return self._current
            self._changed.wait()

    def _begin(self, found: InputObject) -> _Underway:
        def count(length: int) -> None:
            self._tally.read(found.key, length)

        def open_object() -> BinaryIO:
            self._tally.opened(found.key)
            return open_counted(found, self._compression, count)

        self._number += 1
        self._scratch.mkdir(parents=True, exist_ok=True)
        part = self._scratch / f"{self._number}.part"
        underway = _Underway(found=found, payloads=self._splitting.payloads(open_object), part=part)
        self._begun.add(underway)
        return underway

    def _write_what_is_next(self, underway: _Underway) -> None:
        with underway.writing:
            while True:
                with self._changed:
                    answer = None if underway.has_ended else underway.waiting.pop(underway.written, None)
                if answer is None:
                    return
                with answer, underway.part.open("ab") as part:
                    answer.seek(0)
                    while chunk := answer.read(_CHUNK_BYTES):
                        part.write(chunk)
                    part.write(self._behind_each)
                with self._changed:
                    underway.written += 1
                    self._changed.notify_all()

    def _finish_if_whole(self, underway: _Underway) -> None:
        with self._changed:
            if self._is_called_off or underway.count != underway.written or underway.has_ended:
                return
            underway.has_ended = True  # nobody else comes this far with it
            self._begun.discard(underway)
        try:
            underway.part.touch()  # of an object without records
            self._output.deliver(underway.part, underway.found.key)
        except (OSError, ObjectFailed) as error:
            with suppress(OSError):
                underway.part.unlink(missing_ok=True)
            failure = error
            if not isinstance(failure, ObjectFailed):
                failure = ObjectFailed(f"its output cannot be written: {error}")
            self._tally.ended(underway.found.key, underway.found.size, delivered=False)
            self._witness.failed(underway.found, failure)
            return
        self._tally.ended(underway.found.key, underway.found.size, delivered=True)
        self._witness.delivered(underway.found)

    def _end(self, underway: _Underway) -> bool:
        """Take what an object has left away; return whether this is the first time."""
        with self._changed:
            if underway.has_ended:
                return False
            underway.has_ended = True
            underway.close_waiting()
            self._begun.discard(underway)
            self._changed.notify_all()
        with underway.writing, suppress(OSError):
            underway.part.unlink(missing_ok=True)
        return True


def answer_of(request: Request, splitting: Splitting, answer: IO[bytes]) -> None:
    """Make of an `answer` what belongs into the output: filtered, joined; raises ObjectFailed."""
    processing = splitting.processing
    if processing is None or not processing.changes_answers:
        return
    answer.seek(0)
    changed = processing.after(request.payload.records, answer.read())
    answer.seek(0)
    answer.truncate()
    answer.write(changed)
