"""Metrics, the objective, and how a failure is told."""

import math

import pytest
from domain_strategies import finite_floats
from hypothesis import given
from hypothesis import strategies as st

from contracts.metrics import Objective, ObjectiveType, parse_metric_value
from contracts.outcome import MAX_FAILURE_LENGTH, algorithm_error


@given(finite_floats())
def test_every_finite_number_that_is_printed_is_read(value: float) -> None:
    """Decimal and exponent forms alike."""
    assert value == parse_metric_value(repr(value))


@given(st.text())
def test_a_captured_text_is_a_finite_number_or_nothing(text: str) -> None:
    """nan and inf cannot be stored, and a word is no value."""
    value = parse_metric_value(text)

    assert value is None or math.isfinite(value)


@pytest.mark.parametrize("text", ["nan", "-inf", "Infinity", "1_000", "", "0.5%", "1,5"])
def test_what_is_no_finite_number_is_no_observation(text: str) -> None:
    """It is dropped, as the service drops it."""
    assert parse_metric_value(text) is None


@given(finite_floats(), finite_floats())
def test_of_two_different_values_exactly_one_is_better(first: float, second: float) -> None:
    """Whichever way the objective goes."""
    for kind in ObjectiveType:
        objective = Objective(type=kind, metric_name="m")
        better = [objective.is_better(first, second), objective.is_better(second, first)]

        assert (first != second) == any(better)
        assert not all(better)


@given(st.text(max_size=3000), st.integers(1, 255))
def test_a_failure_reason_has_the_text_and_the_exit_code_within_the_limit(text: str, code: int) -> None:
    """The API takes 1024 characters."""
    reason = algorithm_error(text, code)

    assert reason.startswith("AlgorithmError: ")
    assert reason.endswith(f", exit code: {code}")
    assert len(reason) <= MAX_FAILURE_LENGTH


@pytest.mark.parametrize(("code", "words"), [(137, "killed"), (127, "not found"), (126, "not executable")])
def test_a_failure_without_a_text_says_what_the_exit_code_usually_means(code: int, words: str) -> None:
    """137 is a container that was killed."""
    assert words in algorithm_error("", code)
