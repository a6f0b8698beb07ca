"""Hypothesis strategies for the values of the domain: ranges, spaces, hyperparameters, requests."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)
from contracts.search_extension import Condition, Constraint, is_numeric
from tuner.search.space import SearchSpace

#: What a hyperparameter's value may be: `.*` of the service model, so one line.
wire_texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)

#: Names that people give to hyperparameters.
names = st.from_regex(r"[a-z][a-z0-9_-]{0,11}", fullmatch=True)

#: Names that a training job or a tuning job may have.
job_names = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,12}", fullmatch=True)


def finite_floats(low: float | None = None, high: float | None = None) -> st.SearchStrategy[float]:
    """Finite numbers that a range may have as a bound."""
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def continuous_ranges(draw: st.DrawFn, name: str = "x") -> ContinuousParameterRange:
    """Ranges of every scale, single values and nearly all floats among them."""
    scaling = draw(st.sampled_from(ScalingType))
    bounds = {
        ScalingType.LOGARITHMIC: finite_floats(low=1e-300),
        ScalingType.REVERSE_LOGARITHMIC: finite_floats(0.0, math.nextafter(1.0, 0.0)),
    }.get(scaling, finite_floats())
    low, high = sorted((draw(bounds), draw(bounds)))
    return ContinuousParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling)


@st.composite
def integer_ranges(draw: st.DrawFn, name: str = "n", most: int = 10**9) -> IntegerParameterRange:
    """Ranges of integers of every scale, within plus or minus `most`."""
    scaling = draw(st.sampled_from([ScalingType.AUTO, ScalingType.LINEAR, ScalingType.LOGARITHMIC]))
    bounds = st.integers(1 if scaling is ScalingType.LOGARITHMIC else -most, most)
    low, high = sorted((draw(bounds), draw(bounds)))
    return IntegerParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling)


@st.composite
def categorical_ranges(draw: st.DrawFn, name: str = "c", most: int = 30) -> CategoricalParameterRange:
    """Lists of up to `most` texts."""
    values = draw(st.lists(wire_texts, min_size=1, max_size=most, unique=True))
    return CategoricalParameterRange(name=name, values=tuple(values))


def parameter_ranges(name: str) -> st.SearchStrategy[ParameterRange]:
    """Ranges of every kind, called `name`."""
    return st.one_of(continuous_ranges(name), integer_ranges(name), categorical_ranges(name))


def _named(choose: Any) -> Any:
    return lambda chosen: st.tuples(*(choose(name) for name in chosen)).map(SearchSpace)


#: Spaces of one to five ranges of any kind.
spaces: st.SearchStrategy[SearchSpace] = st.lists(names, min_size=1, max_size=5, unique=True).flatmap(
    _named(parameter_ranges)
)

#: Spaces with at most a few dozen configurations.
small_spaces: st.SearchStrategy[SearchSpace] = st.lists(names, min_size=1, max_size=3, unique=True).flatmap(
    _named(lambda name: st.one_of(categorical_ranges(name, most=3), integer_ranges(name, most=1)))
)

#: Spaces with categorical ranges only, as Grid wants them.
grids: st.SearchStrategy[SearchSpace] = st.lists(names, min_size=1, max_size=3, unique=True).flatmap(
    _named(lambda name: categorical_ranges(name, most=3))
)


@st.composite
def bounded_spaces(
    draw: st.DrawFn, ranges: Callable[[str], st.SearchStrategy[ParameterRange]] = parameter_ranges
) -> SearchSpace:
    """Spaces of two to five `ranges`, some of which depend on others, with constraints that something keeps."""
    chosen = draw(st.lists(names, min_size=2, max_size=5, unique=True))
    parameters = [draw(ranges(name)) for name in chosen]
    conditions = [
        condition
        for place, parameter in enumerate(parameters[1:], start=1)
        if (condition := draw(_condition(parameter.name, parameters[:place]))) is not None
    ]
    point = [draw(st.floats(0.4, 1.0)) for _ in parameters]
    inside = SearchSpace(parameters).decode(point)
    numeric = [parameter.name for parameter in parameters if is_numeric(parameter) and _is_wide(parameter)]
    bounded = draw(st.lists(st.sampled_from(numeric), max_size=2, unique=True)) if numeric else []
    constraints = [Constraint.parse(f"`{name}` <= {float(inside[name])!r}") for name in bounded]
    return SearchSpace(draw(st.permutations(parameters)), conditions, constraints)


def _is_wide(parameter: ParameterRange) -> bool:
    """Whether a bound inside the range leaves more than what rounding may take away."""
    if not isinstance(parameter, ContinuousParameterRange):
        return True
    low, high = parameter.min_value, parameter.max_value
    return high / 2 - low / 2 > 1e-6 * max(abs(low), abs(high))


@st.composite
def _condition(draw: st.DrawFn, name: str, earlier: Sequence[ParameterRange]) -> Condition | None:
    parent = draw(st.sampled_from([None, *earlier]))
    if parent is None or isinstance(parent, ContinuousParameterRange):
        return None
    if isinstance(parent, CategoricalParameterRange):
        values = draw(st.lists(st.sampled_from(parent.values), min_size=1, unique=True))
    else:
        numbers = st.integers(parent.min_value, parent.max_value)
        values = [str(number) for number in draw(st.lists(numbers, min_size=1, max_size=3, unique=True))]
    return Condition(name=name, depends_on=parent.name, values=tuple(values))


def range_entry(parameter: ParameterRange) -> dict[str, Any]:
    """`parameter` as a request has it."""
    match parameter:
        case CategoricalParameterRange(name=name, values=values):
            return {"Name": name, "Values": list(values)}
        case ContinuousParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling):
            return {"Name": name, "MinValue": repr(low), "MaxValue": repr(high), "ScalingType": str(scaling)}
        case IntegerParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling):
            return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": str(scaling)}


def ranges_member(ranges: Sequence[ParameterRange]) -> dict[str, Any]:
    """`ranges` as the ParameterRanges of a request."""
    lists = {
        "ContinuousParameterRanges": ContinuousParameterRange,
        "IntegerParameterRanges": IntegerParameterRange,
        "CategoricalParameterRanges": CategoricalParameterRange,
    }
    return {key: [range_entry(p) for p in ranges if isinstance(p, kind)] for key, kind in lists.items()}


#: Any JSON document, as somebody might write it instead of a request.
json_documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite_floats() | wire_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(wire_texts, inner, max_size=4),
    max_leaves=12,
)
