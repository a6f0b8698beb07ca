"""Reckoning constraints between hyperparameters, for many configurations at once. Pure."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from contracts.expressions import Expression, Name, Number, Operation, Text

#: A column of numbers or of texts, or one for all rows.
Column = NDArray[np.float64] | NDArray[np.object_] | float | str

_OPERATIONS: Mapping[str, Callable[..., Column]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": lambda a, b: np.divide(a, _unless_zero(b)),
    "//": lambda a, b: np.floor_divide(a, _unless_zero(b)),
    "%": lambda a, b: np.mod(a, _unless_zero(b)),
    "**": np.power,
    "negative": np.negative,
    "min": lambda *columns: _reduce(np.minimum, columns),
    "max": lambda *columns: _reduce(np.maximum, columns),
    "log": lambda a: np.log(_unless_zero(a)),
    "abs": np.abs,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": lambda a, b: np.not_equal(a, b) & np.equal(a, a) & np.equal(b, b),  # what is no number equals not itself
    "and": lambda *columns: _reduce(np.logical_and, columns),
    "or": lambda *columns: _reduce(np.logical_or, columns),
    "not": np.logical_not,
}


def holds(expression: Operation, columns: Mapping[str, Column], rows: int) -> NDArray[np.bool_]:
    """Whether the condition `expression` holds, row by row of the `columns` of its names: (rows,).

    A comparison with what is no number (a division by 0, the logarithm of what is not above 0) does not hold; nothing
    is raised.
    """
    with np.errstate(all="ignore"):
        result = _reckon(expression, columns)
    return np.broadcast_to(np.asarray(result, dtype=bool), (rows,))


def _reckon(expression: Expression, columns: Mapping[str, Column]) -> Column:
    match expression:
        case Number(value=number):
            return np.float64(number)  # unlike Python's numbers it goes on after a division by 0
        case Text(value=text):
            return text
        case Name(name=name):
            return columns[name]
        case Operation(operator=operator, operands=operands):
            return _OPERATIONS[operator](*(_reckon(operand, columns) for operand in operands))


def _unless_zero(column: Column) -> Column:
    return np.where(np.equal(column, 0.0), np.nan, column)


def _reduce(join: Callable[[Column, Column], Column], columns: tuple[Column, ...]) -> Column:
    result = columns[0]
    for column in columns[1:]:
        result = join(result, column)
    return result
