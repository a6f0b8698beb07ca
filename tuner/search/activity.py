"""Which hyperparameters of a space are there, where some depend on the values of others. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange, IntegerParameterRange, ParameterRange
from contracts.search_extension import Condition, in_order
from tuner.search import coordinates
from tuner.search.coordinates import FloatArray


@dataclass(frozen=True, slots=True)
class _Rule:
    child: int
    parent: int
    parent_range: CategoricalParameterRange | IntegerParameterRange
    values: frozenset[str]

    def holds_at(self, column: FloatArray) -> NDArray[np.bool_]:
        if isinstance(self.parent_range, CategoricalParameterRange):
            allowed = np.array([value in self.values for value in self.parent_range.values])
            places = np.minimum((column * len(allowed)).astype(int), len(allowed) - 1)
            found: NDArray[np.bool_] = allowed[places]
            return found
        return np.isin(coordinates.numbers(self.parent_range, column), [float(value) for value in self.values])


class Activity:
    """The conditions of a space, in an order in which each comes after those that it rests on.

    A range has one condition at most, so that they are trees. Raises ValueError for conditions that are none.
    """

    def __init__(self, ranges: Sequence[ParameterRange], conditions: Sequence[Condition]) -> None:
        self._names = tuple(parameter.name for parameter in ranges)
        by_child = {condition.name: condition for condition in conditions}
        if len(by_child) != len(conditions):
            raise ValueError("a hyperparameter has two conditions")
        self._rules = tuple(_rule(by_child[name], ranges, self._names) for name in in_order(conditions))

    def __bool__(self) -> bool:
        return bool(self._rules)

    def inactive_names(self, configuration: Mapping[str, str]) -> frozenset[str]:
        """The hyperparameters that are not there, in a configuration with a value of each that is."""
        inactive: set[str] = set()
        for rule in self._rules:
            parent = self._names[rule.parent]
            if parent in inactive or configuration.get(parent) not in rule.values:
                inactive.add(self._names[rule.child])
        return frozenset(inactive)

    def active(self, points: FloatArray) -> NDArray[np.bool_]:
        """By point and range, whether it is there: (m, ranges) -> (m, ranges)."""
        active = np.ones(points.shape, dtype=bool)
        for rule in self._rules:
            active[:, rule.child] = active[:, rule.parent] & rule.holds_at(points[:, rule.parent])
        return active


def _rule(condition: Condition, ranges: Sequence[ParameterRange], names: Sequence[str]) -> _Rule:
    parent = names.index(condition.depends_on)
    parent_range = ranges[parent]
    if isinstance(parent_range, ContinuousParameterRange):
        raise ValueError(  # noqa: TRY004 - the range has the wrong kind, not the argument
            f"{condition.name} depends on {parent_range.name}, whose values cannot be listed"
        )
    values = condition.values
    if isinstance(parent_range, IntegerParameterRange):
        values = tuple(str(int(value)) for value in values)
    return _Rule(child=names.index(condition.name), parent=parent, parent_range=parent_range, values=frozenset(values))
