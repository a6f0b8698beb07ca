"""The space: ranges, the unit cube, and strings."""

import itertools
import math
import sys
from collections import Counter

import numpy as np
import pytest
from domain_strategies import continuous_ranges, integer_ranges, small_spaces, spaces
from hypothesis import given
from hypothesis import strategies as st

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ScalingType,
)
from tuner.search.space import SearchSpace

coordinates = st.floats(0.0, 1.0)


def continuous(low: float, high: float, scaling: ScalingType) -> SearchSpace:
    """A space of one continuous range called x."""
    return SearchSpace([ContinuousParameterRange(name="x", min_value=low, max_value=high, scaling_type=scaling)])


@given(st.data(), spaces)
def test_every_point_of_the_cube_decodes_into_the_ranges(data: st.DataObject, space: SearchSpace) -> None:
    """Corners included, on every scale, and after the way through text."""
    point = [data.draw(coordinates) for _ in space.ranges]

    assert space.contains(space.decode(point))


@given(spaces, st.sampled_from([0.0, 1.0, math.nextafter(1.0, 0.0), 5e-324]))
def test_the_corners_of_the_cube_decode_into_the_ranges(space: SearchSpace, u: float) -> None:
    """Rounding at the ends never leaves a range."""
    assert space.contains(space.decode([u] * len(space.ranges)))


@given(st.data(), spaces)
def test_encoding_gives_a_point_of_the_cube(data: st.DataObject, space: SearchSpace) -> None:
    """One coordinate a range, each in [0, 1]."""
    encoded = space.encode(space.decode([data.draw(coordinates) for _ in space.ranges]))

    assert (len(space.ranges),) == encoded.shape
    assert bool(np.all((encoded >= 0) & (encoded <= 1)))


@given(st.data(), integer_ranges())
def test_an_integer_survives_the_way_through_the_cube(data: st.DataObject, parameter: IntegerParameterRange) -> None:
    """Each integer is at the middle of its own share of the axis."""
    space = SearchSpace([parameter])
    value = {"n": str(data.draw(st.integers(parameter.min_value, parameter.max_value)))}

    assert value == space.decode(space.encode(value))


@given(small_spaces)
def test_every_configuration_of_a_small_space_survives_the_way_through_the_cube(space: SearchSpace) -> None:
    """Texts too."""
    for configuration in space.configurations():
        assert configuration == space.decode(space.encode(configuration))


@given(continuous_ranges(), coordinates)
def test_a_continuous_value_comes_back_close_to_where_it_was(parameter: ContinuousParameterRange, u: float) -> None:
    """Within rounding, measured in the coordinate: encoding what was decoded decodes to the same place."""
    space = SearchSpace([parameter])
    point = space.encode(space.decode([u]))

    assert pytest.approx(point, abs=1e-6) == space.encode(space.decode(point))


@given(continuous_ranges(), coordinates, coordinates)
def test_a_greater_coordinate_never_gives_a_smaller_value(
    parameter: ContinuousParameterRange, first: float, second: float
) -> None:
    """Every scale is monotonic."""
    space = SearchSpace([parameter])
    low, high = (float(space.decode([u])["x"]) for u in sorted((first, second)))

    assert low <= high or math.isclose(low, high, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("scaling", "low", "high", "middle"),
    [
        (ScalingType.LINEAR, 0.0, 1.0, 0.5),
        (ScalingType.AUTO, 0.001, 0.999, 0.5),
        (ScalingType.LOGARITHMIC, 0.01, 1.0, 0.1),
        (ScalingType.REVERSE_LOGARITHMIC, 0.0, 0.99, 0.9),
    ],
)
def test_the_middle_of_the_axis_is_the_middle_of_the_scale(
    scaling: ScalingType, low: float, high: float, middle: float
) -> None:
    """The definitions of the developer guide, at one point; Auto is linear."""
    decoded = continuous(low, high, scaling).decode([0.5])

    assert pytest.approx(middle) == float(decoded["x"])


@pytest.mark.parametrize("scaling", [ScalingType.LINEAR, ScalingType.LOGARITHMIC])
def test_the_ends_of_an_integer_range_have_their_full_share(scaling: ScalingType) -> None:
    """Rounding a range from least to greatest would give the two ends half of it."""
    space = SearchSpace([IntegerParameterRange(name="n", min_value=1, max_value=3, scaling_type=scaling)])
    bounds = [0.5, 1.5, 2.5, 3.5]
    if scaling is ScalingType.LOGARITHMIC:
        bounds = [math.log(bound) for bound in bounds]
    expected = [(high - low) / (bounds[-1] - bounds[0]) for low, high in itertools.pairwise(bounds)]

    counts = Counter(space.decode([u])["n"] for u in np.linspace(0, 1, 30_001))

    assert pytest.approx(expected, abs=1e-3) == [counts[n] / 30_001 for n in ("1", "2", "3")]


@given(st.data(), spaces)
def test_values_are_written_the_way_the_service_writes_them(data: st.DataObject, space: SearchSpace) -> None:
    """Integers have no point, and a number is the shortest text that reads back as the same."""
    decoded = space.decode([data.draw(coordinates) for _ in space.ranges])

    for parameter in space.ranges:
        text = decoded[parameter.name]
        if isinstance(parameter, IntegerParameterRange):
            assert text == str(int(text))
        elif isinstance(parameter, ContinuousParameterRange):
            assert text == repr(float(text))


@pytest.mark.parametrize("u", [0.0, 0.158226198999904, 0.5, 1.0])
@pytest.mark.parametrize("high", [sys.float_info.max, 1.7976931348621712e308])
def test_the_greatest_numbers_there_are_do_not_overflow_on_a_logarithmic_scale(high: float, u: float) -> None:
    """Rounding the logarithm up would."""
    space = continuous(1.7976931348621712e308, high, ScalingType.LOGARITHMIC)

    assert space.contains(space.decode([u]))


def test_configurations_are_listed_in_one_order_with_the_last_range_fastest() -> None:
    """As an odometer counts."""
    space = SearchSpace([
        CategoricalParameterRange(name="a", values=("y", "x")),
        IntegerParameterRange(name="n", min_value=1, max_value=2),
        ContinuousParameterRange(name="s", min_value=0.5, max_value=0.5),
    ])  # fmt: skip

    assert [("y", "1", "0.5"), ("y", "2", "0.5"), ("x", "1", "0.5"), ("x", "2", "0.5")] == [
        space.key(configuration) for configuration in space.configurations()
    ]


def test_a_huge_space_is_not_written_out_to_read_its_beginning() -> None:
    """A thousand million integers would not fit."""
    space = SearchSpace([IntegerParameterRange(name="n", min_value=0, max_value=10**9)])

    assert {"n": "0"} == next(space.configurations())


def test_the_configurations_of_a_continuous_range_cannot_be_listed() -> None:
    """Nor counted."""
    space = continuous(0.0, 1.0, ScalingType.LINEAR)

    assert space.size is None
    with pytest.raises(ValueError, match="cannot be counted"):
        next(space.configurations())


@pytest.mark.parametrize("configuration", [{}, {"x": "2"}, {"x": "0.5", "y": "1"}, {"x": "fast"}, {"x": "nan"}])
def test_what_lies_outside_is_not_contained(configuration: dict[str, str]) -> None:
    """A name too few or too many, a value outside or no value at all."""
    assert not continuous(0.0, 1.0, ScalingType.LINEAR).contains(configuration)
