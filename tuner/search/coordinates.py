"""One range and its axis: between the values of a range, written as strings, and coordinates in [0, 1].

Scaling, with u the coordinate: Linear x = min + u (max - min); Logarithmic ln x is linear in u; ReverseLogarithmic
ln(1 - x) is linear in u. ``Auto`` is Linear here: the service too starts from linear, and only learns another scale
from results, which random and grid search do not look at. Integers are relaxed to reals from half below the least to
half above the greatest and rounded, so that the two ends are as likely as their neighbours.
Source: SageMaker developer guide, "Define Hyperparameter Ranges"; Perrone et al., KDD 2021, arXiv 2012.08489.

Each way is there twice: for one value, and for a whole column of them at once.
"""

import math
import sys

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)

FloatArray = NDArray[np.float64]

#: Rounding must not lift the end of a range beyond what exp can give.
_GREATEST_LOGARITHM = math.log(sys.float_info.max)


def value_at(parameter: ParameterRange, place: int) -> str:
    """The value number `place` (from 0) of a range that can be counted."""
    match parameter:
        case CategoricalParameterRange(values=values):
            return values[place]
        case IntegerParameterRange(min_value=low):
            return str(low + place)
        case ContinuousParameterRange(min_value=low):
            return repr(low)


def decode(parameter: ParameterRange, u: float) -> str:
    """The value at coordinate `u`; always inside the range."""
    match parameter:
        case ContinuousParameterRange(min_value=low, max_value=high):
            # repr is the shortest text that reads back as the same number, so the text is in the range as well.
            return repr(min(max(_unscale(u, low, high, parameter.scaling_type), low), high))
        case IntegerParameterRange(min_value=low, max_value=high):
            return str(_decode_integer(parameter, u, low, high))
        case CategoricalParameterRange(values=values):
            return values[min(int(u * len(values)), len(values) - 1)]


def encode(parameter: ParameterRange, text: str) -> float:
    """The coordinate that decodes to the value `text`: of integers and texts the middle of their share of the axis."""
    match parameter:
        case ContinuousParameterRange(min_value=low, max_value=high):
            return 0.5 if low == high else _scale(float(text), low, high, parameter.scaling_type)
        case IntegerParameterRange(min_value=low, max_value=high, scaling_type=ScalingType.LOGARITHMIC):
            return 0.5 if low == high else _scale(int(text), low - 0.5, high + 0.5, ScalingType.LOGARITHMIC)
        case IntegerParameterRange(min_value=low):
            return (int(text) - low + 0.5) / parameter.size
        case CategoricalParameterRange(values=values):
            return (values.index(text) + 0.5) / len(values)


def contains(parameter: ParameterRange, text: str) -> bool:
    """Whether `text` is a value of the range."""
    if isinstance(parameter, CategoricalParameterRange):
        return parameter.contains(text)
    try:
        value = int(text) if isinstance(parameter, IntegerParameterRange) else float(text)
    except ValueError:
        return False
    return parameter.contains(value)


def snap(parameter: ParameterRange, column: FloatArray) -> FloatArray:
    """For every coordinate of a column, the one of the value that it decodes to: (m,) -> (m,)."""
    match parameter:
        case ContinuousParameterRange(min_value=low, max_value=high):
            if low == high:
                return np.full_like(column, 0.5)
            return _scale_all(numbers(parameter, column), low, high, parameter.scaling_type)
        case IntegerParameterRange(min_value=low, max_value=high, scaling_type=ScalingType.LOGARITHMIC):
            if low == high:
                return np.full_like(column, 0.5)
            return _scale_all(numbers(parameter, column), low - 0.5, high + 0.5, ScalingType.LOGARITHMIC)
        case IntegerParameterRange() | CategoricalParameterRange():
            return (_places(parameter, column) + 0.5) / float(parameter.size)


def numbers(parameter: ContinuousParameterRange | IntegerParameterRange, column: FloatArray) -> FloatArray:
    """The numbers that a column of coordinates decodes to: (m,) -> (m,)."""
    low, high = parameter.min_value, parameter.max_value
    match parameter:
        case ContinuousParameterRange():
            return np.clip(_unscale_all(column, low, high, parameter.scaling_type), low, high)
        case IntegerParameterRange(scaling_type=ScalingType.LOGARITHMIC):
            relaxed = _unscale_all(column, low - 0.5, high + 0.5, ScalingType.LOGARITHMIC)
            return np.clip(np.rint(relaxed), low, high)
        case IntegerParameterRange():
            return float(low) + _places(parameter, column)


def texts(parameter: CategoricalParameterRange, column: FloatArray) -> NDArray[np.object_]:
    """The texts that a column of coordinates decodes to: (m,) -> (m,)."""
    found: NDArray[np.object_] = np.array(parameter.values, dtype=object)[_places(parameter, column).astype(int)]
    return found


def _places(parameter: IntegerParameterRange | CategoricalParameterRange, column: FloatArray) -> FloatArray:
    size = float(parameter.size)
    places: FloatArray = np.minimum(np.floor(column * size), size - 1)
    return places


def _decode_integer(parameter: IntegerParameterRange, u: float, low: int, high: int) -> int:
    if parameter.scaling_type is ScalingType.LOGARITHMIC:
        value = round(_unscale(u, low - 0.5, high + 0.5, ScalingType.LOGARITHMIC))
    else:
        value = low + int(u * (high - low + 1))
    return min(max(value, low), high)


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


def _unscale_all(u: FloatArray, low: float, high: float, scaling: ScalingType) -> FloatArray:
    with np.errstate(under="ignore"):
        match scaling:
            case ScalingType.LOGARITHMIC:
                logarithms = (1 - u) * math.log(low) + u * math.log(high)
                return np.exp(np.minimum(logarithms, _GREATEST_LOGARITHM))
            case ScalingType.REVERSE_LOGARITHMIC:
                return -np.expm1((1 - u) * math.log1p(-low) + u * math.log1p(-high))
            case ScalingType.LINEAR | ScalingType.AUTO:
                return (1 - u) * low + u * high


def _scale_all(x: FloatArray, low: float, high: float, scaling: ScalingType) -> FloatArray:
    match scaling:
        case ScalingType.LOGARITHMIC:
            x, low, high = np.log(x), math.log(low), math.log(high)
        case ScalingType.REVERSE_LOGARITHMIC:
            x, low, high = np.log1p(-x), math.log1p(-low), math.log1p(-high)
        case ScalingType.LINEAR | ScalingType.AUTO:
            pass
    width = high / 2 - low / 2
    if not width:
        return np.full_like(x, 0.5)
    with np.errstate(under="ignore"):
        return np.clip((x / 2 - low / 2) / width, 0.0, 1.0)
