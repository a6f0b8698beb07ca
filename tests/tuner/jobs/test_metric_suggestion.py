"""A pattern for a number that was pointed at."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tuner.jobs.metric_suggestion import suggest

LOG = [
    "loading 50000 images",
    "[Epoch 1] train-loss=0.91 validation-loss=0.88 Validation accuracy: 0.51",
    "[Epoch 2] train-loss=0.70 validation-loss=0.75 Validation accuracy: 0.734",
    '{"step": 3, "acc": 0.9}',
    "0.125 0.250",
]


def captured(pattern: str, line: str) -> list[str]:
    """What a pattern captures in a line."""
    return [match.group(1) for match in regex.finditer(pattern, line)]


@pytest.mark.parametrize(
    ("target", "line", "text", "lines"),
    [
        ("0.734", 3, "0.734", 2),
        ("Validation accuracy", 2, "0.51", 2),
        ("validation-accuracy", 2, "0.51", 2),
        ("validation-loss", 2, "0.88", 2),
        ("0.70", 3, "0.70", 2),
        ("acc", 4, "0.9", 1),
        ("2", 3, "2", 2),
        ("0.125", 5, "0.125", 1),
        ("50000", 1, "50000", 1),
    ],
)
def test_what_was_pointed_at_is_captured_and_nothing_else_of_its_line(
    target: str, line: int, text: str, lines: int
) -> None:
    """And how many lines of the log have it is told."""
    suggestion = suggest(target, LOG)

    assert suggestion is not None
    assert (line, lines) == (suggestion.line, suggestion.captured_lines)
    assert [text] == captured(suggestion.regex, LOG[line - 1])


@pytest.mark.parametrize("target", ["0.99", "f1", "", "="])
def test_what_is_not_in_the_log_has_no_pattern(target: str) -> None:
    """A number is meant as it was written."""
    assert suggest(target, LOG) is None


@given(
    st.lists(
        st.sampled_from(["loss", "acc", "=", ": ", " ", "0.5", "12", "-3e-4", "[", ")", "é", "\\", "$"]), max_size=9
    ),
    st.sampled_from(["0.5", "12", "loss", "acc"]),
)
def test_whatever_is_suggested_compiles_and_captures_one_number(pieces: list[str], target: str) -> None:
    """Lines with signs that mean something in a pattern are no trap."""
    line = "".join(pieces)
    suggestion = suggest(target, [line])

    assert suggestion is None or 1 == len(captured(suggestion.regex, line))
