"""Parameter ranges: what they contain, and what is no range."""

import pytest
from domain_strategies import continuous_ranges, integer_ranges, parameter_ranges, ranges_member
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidRange
from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
    number_of_configurations,
    parameter_ranges_from_request,
)


@given(continuous_ranges())
def test_a_continuous_range_contains_both_its_bounds(parameter: ContinuousParameterRange) -> None:
    """Bounds are inclusive on both sides."""
    assert parameter.contains(parameter.min_value)
    assert parameter.contains(parameter.max_value)


@given(integer_ranges(), st.integers(-(10**10), 10**10))
def test_an_integer_range_contains_exactly_the_integers_between_its_bounds(
    parameter: IntegerParameterRange, value: int
) -> None:
    """Bounds are inclusive; everything else is outside."""
    expected = value in range(parameter.min_value, parameter.max_value + 1)

    assert expected == parameter.contains(value)


def test_an_integer_range_does_not_contain_what_lies_between_two_integers() -> None:
    """2.5 is between the bounds and no integer."""
    parameter = IntegerParameterRange(name="n", min_value=1, max_value=9)

    assert not parameter.contains(2.5)


@given(st.lists(parameter_ranges("x"), max_size=5))
def test_ranges_come_back_from_a_request_as_they_went_in(ranges: list[ParameterRange]) -> None:
    """Bounds are texts on the wire; nothing is lost there."""
    order = [ContinuousParameterRange, IntegerParameterRange, CategoricalParameterRange]
    expected = tuple(sorted(ranges, key=lambda parameter: order.index(type(parameter))))

    assert expected == parameter_ranges_from_request(ranges_member(ranges))


@pytest.mark.parametrize("text", ["", "one", "1_000", "nan", "inf", " 1", "٣", "1e", "0x1"])
@pytest.mark.parametrize("kind", ["ContinuousParameterRanges", "IntegerParameterRanges"])
def test_a_bound_that_is_no_number_is_refused_by_name(kind: str, text: str) -> None:
    """Python reads some texts as numbers that no service does."""
    request = {kind: [{"Name": "lr", "MinValue": text, "MaxValue": "2"}]}

    with pytest.raises(InvalidRange, match=r"lr: MinValue '.*' is not an? (number|integer)"):
        parameter_ranges_from_request(request)


@pytest.mark.parametrize("text", ["1.5", "1.0", "1e3"])
def test_an_integer_bound_with_a_point_is_refused(text: str) -> None:
    """The API wants digits there."""
    request = {"IntegerParameterRanges": [{"Name": "n", "MinValue": text, "MaxValue": "2000"}]}

    with pytest.raises(InvalidRange, match="is not an integer"):
        parameter_ranges_from_request(request)


@pytest.mark.parametrize("text", ["1e-3", ".5", "5.", "+1", "-1E+2", "007"])
def test_a_continuous_bound_is_read_in_every_usual_form(text: str) -> None:
    """What people write as numbers is a number."""
    request = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": text, "MaxValue": "1e9"}]}

    (parameter,) = parameter_ranges_from_request(request)

    assert isinstance(parameter, ContinuousParameterRange)
    assert float(text) == parameter.min_value


def test_a_range_upside_down_is_refused_with_both_bounds() -> None:
    """The text shows all digits: 0.30000000000000004 is greater than 0.3."""
    with pytest.raises(InvalidRange, match=r"MinValue 0\.30000000000000004 is greater than MaxValue 0\.3"):
        ContinuousParameterRange(name="x", min_value=0.1 + 0.2, max_value=0.3)


@pytest.mark.parametrize(
    ("scaling", "low", "high"),
    [
        (ScalingType.LOGARITHMIC, 0.0, 1.0),
        (ScalingType.LOGARITHMIC, -1.0, 1.0),
        (ScalingType.REVERSE_LOGARITHMIC, -0.1, 0.5),
        (ScalingType.REVERSE_LOGARITHMIC, 0.5, 1.0),
        (ScalingType.LINEAR, 0.0, float("inf")),
    ],
)
def test_a_scaling_that_cannot_be_is_refused(scaling: ScalingType, low: float, high: float) -> None:
    """A logarithm needs something above zero, a reversed one something below one."""
    with pytest.raises(InvalidRange, match=r"^x: "):
        ContinuousParameterRange(name="x", min_value=low, max_value=high, scaling_type=scaling)


def test_reversed_logarithmic_integers_are_refused() -> None:
    """The enum has the value for integers too, the service does not."""
    with pytest.raises(InvalidRange, match="continuous ranges only"):
        IntegerParameterRange(name="n", min_value=0, max_value=0, scaling_type=ScalingType.REVERSE_LOGARITHMIC)


@pytest.mark.parametrize("values", [(), ("a", "b", "a")])
def test_a_categorical_range_lists_at_least_one_value_and_each_once(values: tuple[str, ...]) -> None:
    """Neither nothing nor the same twice."""
    with pytest.raises(InvalidRange, match=r"^c: a categorical range"):
        CategoricalParameterRange(name="c", values=values)


def test_configurations_are_counted_as_the_product_of_the_ranges() -> None:
    """Single values count once, and one continuous range makes them countless."""
    texts = CategoricalParameterRange(name="c", values=("a", "b", "c"))
    integers = IntegerParameterRange(name="n", min_value=-2, max_value=2)
    single = ContinuousParameterRange(name="s", min_value=0.5, max_value=0.5)
    continuous = ContinuousParameterRange(name="x", min_value=0.0, max_value=0.5)

    assert 15 == number_of_configurations([texts, integers, single])
    assert number_of_configurations([texts, continuous]) is None
