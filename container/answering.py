"""From what a caller sent to what it is answered, by a model: decode, predict, encode. No HTTP server in it.

Nothing of a request's body goes into the log: the caller is told what was wrong with it, the log only that it was.
"""

import errno
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Self

from container import codecs
from container.algorithm import Predictions, Predictor
from container.codecs import UnsupportedMediaType
from container.errors import InvalidPayload
from contracts.serving import JSON, choose_media_type, parse_media_type

PLAIN = "text/plain; charset=utf-8"
_LONGEST_MESSAGE = 500
_SERVER_ERROR = 500


class AnswerBroken(BrokenPipeError):
    """The model failed in the middle of its answer; why is in the log. Whoever sends the answer breaks it off.

    It looks like a client who has left: then gunicorn closes the connection without a word, which is all that is left
    to do. Of any other error it would print a second traceback.
    """

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the model failed in the middle of its answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What a caller sent; the texts are empty where it did not say."""

    body: bytes
    content_type: str = ""
    accept: str = ""


class Pieces(Iterator[bytes]):
    """A body that comes in pieces. Whoever leaves it in the middle, or never begins it, has to `close` it.

    A generator would not do: closed before it has begun, it runs none of its own clean-up.
    """

    def __init__(self, pieces: Iterator[bytes], on_end: Callable[[], None]) -> None:
        """`on_end` is called once: after the last piece, when a piece fails, or at `close`."""
        self._pieces, self._on_end = pieces, on_end
        self._has_ended = False

    def __iter__(self) -> Self:
        """Itself."""
        return self

    def __next__(self) -> bytes:
        """The next piece; raises AnswerBroken."""
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """There will be no other piece; may be called more than once."""
        if not self._has_ended:
            self._has_ended = True
            self._on_end()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a caller gets."""

    status: int = 200
    content_type: str = PLAIN
    body: bytes | Pieces


def refusal(status: int, message: str) -> Answer:
    """An answer of one line of text, not too long."""
    return Answer(status=status, body=f"{message[:_LONGEST_MESSAGE]}\n".encode())


def answer(
    predictor: Predictor,
    invocation: Invocation,
    *,
    default_accept: str = JSON,
    status_of: Callable[[Exception], int] = lambda _: _SERVER_ERROR,
) -> Answer:
    """What `predictor` says to `invocation`; it raises nothing.

    `default_accept`: what callers get who do not say. `status_of`: of an answer where the model raises.
    """
    try:
        accept = invocation.accept.strip()
        wanted = choose_media_type(default_accept if accept in ("", "*/*") else accept, codecs.WRITTEN)
        if wanted is None:
            return refusal(406, f"no such answer can be given: accept {', '.join(codecs.WRITTEN)}")
        instances = codecs.decode(invocation.body, parse_media_type(invocation.content_type or JSON))
        try:
            return _encoded(predictor.predict(instances), wanted)
        except InvalidPayload:
            raise
        except Exception as error:  # noqa: BLE001  the rim: a model may raise anything, and the next request is served
            return _failure(error, status_of(error))
    except InvalidPayload as error:
        return refusal(400, str(error))
    except UnsupportedMediaType as error:
        return refusal(415, str(error))


def _encoded(predictions: Predictions | Iterator[Predictions], wanted: str) -> Answer:
    if not isinstance(predictions, Iterator):
        return Answer(content_type=wanted, body=codecs.encode(predictions, wanted))
    pieces = codecs.encode_pieces(predictions, wanted)
    first = next(pieces, b"")  # what goes wrong before this one can still be answered

    def end() -> None:
        if isinstance(predictions, Generator):
            predictions.close()

    return Answer(content_type=wanted, body=Pieces(_rest(first, pieces), end))


def _rest(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        if first:  # no rows at all; an empty piece would be the last one in HTTP's chunks
            yield first
        yield from pieces
    except Exception as error:  # noqa: BLE001  the rim: a model may raise anything, and all that is left is to break off
        print(f"the model failed in the middle of its answer: {_place(error)}", end="", file=sys.stderr, flush=True)
        raise AnswerBroken from None


def _failure(error: Exception, status: int) -> Answer:
    print(f"the model failed: {_place(error)}", end="", file=sys.stderr, flush=True)
    return refusal(status, f"the model failed: {type(error).__name__}: {error}")


def _place(error: Exception) -> str:
    """Its kind and place, which is all that the log gets: an error's text may quote what the caller sent."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
