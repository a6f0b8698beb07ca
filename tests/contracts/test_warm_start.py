"""What a tuning job begins with, as its request says it."""

import pytest
from job_requests import tuning_request
from parent_jobs import IDENTICAL, TRANSFER, warm_request

from contracts.jobs import TuningJobSpec
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    is_of_kind,
)
from contracts.tuning import WarmStart, WarmStartType

REAL = ContinuousParameterRange(name="x", min_value=0.1, max_value=0.2)
WHOLE = IntegerParameterRange(name="x", min_value=1, max_value=2)
TEXTS = CategoricalParameterRange(name="x", values=("a", "1"))


@pytest.mark.parametrize(("kind", "is_identical"), [(IDENTICAL, True), (TRANSFER, False)])
def test_a_warm_start_has_its_type_and_its_parents_in_order(kind: str, *, is_identical: bool) -> None:
    """The view of a request's WarmStartConfig."""
    warm_start = TuningJobSpec.from_request(warm_request("next", "b", "a", kind=kind)).warm_start

    assert WarmStart(type=WarmStartType(kind), parents=("b", "a")) == warm_start
    assert is_identical == warm_start.is_identical


def test_a_cold_start_has_none() -> None:
    """Nor has an empty WarmStartConfig."""
    assert TuningJobSpec.from_request(tuning_request()).warm_start is None
    assert WarmStart.from_request({"WarmStartConfig": {}}) is None


@pytest.mark.parametrize(
    ("parameter", "kept", "refused"),
    [
        (REAL, ["0.15", "-7", "1e-3", ".5", "3."], ["", "a", "nan", "inf", "1e999", "1_0", " 1"]),
        (WHOLE, ["1", "-7", "+3", "007"], ["", "a", "1.0", "1e3", "1_0", " 1"]),
        (TEXTS, ["a", "1"], ["", "b", "1.0"]),
    ],
)
def test_a_text_is_of_a_ranges_kind_wherever_it_lies(
    parameter: ParameterRange, kept: list[str], refused: list[str]
) -> None:
    """A number may be outside of the bounds; a text has no outside."""
    assert (kept, []) == tuple([text for text in texts if is_of_kind(parameter, text)] for texts in (kept, refused))
