"""Constraints between hyperparameters as people write them: ``batch_size * layers <= 4096``, read and never run.

The grammar is a small part of Python's, read by Python's own parser: numbers, names, ``+ - * / // % **``, ``min``,
``max``, ``log``, ``abs``, comparisons (chained ones too), ``and``, ``or``, ``not``, and texts in quotes on one side of
``==`` and ``!=``. What is not in it cannot be said, so no text of a file is ever run as a program. A name that is no
word of that grammar (``batch-size``, ``lambda``) stands in backquotes.
"""

import ast
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.errors import InvalidExpression

#: Far more than a constraint that somebody is to understand; what is longer could exhaust the parser.
MAX_LENGTH = 500

_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_FUNCTIONS = {"min": None, "max": None, "log": 1, "abs": 1}  # and how many arguments each takes; None: two or more
_CONDITIONS = frozenset({*_COMPARISONS.values(), "and", "or", "not"})
#: A name in backquotes, or a text in quotes, in which a backquote is a letter like any other.
_QUOTED = re.compile(r"`([^`]*)`|'[^']*'|\"[^\"]*\"")
_PLACEHOLDER = "quoted_name_{}_"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that stands in the expression."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text that stands in quotes in the expression."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a hyperparameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator or function, by the sign that it is written with, and what it is applied to."""

    operator: str
    operands: "tuple[Expression, ...]"

    @property
    def is_condition(self) -> bool:
        """Whether the result is true or false, and no number."""
        return self.operator in _CONDITIONS


Expression = Number | Text | Name | Operation


def parse_condition(text: str) -> Operation:
    """What `text` says, as a tree whose result is true or false.

    Raises InvalidExpression; its text begins with a verb, so that it can follow the name of what is wrong.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidExpression(f"has more than {MAX_LENGTH} characters")
    quoted: list[str] = []

    def keep(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        quoted.append(match[1])
        return _PLACEHOLDER.format(len(quoted) - 1)

    source = _QUOTED.sub(keep, text).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about expressions that are refused here anyway
            tree = ast.parse(source, mode="eval")
        expression = _Reader({_PLACEHOLDER.format(place): name for place, name in enumerate(quoted)}).read(tree.body)
    except SyntaxError as error:
        raise InvalidExpression(
            f"cannot be read: {error.msg}; names that are no plain words stand in backquotes, as in `batch-size`"
        ) from error
    except (RecursionError, MemoryError, ValueError) as error:  # ValueError: a NUL character, a number without end
        raise InvalidExpression("cannot be read: it is nested too deep, or has a number that is too long") from error
    if not isinstance(expression, Operation) or not expression.is_condition:
        raise InvalidExpression("is no comparison, such as low < high")
    return expression


def names_in(expression: Expression) -> tuple[str, ...]:
    """The hyperparameters that `expression` is about, each once, in the order in which they are written."""
    return tuple(dict.fromkeys(_names(expression)))


def texts_compared(expression: Expression) -> tuple[tuple[str, str], ...]:
    """Each name that is compared with a text in quotes, and that text."""
    return tuple(_texts(expression))


def names_of_numbers(expression: Expression) -> tuple[str, ...]:
    """The names whose values are reckoned with, each once: all that are not just compared with a text."""
    return tuple(dict.fromkeys(_numbers(expression)))


def _names(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Name):
        yield expression.name
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            yield from _names(operand)


def _texts(expression: Expression) -> Iterator[tuple[str, str]]:
    match expression:
        case (
            Operation(operands=(Name(name=name), Text(value=value)))
            | Operation(operands=(Text(value=value), Name(name=name)))
        ):
            yield name, value
        case Operation(operands=operands):
            for operand in operands:
                yield from _texts(operand)


def _numbers(expression: Expression) -> Iterator[str]:
    match expression:
        case Name(name=name):
            yield name
        case Operation(operands=operands) if not any(isinstance(operand, Text) for operand in operands):
            for operand in operands:
                yield from _numbers(operand)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns what Python's parser has read into an expression; `quoted` are the names behind placeholders."""

    quoted: dict[str, str]

    def read(self, node: ast.expr) -> Expression:
        expression = self.leaf(node) or self.calculation(node) or self.condition_or_none(node)
        if expression is None:
            raise InvalidExpression(
                f"has {ast.unparse(node)!r}, which is none of: numbers, hyperparameters, + - * / // % **,"
                f" {', '.join(_FUNCTIONS)}, comparisons, and, or, not"
            )
        return expression

    def leaf(self, node: ast.expr) -> Expression | None:
        match node:
            case ast.Name(id=name):
                return Name(self.quoted.get(name, name))
            case ast.Constant(value=str() as text):
                return Text(text)
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return Number(_finite(number))
        return None

    def calculation(self, node: ast.expr) -> Expression | None:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Operation("negative", (self.number(operand),))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
                return Operation(_ARITHMETIC[type(operator)], (self.number(left), self.number(right)))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                return self.call(name, arguments)
        return None

    def condition_or_none(self, node: ast.expr) -> Expression | None:
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Operation("not", (self.condition(operand),))
            case ast.BoolOp(op=operator, values=values):
                word = "and" if isinstance(operator, ast.And) else "or"
                return Operation(word, tuple(self.condition(value) for value in values))
            case ast.Compare():
                return self.comparison(node)
        return None

    def number(self, node: ast.expr) -> Expression:
        expression = self.read(node)
        if isinstance(expression, Text) or (isinstance(expression, Operation) and expression.is_condition):
            raise InvalidExpression(f"reckons with {ast.unparse(node)!r}, which is no number")
        return expression

    def condition(self, node: ast.expr) -> Expression:
        expression = self.read(node)
        if not isinstance(expression, Operation) or not expression.is_condition:
            raise InvalidExpression(f"takes {ast.unparse(node)!r} as true or false, and it is neither")
        return expression

    def call(self, name: str, arguments: list[ast.expr]) -> Expression:
        wanted = _FUNCTIONS[name]
        if len(arguments) != wanted if wanted is not None else len(arguments) < 2:  # noqa: PLR2004 - one is no choice
            raise InvalidExpression(f"gives {name} {len(arguments)}, and it takes {wanted or 'two or more'}")
        return Operation(name, tuple(self.number(argument) for argument in arguments))

    def comparison(self, node: ast.Compare) -> Expression:
        """A chain such as ``a < b < c`` is each of its links."""
        sides = [node.left, *node.comparators]
        links: list[Expression] = []
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(operator) not in _COMPARISONS:
                raise InvalidExpression(
                    f"has {ast.unparse(node)!r}; comparisons are {', '.join(_COMPARISONS.values())}"
                )
            links.append(self.link(left, _COMPARISONS[type(operator)], right))
        return links[0] if len(links) == 1 else Operation("and", tuple(links))

    def link(self, left: ast.expr, sign: str, right: ast.expr) -> Operation:
        sides = (self.read(left), self.read(right))
        if any(isinstance(side, Text) for side in sides):
            if sign not in {"==", "!="} or not any(isinstance(side, Name) for side in sides):
                raise InvalidExpression(
                    f"has '{ast.unparse(left)} {sign} {ast.unparse(right)}'; a text is compared with a hyperparameter,"
                    " by == or !="
                )
            return Operation(sign, sides)
        return Operation(sign, (self.number(left), self.number(right)))


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidExpression("has a number that is greater than the greatest there is")
    return number
