"""Validation of a request against the service model that botocore ships, with AWS's own error texts.

Patterns, enums, lengths, bounds and required members come from the model and are never typed by hand. Two of AWS's
voices speak here: botocore, which refuses unknown members and wrong types before anything is sent, and the service,
which answers with a ValidationException. Two deviations are ours, because jobs run on this machine: ``file://`` is
taken wherever ``s3://`` is, and an instance type may be ``local``, ``local_gpu`` or any ``ml.`` name (the enum grows
monthly).
Source: botocore ``sagemaker/2017-07-24/service-2.json``; ``botocore/validate.py``; texts as reported in public issues.
"""

import decimal
import difflib
import functools
import gzip
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import regex

from tuner.errors import RequestPath, Violation, ViolationKind

Shape = Mapping[str, Any]

_MODEL = "sagemaker/2017-07-24/service-2.json.gz"

#: What the Java-side framework of the service prints of a value is not cut; a terminal is better off with less.
MAX_SHOWN = 200

_TYPES: Mapping[str, tuple[type, ...]] = {  # as botocore.validate.ParamValidator has them
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "float": (float, decimal.Decimal, int),
    "double": (float, decimal.Decimal, int),
}


_BITS: Mapping[str, int] = {"integer": 32, "long": 64}


@functools.cache
def load_shapes() -> Mapping[str, Shape]:
    """All shapes of the SageMaker service model, by name; read once a process.

    From the file that botocore has it in: importing its loader takes twice as long as reading that.
    """
    package = find_spec("botocore")
    assert package is not None
    assert package.origin is not None
    with gzip.open(Path(package.origin).with_name("data") / _MODEL) as file:
        return cast(Mapping[str, Shape], json.load(file)["shapes"])


def check_request(
    operation: str, request: Mapping[str, Any], texts: Mapping[RequestPath, str] | None = None
) -> list[Violation]:
    """All that the service model says against `request` as the input of `operation` (``CreateTrainingJob``, ...).

    `texts` are the letters of unquoted YAML values, for hints.
    """
    return check_shape(load_shapes(), f"{operation}Request", request, texts)


def check_shape(
    shapes: Mapping[str, Shape], name: str, value: object, texts: Mapping[RequestPath, str] | None = None
) -> list[Violation]:
    """All that speaks against `value` as the shape called `name` of a model that has those `shapes`."""
    return list(_Checker(shapes, texts or {}).check(value, name, ()))


def is_uri_shape(shape: Shape) -> bool:
    """Whether `shape` is a place in S3, so that ``file://`` is taken there too."""
    return "s3)://" in shape.get("pattern", "")


class _Checker:
    """Walks a value and the shapes of the model together."""

    def __init__(self, shapes: Mapping[str, Shape], texts: Mapping[RequestPath, str]) -> None:
        self._shapes = shapes
        self._texts = texts

    def check(self, value: Any, shape_name: str, path: RequestPath) -> Iterator[Violation]:
        shape = self._shapes[shape_name]
        kind = shape["type"]
        text = self._texts.get(path)
        if text is not None and _is_read_differently(text, kind):
            value = text  # as the AWS CLI sees it
        if not _is_of_type(value, kind):
            yield self._wrong_type(value, kind, path)
        elif not _fits(value, kind):
            yield _too_great(value, path)
        elif kind == "structure":
            yield from self._check_structure(value, shape, path)
        elif kind == "list":
            yield from self._check_size(value, shape, path)
            yield from self._check_members(value, shape, path)
        elif kind == "map":
            yield from self._check_size(value, shape, path)
            yield from self._check_entries(value, shape, path)
        else:
            shown = _shown(value)
            for constraint in _broken(value, shape, shape_name):
                yield _constraint(shown, path, constraint, _hint(value, shape))

    def _check_structure(self, value: Mapping[str, Any], shape: Shape, path: RequestPath) -> Iterator[Violation]:
        members = shape["members"]
        if shape.get("union") and len(value) != 1:
            yield _union_violation(value, members, path)
        for name in shape.get("required", ()):
            if name not in value:
                yield _constraint("null", (*path, name), "Member must not be null", None)
        for name, item in value.items():
            if name in members:
                yield from self.check(item, members[name]["shape"], (*path, name))
            else:
                yield _unknown_member(name, members, path)

    def _check_size(self, value: Any, shape: Shape, path: RequestPath) -> Iterator[Violation]:
        for constraint in _length_constraints(len(value), shape):
            yield _constraint(_shown(value), path, constraint, None)

    def _check_members(self, value: list[Any], shape: Shape, path: RequestPath) -> Iterator[Violation]:
        name = shape["member"]["shape"]
        for index, item in enumerate(value):
            yield from self._check_inside(item, name, (*path, index), "Member", value)

    def _check_entries(self, value: dict[str, Any], shape: Shape, path: RequestPath) -> Iterator[Violation]:
        for key, item in value.items():
            yield from self._check_inside(key, shape["key"]["shape"], (*path, key), "Map keys", value)
            yield from self._check_inside(item, shape["value"]["shape"], (*path, key), "Map value", value)

    def _check_inside(
        self, item: Any, shape_name: str, path: RequestPath, who: str, whole: object
    ) -> Iterator[Violation]:
        """Check what a list or map holds; the service names the whole list or map, and all its members' constraints."""
        shape = self._shapes[shape_name]
        if shape["type"] != "string" or not isinstance(item, str):
            yield from self.check(item, shape_name, path)
        elif any(_broken(item, shape, shape_name)):
            text = f"{who} must satisfy constraint: [{', '.join(_all_constraints(shape))}]"
            where = path[:-1]
            yield _constraint(_shown(whole), where, text, _hint(item, shape), at=path)

    def _wrong_type(self, value: object, kind: str, path: RequestPath) -> Violation:
        valid = ", ".join(str(type_) for type_ in _TYPES[kind])
        return Violation(
            path=path,
            message=f"Invalid type for parameter {_client_path(path)}, value: {_cut(str(value))}, "
            f"type: {type(value)}, valid types: {valid}",
            kind=ViolationKind.PARAMETER,
            hint=_type_hint(value, kind, self._texts.get(path)),
        )


def _is_read_differently(text: str, kind: str) -> bool:
    """Whether readers of YAML differ over an unquoted `text`: yes is true to some, 010 is 8 to some, 1:30 is 90."""
    usual = {"boolean": r"(?i:true|false)", "integer": r"[-+]?(0|[1-9][0-9]*)", "long": r"[-+]?(0|[1-9][0-9]*)"}
    return kind in usual and regex.fullmatch(usual[kind], text) is None


def _is_of_type(value: object, kind: str) -> bool:
    # In Python a truth value is an integer, and botocore lets it pass as one; the service does not.
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _fits(value: Any, kind: str) -> bool:
    """Whether a number is one that the service can hold; it reads 32 bits, 64 bits, and no infinity."""
    if kind in _BITS:
        limit: int = 2 ** (_BITS[kind] - 1)
        return bool(-limit <= value < limit)
    return kind not in {"float", "double"} or math.isfinite(value)


def _too_great(value: object, path: RequestPath) -> Violation:
    return Violation(
        path=path,
        message=f"Invalid value for parameter {_client_path(path)}, value: {_cut(str(value))}, which is too great",
        kind=ViolationKind.PARAMETER,
    )


def _broken(value: Any, shape: Shape, shape_name: str) -> Iterator[str]:
    """The constraints of a scalar `shape` that `value` breaks, in the order in which the service lists them."""
    if not isinstance(value, str):
        if "min" in shape and value < shape["min"]:
            yield f"Member must have value greater than or equal to {shape['min']}"
        if "max" in shape and value > shape["max"]:
            yield f"Member must have value less than or equal to {shape['max']}"
        return
    if "enum" in shape and value not in shape["enum"] and not _is_local_instance_type(value, shape_name):
        yield _enum_constraint(shape)
    if "pattern" in shape and not _matches(value, shape):
        yield _pattern_constraint(shape)
    yield from _length_constraints(len(value), shape)


def _is_local_instance_type(value: str, shape_name: str) -> bool:
    is_name = value in {"local", "local_gpu"} or regex.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9-]+", value) is not None
    return shape_name.endswith("InstanceType") and is_name


def _matches(value: str, shape: Shape) -> bool:
    if is_uri_shape(shape) and regex.fullmatch(r"file://.+", value):
        return True
    return _compiled(shape["pattern"]).fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern)  # the model's patterns are Java's, with \p{L}, which `re` does not know


def _all_constraints(shape: Shape) -> Iterator[str]:
    """Every constraint of a text, as the service prints them for the members of lists and maps."""
    if "max" in shape:
        yield f"Member must have length less than or equal to {shape['max']}"
    if "min" in shape:
        yield f"Member must have length greater than or equal to {shape['min']}"
    if "pattern" in shape:
        yield _pattern_constraint(shape)
    if "enum" in shape:
        yield _enum_constraint(shape)


def _length_constraints(length: int, shape: Shape) -> Iterator[str]:
    if "max" in shape and length > shape["max"]:
        yield f"Member must have length less than or equal to {shape['max']}"
    if "min" in shape and length < shape["min"]:
        yield f"Member must have length greater than or equal to {shape['min']}"


def _pattern_constraint(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: ^{shape['pattern'].removeprefix('^')}"


def _enum_constraint(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"


def _constraint(
    shown: str, where: RequestPath, constraint: str, hint: str | None, *, at: RequestPath | None = None
) -> Violation:
    return Violation(
        path=where if at is None else at,
        message=f"Value {shown} at '{service_path(where)}' failed to satisfy constraint: {constraint}",
        kind=ViolationKind.CONSTRAINT,
        hint=hint,
    )


def _unknown_member(name: str, members: Mapping[str, Any], path: RequestPath) -> Violation:
    return Violation(
        path=(*path, name),
        message=f'Unknown parameter in {_client_path(path)}: "{name}", must be one of: {", ".join(members)}',
        kind=ViolationKind.PARAMETER,
        hint=did_you_mean(name, members),
    )


def _union_violation(value: Mapping[str, Any], members: Mapping[str, Any], path: RequestPath) -> Violation:
    names = ", ".join(members)
    message = (
        f"Invalid number of parameters set for tagged union structure {_client_path(path)}. "
        f"Can only set one of the following keys: {names}."
        if value
        else f"Must set one of the following keys for tagged union structure {_client_path(path)}: {names}."
    )
    return Violation(path=path, message=message, kind=ViolationKind.PARAMETER)


def _hint(value: object, shape: Shape) -> str | None:
    if not isinstance(value, str):
        return None
    if is_uri_shape(shape):
        return "a folder of this machine is written file://FOLDER" if "://" not in value else None
    return did_you_mean(value, shape.get("enum", ()))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names what `word` is nearly; None where nothing is near."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.7)
    return f"did you mean {by_lower[close[0]]}?" if close else None


def _type_hint(value: object, kind: str, text: str | None) -> str | None:
    if value is None:
        return "the member has no value: give it one, or leave the line out"
    if kind == "string" and not isinstance(value, dict | list):
        return f'quote it: "{str(value) if text is None else text}"'
    if kind == "boolean":
        return "write true or false, without quotes"
    if kind in {"integer", "long", "float", "double"} and isinstance(value, str):
        return "write the number without quotes, in plain digits"
    if kind == "list":
        return "this is a list: begin each item with a dash"
    return None


def _shown(value: object) -> str:
    return f"'{_cut(_java(value))}'"


def _java(value: object) -> str:
    """`value` as Java prints it, which is how it stands in the service's answers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_java(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def _client_path(path: RequestPath) -> str:
    """`path` as botocore writes it: ``InputDataConfig[0].ChannelName``."""
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path).removeprefix(".") or "input"


def service_path(path: RequestPath) -> str:
    """`path` as the service writes it: ``inputDataConfig.1.member.channelName``, positions from 1."""
    steps = (f"{step + 1}.member" if isinstance(step, int) else step[:1].lower() + step[1:] for step in path)
    return ".".join(steps)
