"""The JSONPath of a transform job's filters: the subset that SageMaker takes, read and applied exactly. Pure.

``$``, ``.name``, ``*`` (as ``.*`` or ``[*]``), ``['a','b']``, ``[n]``, ``[n,m]``, ``[a:b]``, with negative positions,
and positions and slices side by side as in ``$[0,5:]``. What one step picks is that value; what can be several values
is a list of them, and several names are an object with those members. A position that a list does not have is an error,
as the service says; so is, here, a bound of a slice outside the list, and a member that is not there, of which it says
nothing: a filter that silently picks less than it names is nothing that anybody wants.
Source: SageMaker developer guide, "Associate Prediction Results with Input Records", supported JSONPath operators.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

#: Model: JsonPath has at most so many characters.
MAX_LENGTH = 63

_NAME = re.compile(r"[^.\[\]'\"*,:$()?@\s]+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
_POSITION = re.compile(r"-?[0-9]+")
_SLICE = re.compile(r"(-?[0-9]+|):(-?[0-9]+|)")


class InvalidJsonPath(ValueError):
    """A text that is none of the paths that SageMaker takes; the error's text says where it stops being one."""


class NothingPicked(ValueError):
    """A path names what a value does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slice:
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class _Names:
    names: tuple[str, ...]

    @property
    def is_single(self) -> bool:
        return len(self.names) == 1

    def pick(self, value: Any) -> list[Any]:
        if not isinstance(value, dict):
            raise NothingPicked(f"no object, and so without a member {self.names[0]!r}")
        for name in self.names:
            if name not in value:
                raise NothingPicked(f"an object without a member {name!r}")
        return [value[self.names[0]]] if self.is_single else [{name: value[name] for name in self.names}]


@dataclass(frozen=True, slots=True)
class _Positions:
    parts: tuple[int | _Slice, ...]

    @property
    def is_single(self) -> bool:
        return len(self.parts) == 1 and isinstance(self.parts[0], int)

    def pick(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise NothingPicked("no array, and so without positions")
        picked: list[Any] = []
        for part in self.parts:
            if isinstance(part, _Slice):
                for bound in (part.start, part.end):
                    if bound is not None and not -len(value) <= bound <= len(value):
                        raise NothingPicked(f"an array of {len(value)}, which {bound} is outside of")
                picked += value[part.start : part.end]
            elif not -len(value) <= part < len(value):
                raise NothingPicked(f"an array of {len(value)}, which has no position {part}")
            else:
                picked.append(value[part])
        return picked


@dataclass(frozen=True, slots=True)
class _All:
    is_single = False

    def pick(self, value: Any) -> list[Any]:
        if isinstance(value, dict):
            return list(value.values())
        if isinstance(value, list):
            return value
        raise NothingPicked("neither an object nor an array, and so without members")


_Step = _Names | _Positions | _All


@dataclass(frozen=True, kw_only=True)
class JsonPath:
    """A path that was read; `apply` picks what it names of a value as the json module reads it."""

    text: str
    steps: tuple[_Step, ...]

    @cached_property
    def is_single(self) -> bool:
        """Whether the path picks one value, and not a list of values."""
        return all(step.is_single or isinstance(step, _Names) for step in self.steps)

    @property
    def is_everything(self) -> bool:
        """Whether the path is ``$``, which picks a value as it is."""
        return not self.steps

    @property
    def names_members(self) -> bool:
        """Whether some step names members: rows of CSV have none."""
        return any(isinstance(step, _Names) for step in self.steps)

    def apply(self, value: Any) -> Any:
        """What the path picks of `value`; raises NothingPicked where it names what is not there."""
        found = [value]
        try:
            for step in self.steps:
                found = [picked for one in found for picked in step.pick(one)]
        except NothingPicked as error:
            raise NothingPicked(f"{self.text} is applied to {error}") from None
        return found[0] if self.is_single else found


def parse_json_path(text: str) -> JsonPath:
    """The path that `text` is; raises InvalidJsonPath."""
    if len(text) > MAX_LENGTH:
        raise InvalidJsonPath(f"is longer than {MAX_LENGTH} characters")
    if not text.startswith("$"):
        raise InvalidJsonPath("does not begin with $")
    steps: list[_Step] = []
    place = 1
    while place < len(text):
        if steps and isinstance(steps[-1], _Names) and not steps[-1].is_single:
            raise _stops(text, place, "several names come last")
        step, place = _read_step(text, place)
        steps.append(step)
    return JsonPath(text=text, steps=tuple(steps))


def _read_step(text: str, place: int) -> tuple[_Step, int]:
    if text.startswith(("..", ".["), place) and not text.startswith(".['", place):
        raise _stops(text, place, "a name is expected after the dot")
    if text.startswith(".", place) and not text.startswith(".[", place):
        place += 1
        if text.startswith("*", place):
            return _All(), place + 1
        name = _NAME.match(text, place)
        if name is None:
            raise _stops(text, place, "a name is expected after the dot")
        return _Names((name[0],)), name.end()
    place += text.startswith(".", place)  # the guide writes $.field['a','b'] as $.field.['a','b'] too
    if not text.startswith("[", place):
        raise _stops(text, place, "a dot or a bracket is expected")
    end = _end_of_bracket(text, place)
    return _read_bracket(text, place + 1, end), end + 1


def _end_of_bracket(text: str, place: int) -> int:
    """Where the bracket that opens at `place` closes; quoted names may have brackets in them."""
    at = place + 1
    while at < len(text):
        if text[at] == "]":
            return at
        quoted = _QUOTED.match(text, at)
        at = at + 1 if quoted is None else quoted.end()
    raise _stops(text, place, "the bracket does not close")


def _read_bracket(text: str, start: int, end: int) -> _Step:
    if text[start:end].strip() == "*":
        return _All()
    place, names, positions = start, list[str](), list[int | _Slice]()
    while True:
        place += len(text[place:end]) - len(text[place:end].lstrip())
        if quoted := _QUOTED.match(text, place, end):
            names.append(re.sub(r"\\(.)", r"\1", quoted[1]))
            place = quoted.end()
        else:
            part, place = _read_position(text, place, end)
            positions.append(part)
        place += len(text[place:end]) - len(text[place:end].lstrip())
        if place == end:
            break
        if text[place] != ",":
            raise _stops(text, place, "a comma or the closing bracket is expected")
        place += 1
    if names and positions:
        raise _stops(text, start, "names and positions are in one bracket")
    return _Names(tuple(names)) if names else _Positions(tuple(positions))


def _read_position(text: str, place: int, end: int) -> tuple[int | _Slice, int]:
    if found := _SLICE.match(text, place, end):
        start, stop = (None if bound == "" else int(bound) for bound in found.groups())
        return _Slice(start=start, end=stop), found.end()
    if found := _POSITION.match(text, place, end):
        return int(found[0]), found.end()
    raise _stops(text, place, "a position, a slice or a name in single quotes is expected")


def _stops(text: str, place: int, expected: str) -> InvalidJsonPath:
    return InvalidJsonPath(f"is no path that SageMaker takes, from {text[place:] or 'its end'!r} on: {expected}")
