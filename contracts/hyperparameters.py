"""Hyperparameters: strings on the wire, typed values in the algorithm.

Every value of ``hyperparameters.json`` is a JSON string, whatever its type meant to the caller, and callers differ in
what they put inside: boto3 and the plain Estimator write ``str(value)``; framework estimators write JSON inside the
string, so that a word arrives with an extra pair of quotes. A container accepts both.
Source: API reference, CreateTrainingJob; sagemaker-training-toolkit, ``mapping.py``.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from contracts.errors import InvalidConfigFile, InvalidHyperparameter

#: What the tuner adds to every trial: the name of the objective metric. It counts toward the 100.
TUNING_OBJECTIVE_METRIC = "_tuning_objective_metric"

#: The API's limits on ``HyperParameters``.
MAX_HYPERPARAMETERS = 100
MAX_KEY_LENGTH = 256
MAX_VALUE_LENGTH = 2500

Value = int | float | str | bool
Kind = Literal["int", "float", "str", "bool"]

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def is_reserved(name: str) -> bool:
    """Whether `name` belongs to the platform or an SDK, so that an algorithm must tolerate and ignore it."""
    return name.startswith(("sagemaker_", "_tuning_")) or name == "default_user_module_name"


@dataclass(frozen=True, kw_only=True, slots=True)
class HyperparameterSpec:
    """One hyperparameter an algorithm understands: its type, its default, what it may be.

    A `default` of None makes it required. `minimum` and `maximum` are inclusive. `choices` are compared after decoding.
    """

    name: str
    kind: Kind
    default: Value | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[Value] = ()
    description: str = ""

    def decode(self, text: str) -> Value:
        """Read `text` as this hyperparameter's value.

        Raises InvalidHyperparameter, naming the hyperparameter, the text and what would be accepted.
        """
        try:
            value = _DECODERS[self.kind](_unquoted(text))
        except ValueError:
            raise InvalidHyperparameter(f"{self.name}={text!r} is not {_ARTICLES[self.kind]}") from None
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_bounds(value, text)
        if self.choices and value not in self.choices:
            accepted = ", ".join(str(choice) for choice in self.choices)
            raise InvalidHyperparameter(f"{self.name}={text!r} is not one of: {accepted}")
        return value

    def _check_bounds(self, value: float, text: str) -> None:
        if self.minimum is not None and value < self.minimum:
            raise InvalidHyperparameter(f"{self.name}={text!r} is below the least accepted value {self.minimum:g}")
        if self.maximum is not None and value > self.maximum:
            raise InvalidHyperparameter(f"{self.name}={text!r} is above the greatest accepted value {self.maximum:g}")


def decode_hyperparameters(raw: Mapping[str, str], specs: Sequence[HyperparameterSpec]) -> dict[str, Value]:
    """Every hyperparameter of `specs`, from its text in `raw` or its default.

    Reserved names are ignored. All that is wrong is reported in one InvalidHyperparameter: a value that cannot be read,
    a required one that is missing, a name that no spec has (a typing error would otherwise train with a default).
    """
    known = {spec.name for spec in specs}
    problems = [
        f"{name!r} is not a hyperparameter of this algorithm (it has: {', '.join(sorted(known))})"
        for name in sorted(raw)
        if name not in known and not is_reserved(name)
    ]
    values: dict[str, Value] = {}
    for spec in specs:
        if spec.name in raw:
            try:
                values[spec.name] = spec.decode(raw[spec.name])
            except InvalidHyperparameter as error:
                problems.append(str(error))
        elif spec.default is None:
            problems.append(f"{spec.name} is required")
        else:
            values[spec.name] = spec.default
    if problems:
        raise InvalidHyperparameter("; ".join(problems))
    return values


def encode_hyperparameters(values: Mapping[str, object]) -> dict[str, str]:
    """`values` as the strings of the wire, the way boto3 users and the plain Estimator write them."""
    return {name: encode_value(value) for name, value in values.items()}


def encode_value(value: object) -> str:
    """One value as its string on the wire: shortest float text, plain digits, text as it is."""
    return value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)


def parse_hyperparameters_file(text: str) -> dict[str, str]:
    """The content of ``hyperparameters.json``; raises InvalidConfigFile where it is not an object of strings."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidConfigFile(f"hyperparameters.json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidConfigFile("hyperparameters.json is not a JSON object")
    for name, value in document.items():
        if not isinstance(value, str):
            raise InvalidConfigFile(f"hyperparameters.json: the value of {name!r} is {value!r}, not a string")
    return cast(dict[str, str], document)


def _unquoted(text: str) -> str:
    """The text inside JSON quotes, where a framework estimator put them; else the text as it is."""
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':
        try:
            return str(json.loads(stripped))
        except json.JSONDecodeError:
            return text
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # "10.0" and "1e3" are integers that a caller's language printed as floats
        if not math.isfinite(number) or number != int(number):
            raise ValueError(text) from None
        return int(number)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


_DECODERS: Mapping[Kind, Callable[[str], Value]] = {"int": _integer, "float": _finite, "str": str, "bool": _boolean}
_ARTICLES: Mapping[Kind, str] = {
    "int": "an integer",
    "float": "a finite number",
    "str": "a text",
    "bool": "true or false",
}
