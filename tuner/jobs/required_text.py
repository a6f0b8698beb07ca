r"""Text that every match of a regular expression contains. Pure.

A pattern such as ``accuracy=([0-9.]+)`` can only match a line with ``accuracy=`` in it, and to look for a fixed text
in a megabyte of lines costs no more than to search three lines for a pattern. What is not understood for certain has no
such text: then each line is searched.
"""

import re

# Escapes that stand for one character of a class, or for a place; others may take what follows as an argument.
_CLASSES_AND_PLACES = frozenset("dDsSwWbBAZ")
_GROUP_OPENINGS = re.compile(r"\((?:(?!\?)|\?:|\?=|\?!|\?<=|\?<!|\?P?<[A-Za-z_]\w*>)")
_QUANTIFIER = re.compile(r"[?*+]|\{\d*,?\d*\}")


class _NotUnderstoodError(Exception):
    """The pattern has something in it that this module leaves alone."""


def required_text(pattern: str) -> str:
    """The longest text of which it is certain that every match of `pattern` contains it; empty where none is.

    `pattern` compiles, and is read as by `regex` without flags.
    """
    try:
        return max(_runs(pattern), key=len)
    except _NotUnderstoodError:
        return ""


def _runs(pattern: str) -> list[str]:
    """The pieces of plain text at the top of the pattern, outside groups."""
    runs, position = [""], 0
    while position < len(pattern):
        quantifier = _QUANTIFIER.match(pattern, position)
        if quantifier is not None:
            position = quantifier.end()
            if quantifier.group() != "+":  # what is before it may be missing
                runs[-1] = runs[-1][:-1]
            runs.append("")
            continue
        plain, position = _item(pattern, position)
        if plain:
            runs[-1] += plain
        else:
            runs.append("")
    return runs


def _item(pattern: str, position: int) -> tuple[str, int]:
    """The character that what begins at `position` stands for, empty where it is another thing, and where that ends."""
    match pattern[position]:
        case "|" | "{":  # either side may do; how many mistakes the match may have, or plain text
            raise _NotUnderstoodError
        case "(":
            return "", _after_group(pattern, position)
        case "[":
            return "", _after_class(pattern, position)
        case "." | "^" | "$":
            return "", position + 1
        case "\\":
            escaped = pattern[position + 1]
            if escaped.isalnum() and escaped not in _CLASSES_AND_PLACES:
                raise _NotUnderstoodError
            return "" if escaped.isalnum() else escaped, position + 2
        case plain:
            return plain, position + 1


def _after_group(pattern: str, position: int) -> int:
    """Where the group ends that opens at `position`."""
    depth = 0
    while position < len(pattern):
        match pattern[position]:
            case "(":
                opening = _GROUP_OPENINGS.match(pattern, position)
                if opening is None:
                    raise _NotUnderstoodError  # a flag, a condition, a comment
                depth += 1
                position = opening.end()
            case ")":
                depth -= 1
                position += 1
            case "[":
                position = _after_class(pattern, position)
            case "\\":
                position += 2
            case _:
                position += 1
        if depth == 0:
            return position
    raise _NotUnderstoodError


def _after_class(pattern: str, position: int) -> int:
    """Where the class of characters ends that opens at `position`."""
    position += 2 if pattern[position + 1 : position + 2] == "^" else 1
    if pattern[position : position + 1] == "]":  # at the beginning it is one of the characters
        position += 1
    while position < len(pattern):
        match pattern[position]:
            case "]":
                return position + 1
            case "[":
                raise _NotUnderstoodError  # [[:alpha:]], or a set within a set
            case "\\":
                position += 2
            case _:
                position += 1
    raise _NotUnderstoodError
