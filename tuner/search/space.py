"""The space that a tuning job searches: ranges on one side, the unit cube on the other, strings on the wire.

A point of the unit cube has one coordinate in [0, 1] a range, in the order of the ranges.

Scaling, with u the coordinate: Linear x = min + u (max - min); Logarithmic ln x is linear in u; ReverseLogarithmic
ln(1 - x) is linear in u. ``Auto`` is Linear here: the service too starts from linear, and only learns another scale
from results, which random and grid search do not look at. Integers are relaxed to reals from half below the least to
half above the greatest and rounded, so that the two ends are as likely as their neighbours.
Source: SageMaker developer guide, "Define Hyperparameter Ranges"; Perrone et al., KDD 2021, arXiv 2012.08489.
"""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
    number_of_configurations,
)

#: Rounding must not lift the end of a range beyond what exp can give.
_GREATEST_LOGARITHM = math.log(sys.float_info.max)

#: A configuration: every tuned hyperparameter by name, as the string that the container gets.
Configuration = dict[str, str]


class SearchSpace:
    """The ranges of a tuning job, as a space of configurations. Immutable."""

    def __init__(self, ranges: Sequence[ParameterRange]) -> None:
        self.ranges = tuple(ranges)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tuned hyperparameters, in the order of the coordinates."""
        return tuple(parameter.name for parameter in self.ranges)

    @property
    def size(self) -> int | None:
        """How many different configurations there are; None for more than can be counted."""
        return number_of_configurations(self.ranges)

    def sample(self, generator: np.random.Generator) -> Configuration:
        """A configuration drawn evenly from the space, in the scale of each range."""
        return self.decode(generator.random(len(self.ranges)))

    def decode(self, point: Sequence[float] | NDArray[np.float64]) -> Configuration:
        """The configuration at `point` of the unit cube, shape ``(len(ranges),)``; always inside the ranges."""
        return {parameter.name: _decode(parameter, float(u)) for parameter, u in zip(self.ranges, point, strict=True)}

    def encode(self, configuration: Mapping[str, str]) -> NDArray[np.float64]:
        """The point of the unit cube that decodes to `configuration`, shape ``(len(ranges),)``.

        Integers and texts are at the middle of their share of the axis, and the only value of a range at 0.5.
        """
        return np.array([_encode(parameter, configuration[parameter.name]) for parameter in self.ranges], dtype=float)

    def contains(self, configuration: Mapping[str, str]) -> bool:
        """Whether `configuration` has a value of each range, and nothing else."""
        return configuration.keys() == set(self.names) and all(
            _contains(parameter, configuration[parameter.name]) for parameter in self.ranges
        )

    def key(self, configuration: Mapping[str, str]) -> tuple[str, ...]:
        """What tells `configuration` from others, whatever the order of its names."""
        return tuple(configuration[name] for name in self.names)

    def configurations(self) -> Iterator[Configuration]:
        """Every configuration once, the last range varying fastest; raises ValueError where they cannot be counted."""
        if self.size is None:
            raise ValueError("the configurations of a space with a continuous range cannot be counted")
        for number in range(self.size):  # not itertools.product, which would first write out every range
            yield self._configuration(number)

    def _configuration(self, number: int) -> Configuration:
        values = []
        for parameter in reversed(self.ranges):
            number, place = divmod(number, parameter.size or 1)
            values.append(_value_at(parameter, place))
        return dict(zip(self.names, reversed(values), strict=True))


def _value_at(parameter: ParameterRange, place: int) -> str:
    match parameter:
        case CategoricalParameterRange(values=values):
            return values[place]
        case IntegerParameterRange(min_value=low):
            return str(low + place)
        case ContinuousParameterRange(min_value=low):
            return repr(low)


def _decode(parameter: ParameterRange, u: float) -> str:
    match parameter:
        case ContinuousParameterRange(min_value=low, max_value=high):
            # repr is the shortest text that reads back as the same number, so the text is in the range as well.
            return repr(min(max(_unscale(u, low, high, parameter.scaling_type), low), high))
        case IntegerParameterRange(min_value=low, max_value=high):
            return str(_decode_integer(parameter, u, low, high))
        case CategoricalParameterRange(values=values):
            return values[min(int(u * len(values)), len(values) - 1)]


def _decode_integer(parameter: IntegerParameterRange, u: float, low: int, high: int) -> int:
    if parameter.scaling_type is ScalingType.LOGARITHMIC:
        value = round(_unscale(u, low - 0.5, high + 0.5, ScalingType.LOGARITHMIC))
    else:
        value = low + int(u * (high - low + 1))
    return min(max(value, low), high)


def _encode(parameter: ParameterRange, text: str) -> float:
    match parameter:
        case ContinuousParameterRange(min_value=low, max_value=high):
            return 0.5 if low == high else _scale(float(text), low, high, parameter.scaling_type)
        case IntegerParameterRange(min_value=low, max_value=high, scaling_type=ScalingType.LOGARITHMIC):
            return 0.5 if low == high else _scale(int(text), low - 0.5, high + 0.5, ScalingType.LOGARITHMIC)
        case IntegerParameterRange(min_value=low):
            return (int(text) - low + 0.5) / parameter.size
        case CategoricalParameterRange(values=values):
            return (values.index(text) + 0.5) / len(values)


def _contains(parameter: ParameterRange, text: str) -> bool:
    if isinstance(parameter, CategoricalParameterRange):
        return parameter.contains(text)
    try:
        value = int(text) if isinstance(parameter, IntegerParameterRange) else float(text)
    except ValueError:
        return False
    return parameter.contains(value)


def _unscale(u: float, low: float, high: float, scaling: ScalingType) -> float:
    match scaling:
        case ScalingType.LOGARITHMIC:
            return math.exp(min(_between(u, math.log(low), math.log(high)), _GREATEST_LOGARITHM))
        case ScalingType.REVERSE_LOGARITHMIC:
            return -math.expm1(_between(u, math.log1p(-low), math.log1p(-high)))
        case ScalingType.LINEAR | ScalingType.AUTO:
            return _between(u, low, high)


def _scale(x: float, low: float, high: float, scaling: ScalingType) -> float:
    match scaling:
        case ScalingType.LOGARITHMIC:
            u = _share(math.log(x), math.log(low), math.log(high))
        case ScalingType.REVERSE_LOGARITHMIC:
            u = _share(math.log1p(-x), math.log1p(-low), math.log1p(-high))
        case ScalingType.LINEAR | ScalingType.AUTO:
            u = _share(x, low, high)
    return min(max(u, 0.0), 1.0)


def _between(u: float, low: float, high: float) -> float:
    return (1 - u) * low + u * high  # never overflows, as low + u * (high - low) may


def _share(x: float, low: float, high: float) -> float:
    # Halved first: high - low overflows for a range over nearly all floats. Two bounds may have the same logarithm.
    width = high / 2 - low / 2
    return (x / 2 - low / 2) / width if width else 0.5
