"""Constraints between hyperparameters, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidExpression
from contracts.expressions import (
    Name,
    Number,
    Operation,
    Text,
    names_in,
    names_of_numbers,
    parse_condition,
    texts_compared,
)


def test_a_comparison_is_read_as_a_tree() -> None:
    """With the precedence that everybody knows."""
    product = Operation("*", (Name("batch_size"), Name("layers")))
    expected = Operation("<=", (Operation("+", (product, Number(1.0))), Number(4096.0)))

    assert expected == parse_condition("batch_size * layers + 1 <= 4096")


def test_a_chain_is_each_of_its_links() -> None:
    """As in mathematics."""
    expected = Operation("and", (Operation("<", (Number(0.0), Name("a"))), Operation("<", (Name("a"), Name("b")))))

    assert expected == parse_condition("0 < a < b")


def test_names_that_are_no_words_stand_in_backquotes() -> None:
    """Dashes, dots and Python's own words; within a text in quotes a backquote is a letter."""
    condition = parse_condition("`batch-size` * `lambda` < 3 and kind != 'a`b`'")

    assert ("batch-size", "lambda", "kind") == names_in(condition)
    assert (("kind", "a`b`"),) == texts_compared(condition)


def test_names_that_are_reckoned_with_are_told_from_those_compared_with_texts() -> None:
    """Whichever side the text is on."""
    condition = parse_condition("'sgd' == optimizer or momentum > min(decay, 0.5)")

    assert ("optimizer", "momentum", "decay") == names_in(condition)
    assert ("momentum", "decay") == names_of_numbers(condition)
    assert Operation("==", (Text("sgd"), Name("optimizer"))) in condition.operands


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a", "is no comparison"),
        ("1", "is no comparison"),
        ("a < b <", "cannot be read"),
        ("lambda < 1", "backquotes"),
        ("a is b", "comparisons are"),
        ("a in b", "comparisons are"),
        ("a < 'x'", "by == or !="),
        ("'x' == 'y'", "by == or !="),
        ("(a < b) + 1 < 2", "which is no number"),
        ("a and b < 1", "true or false"),
        ("True < 1", "none of"),
        ("a.b < 1", "none of"),
        ("a[0] < 1", "none of"),
        ("open('x') < 1", "none of"),
        ("(lambda: 1)() < 1", "none of"),
        ("__import__('os').system('true') < 1", "none of"),
        ("min(a) < 1", "gives min 1"),
        ("log(a, b) < 1", "gives log 2"),
        ("a < 1e999", "greater than the greatest"),
        ("a < 1j", "none of"),
        ("a < b; c < d", "cannot be read"),
        ("a < \0", "cannot be read"),
        ("(" * 300 + "a" + ")" * 300 + " < 1", "more than 500"),
        ("(" * 240 + "a" + ")" * 240 + " < 1", "cannot be read"),
        ("-" * 490 + "a < 1", "cannot be read"),
        ("a < " + "9" * 490, "greater than the greatest"),
    ],
)
def test_what_is_no_constraint_is_refused(text: str, problem: str) -> None:
    """And says why; nothing in it is ever run."""
    with pytest.raises(InvalidExpression, match=problem):
        parse_condition(text)


@given(st.text(alphabet="ab1.+-*/%<>=!()'\"`, andornotminlg", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """There is no third way."""
    try:
        condition = parse_condition(text)
    except InvalidExpression:
        return
    assert condition.is_condition
