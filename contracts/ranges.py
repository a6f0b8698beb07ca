"""Parameter ranges: what a tuning job may choose a hyperparameter from.

On the wire all bounds are strings. Source: SageMaker developer guide, "Define Hyperparameter Ranges"; API reference,
ParameterRanges.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.errors import InvalidRange


class ScalingType(StrEnum):
    """In which scale a range is searched evenly."""

    AUTO = "Auto"
    LINEAR = "Linear"
    LOGARITHMIC = "Logarithmic"
    REVERSE_LOGARITHMIC = "ReverseLogarithmic"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContinuousParameterRange:
    """Real numbers between two bounds, both included."""

    name: str
    min_value: float
    max_value: float
    scaling_type: ScalingType = ScalingType.AUTO

    def __post_init__(self) -> None:
        _check_bounds(self.name, self.min_value, self.max_value, self.scaling_type)

    def contains(self, value: float) -> bool:
        """Whether `value` lies in the range."""
        return self.min_value <= value <= self.max_value

    @property
    def size(self) -> int | None:
        """How many values there are; None for more than can be counted."""
        return 1 if self.min_value == self.max_value else None


@dataclass(frozen=True, kw_only=True, slots=True)
class IntegerParameterRange:
    """Integers between two bounds, both included."""

    name: str
    min_value: int
    max_value: int
    scaling_type: ScalingType = ScalingType.AUTO

    def __post_init__(self) -> None:
        if self.scaling_type is ScalingType.REVERSE_LOGARITHMIC:
            raise InvalidRange(f"{self.name}: ReverseLogarithmic scaling is for continuous ranges only")
        _check_bounds(self.name, self.min_value, self.max_value, self.scaling_type)

    def contains(self, value: float) -> bool:
        """Whether `value` is an integer of the range."""
        return self.min_value <= value <= self.max_value and value == int(value)

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.max_value - self.min_value + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CategoricalParameterRange:
    """One of up to 30 texts, delivered to the container byte for byte."""

    name: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidRange(f"{self.name}: a categorical range needs at least one value")
        if len(set(self.values)) != len(self.values):
            raise InvalidRange(f"{self.name}: a categorical range lists each value once")

    def contains(self, value: str) -> bool:
        """Whether `value` is one of the texts."""
        return value in self.values

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.values)


# Not what float() and int() take: they read "1_000", "nan", spaces and the digits of every script; no service does.
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")

ParameterRange = ContinuousParameterRange | IntegerParameterRange | CategoricalParameterRange


def is_of_kind(parameter: ParameterRange, text: str) -> bool:
    """Whether `text` is what `parameter` may stand for: one of its texts, or a number, be it outside of the bounds."""
    match parameter:
        case CategoricalParameterRange():
            return parameter.contains(text)
        case IntegerParameterRange():
            return _INTEGER.fullmatch(text) is not None
        case ContinuousParameterRange():
            return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def number_of_configurations(ranges: Iterable[ParameterRange]) -> int | None:
    """How many different configurations there are in `ranges`; None for more than can be counted."""
    product = 1
    for parameter in ranges:
        if parameter.size is None:
            return None
        product *= parameter.size
    return product


def parameter_ranges_from_request(ranges: Mapping[str, Any]) -> tuple[ParameterRange, ...]:
    """The ranges of a request's ParameterRanges, in the order continuous, integer, categorical.

    Raises InvalidRange: a bound that is no number, a range upside down, a scaling that cannot be.
    """
    continuous = (
        ContinuousParameterRange(
            name=entry["Name"],
            min_value=_number(entry, "MinValue"),
            max_value=_number(entry, "MaxValue"),
            scaling_type=ScalingType(entry.get("ScalingType", "Auto")),
        )
        for entry in ranges.get("ContinuousParameterRanges", ())
    )
    integer = (
        IntegerParameterRange(
            name=entry["Name"],
            min_value=_integer(entry, "MinValue"),
            max_value=_integer(entry, "MaxValue"),
            scaling_type=ScalingType(entry.get("ScalingType", "Auto")),
        )
        for entry in ranges.get("IntegerParameterRanges", ())
    )
    categorical = (
        CategoricalParameterRange(name=entry["Name"], values=tuple(entry["Values"]))
        for entry in ranges.get("CategoricalParameterRanges", ())
    )
    return (*continuous, *integer, *categorical)


def _check_bounds(name: str, low: float, high: float, scaling: ScalingType) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InvalidRange(f"{name}: both bounds must be finite numbers")
    if low > high:
        raise InvalidRange(f"{name}: MinValue {low} is greater than MaxValue {high}")
    if scaling is ScalingType.LOGARITHMIC and low <= 0:
        raise InvalidRange(f"{name}: Logarithmic scaling needs a MinValue above 0, not {low}")
    if scaling is ScalingType.REVERSE_LOGARITHMIC and not (low >= 0 and high < 1):
        raise InvalidRange(f"{name}: ReverseLogarithmic scaling needs 0 <= MinValue and MaxValue < 1")


def _number(entry: Mapping[str, Any], key: str) -> float:
    text = entry[key]
    if _NUMBER.fullmatch(text) is None:
        raise InvalidRange(f"{entry['Name']}: {key} {text!r} is not a number")
    return float(text)


def _integer(entry: Mapping[str, Any], key: str) -> int:
    text = entry[key]
    if _INTEGER.fullmatch(text) is None:
        raise InvalidRange(f"{entry['Name']}: {key} {text!r} is not an integer")
    return int(text)
