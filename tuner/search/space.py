"""The space that a tuning job searches: ranges on one side, the unit cube on the other, strings on the wire.

A point of the unit cube has one coordinate in [0, 1] a range, in the order of the ranges; `coordinates` tells how an
axis is divided. Where conditions make a range depend on another, it is inactive at some points: it has no value in the
configuration there, and the coordinate 0.5, so that it tells no two points apart. Where constraints hold between
ranges, some points are no configurations at all.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from contracts.ranges import CategoricalParameterRange, ParameterRange, number_of_configurations
from contracts.search_extension import Condition, Constraint, is_numeric
from tuner.errors import InfeasibleSpace
from tuner.search import coordinates
from tuner.search.activity import Activity
from tuner.search.constraints import Column, holds
from tuner.search.coordinates import FloatArray

#: A configuration: every tuned hyperparameter that is active by name, as the string that the container gets.
Configuration = dict[str, str]

#: Combinations that are looked at one by one, to see which of them conditions and constraints leave.
_MOST_LISTED = 100_000
#: Points drawn at once, and at most, in search of some that keep the constraints.
_FIRST_BATCH, _BATCH, _MOST_DRAWN = 16, 4096, 400_000


class SearchSpace:
    """The ranges of a tuning job, as a space of configurations. Immutable.

    Raises ValueError for conditions that are none: see `Activity`.
    """

    def __init__(
        self,
        ranges: Sequence[ParameterRange],
        conditions: Sequence[Condition] = (),
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.ranges = tuple(ranges)
        self.conditions = tuple(conditions)
        self.constraints = tuple(constraints)
        self._activity = Activity(self.ranges, self.conditions)
        self._is_whole = not self.conditions and not self.constraints
        self._walked: list[tuple[tuple[str, ...], Configuration]] = []  # by key, what has come of `_walk`

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tuned hyperparameters, in the order of the coordinates."""
        return tuple(parameter.name for parameter in self.ranges)

    @property
    def size(self) -> int | None:
        """How many different configurations there are; None for more than can be counted.

        With conditions or constraints that is more than there are combinations which can be looked at one by one.
        """
        combinations = number_of_configurations(self.ranges)
        if combinations is None or self._is_whole:
            return combinations
        return len(self._listed) if combinations <= _MOST_LISTED else None

    def sample(self, generator: np.random.Generator) -> Configuration:
        """A configuration drawn evenly from the space, in the scale of each range.

        Raises InfeasibleSpace where hardly any point keeps the constraints.
        """
        return self.decode(self.draw(1, generator)[0])

    def draw(self, count: int, generator: np.random.Generator) -> FloatArray:
        """Points of configurations, drawn evenly from the space: (count, ranges). Raises InfeasibleSpace."""
        if not self.constraints:
            return generator.random((count, len(self.ranges)))
        found = np.empty((0, len(self.ranges)))
        drawn, batch = 0, max(count, _FIRST_BATCH)
        while len(found) < count and drawn < _MOST_DRAWN:
            points = generator.random((batch, len(self.ranges)))
            kept = points[self.allowed(points)][: max(2 * count, _FIRST_BATCH)]  # one by one takes long
            found = np.vstack([found, self._exactly_allowed(kept)])
            drawn, batch = drawn + batch, _BATCH
        if len(found) < count:
            found = self._drawn_otherwise(found, count, generator)
        return found[:count]

    def decode(self, point: Sequence[float] | FloatArray) -> Configuration:
        """The configuration at `point` of the unit cube, shape ``(len(ranges),)``; always inside the ranges.

        Whether it keeps the constraints is for `allows` to say.
        """
        configuration = {
            parameter.name: coordinates.decode(parameter, float(u))
            for parameter, u in zip(self.ranges, point, strict=True)
        }
        return self._without_inactive(configuration) if self._activity else configuration

    def encode(self, configuration: Mapping[str, str]) -> FloatArray:
        """The point of the unit cube that decodes to `configuration`, shape ``(len(ranges),)``.

        Integers and texts are at the middle of their share of the axis; the only value of a range, and what is
        inactive, at 0.5.
        """
        if not self._activity:
            return np.array([coordinates.encode(one, configuration[one.name]) for one in self.ranges], dtype=float)
        inactive = self._activity.inactive_names(configuration)
        return np.array(
            [
                # A trial of before a condition was thought of may lack what this space would have active.
                0.5
                if one.name in inactive or one.name not in configuration
                else coordinates.encode(one, configuration[one.name])
                for one in self.ranges
            ],
            dtype=float,
        )

    def snap(self, points: FloatArray) -> FloatArray:
        """Each point moved to where the configuration is that it decodes to: (m, ranges) -> (m, ranges).

        The same as `encode` of `decode` of each point, but for rounding, and much faster.
        """
        snapped = np.empty(points.shape)
        for column, parameter in enumerate(self.ranges):
            snapped[:, column] = coordinates.snap(parameter, points[:, column])
        if self._activity:
            snapped[~self._activity.active(points)] = 0.5
        return snapped

    def active(self, points: FloatArray) -> NDArray[np.bool_]:
        """By point and range, whether the range has a value there: (m, ranges) -> (m, ranges)."""
        return self._activity.active(points)

    def allows(self, configuration: Mapping[str, str]) -> bool:
        """Whether a configuration with values of the ranges keeps the constraints.

        A constraint on a hyperparameter that is inactive is kept.
        """
        return not self.broken(configuration)

    def broken(self, configuration: Mapping[str, str]) -> tuple[Constraint, ...]:
        """The constraints that a configuration with values of the ranges does not keep."""
        if not self.constraints:
            return ()
        inactive = self._activity.inactive_names(configuration)
        return tuple(
            constraint
            for constraint in self.constraints
            if inactive.isdisjoint(constraint.names)
            and not holds(constraint.expression, self._values(constraint, configuration), 1)[0]
        )

    def allowed(self, points: FloatArray) -> NDArray[np.bool_]:
        """By point, whether it keeps the constraints: (m, ranges) -> (m,).

        Where two sides are equal but for rounding, `allows` of the decoded configuration is what counts.
        """
        allowed = np.ones(len(points), dtype=bool)
        for constraint in self.constraints:
            allowed &= self.kept(constraint, points)
        return allowed

    def kept(self, constraint: Constraint, points: FloatArray) -> NDArray[np.bool_]:
        """By point, whether it keeps one constraint: (m, ranges) -> (m,)."""
        columns: dict[str, Column] = {}
        places = [self.names.index(name) for name in constraint.names]
        for place in places:
            parameter = self.ranges[place]
            if isinstance(parameter, CategoricalParameterRange):
                texts = coordinates.texts(parameter, points[:, place])
                columns[parameter.name] = texts.astype(float) if is_numeric(parameter) else texts
            else:
                columns[parameter.name] = coordinates.numbers(parameter, points[:, place])
        kept = holds(constraint.expression, columns, len(points))
        if self._activity:
            kept = kept | ~self._activity.active(points)[:, places].all(axis=1)
        return kept

    def contains(self, configuration: Mapping[str, str]) -> bool:
        """Whether `configuration` has a value of each active range, and nothing else, and keeps the constraints."""
        inactive = self._activity.inactive_names(configuration)
        return (
            configuration.keys() == set(self.names) - inactive
            and all(
                coordinates.contains(parameter, configuration[parameter.name])
                for parameter in self.ranges
                if parameter.name not in inactive
            )
            and self.allows(configuration)
        )

    def key(self, configuration: Mapping[str, str]) -> tuple[str, ...]:
        """What tells `configuration` from others, whatever the order of its names, and whatever is inactive in it."""
        if not self._activity:
            return tuple(configuration[name] for name in self.names)
        inactive = self._activity.inactive_names(configuration)
        return tuple("" if name in inactive else configuration.get(name, "") for name in self.names)

    def keys(self, configurations: Iterable[Mapping[str, str]]) -> set[tuple[str, ...]]:
        """The keys of `configurations`, of which there may be thousands."""
        if self._activity or len(self.ranges) <= 1:
            return set(map(self.key, configurations))
        return set(map(itemgetter(*self.names), configurations))

    def first_without(self, keys: Collection[tuple[str, ...]]) -> Configuration | None:
        """The first of `configurations` that has none of `keys`; None where each has one. Raises ValueError as that.

        Who has tried thousands in this order asks again after each: they are written out once.
        """
        for key, configuration in self._walked:
            if key not in keys:
                return dict(configuration)
        for configuration in self._walk:
            self._walked.append((self.key(configuration), configuration))
            if self._walked[-1][0] not in keys:
                return dict(configuration)
        return None

    def configurations(self) -> Iterator[Configuration]:
        """Every configuration once, the last range varying fastest; raises ValueError where they cannot be counted."""
        size = self.size
        if size is None:
            raise ValueError("the configurations of a space with a continuous range cannot be counted")
        # Not itertools.product, which would first write out every range.
        return (self._configuration(int(number)) for number in (range(size) if self._is_whole else self._listed))

    @functools.cached_property
    def _walk(self) -> Iterator[Configuration]:
        return self.configurations()

    @property
    def _listed(self) -> NDArray[np.int64]:
        return _listed(self.ranges, self.conditions, self.constraints)

    def _configuration(self, number: int) -> Configuration:
        values = []
        for parameter in reversed(self.ranges):
            number, place = divmod(number, parameter.size or 1)
            values.append(coordinates.value_at(parameter, place))
        configuration = dict(zip(self.names, reversed(values), strict=True))
        return self._without_inactive(configuration) if self._activity else configuration

    def _without_inactive(self, configuration: Configuration) -> Configuration:
        inactive = self._activity.inactive_names(configuration)
        return {name: text for name, text in configuration.items() if name not in inactive}

    def _values(self, constraint: Constraint, configuration: Mapping[str, str]) -> dict[str, Column]:
        values: dict[str, Column] = {}
        for name in constraint.names:
            parameter = self.ranges[self.names.index(name)]
            is_text = isinstance(parameter, CategoricalParameterRange) and not is_numeric(parameter)
            values[name] = configuration[name] if is_text else np.float64(configuration[name])
        return values

    def _exactly_allowed(self, points: FloatArray) -> FloatArray:
        return points[[self.allows(self.decode(point)) for point in points]] if len(points) else points

    def _drawn_otherwise(self, found: FloatArray, count: int, generator: np.random.Generator) -> FloatArray:
        """Points where drawing from the cube finds too few: listed ones, else those that were found, repeated."""
        combinations = number_of_configurations(self.ranges)
        if combinations is not None and combinations <= _MOST_LISTED and len(self._listed):
            numbers = self._listed[generator.integers(len(self._listed), size=count)]
            return np.array([self.encode(self._configuration(int(number))) for number in numbers])
        if not len(found):
            raise InfeasibleSpace(
                f"none of {_MOST_DRAWN:,} configurations drawn from the ranges keeps the Constraints: "
                + "; ".join(constraint.text for constraint in self.constraints)
            )
        return found[generator.integers(len(found), size=count)]


@functools.lru_cache(maxsize=16)
def _listed(
    ranges: tuple[ParameterRange, ...], conditions: tuple[Condition, ...], constraints: tuple[Constraint, ...]
) -> NDArray[np.int64]:
    """The numbers of the combinations of `ranges` that are configurations, each of which is there once."""
    space = SearchSpace(ranges, conditions, constraints)
    sizes = [parameter.size or 1 for parameter in ranges]
    places = np.array(np.unravel_index(np.arange(int(np.prod(sizes))), sizes)).T
    axes = [
        np.array([coordinates.encode(parameter, coordinates.value_at(parameter, place)) for place in range(size)])
        for parameter, size in zip(ranges, sizes, strict=True)
    ]
    points = np.array([axis[column] for axis, column in zip(axes, places.T, strict=True)]).T
    # Of combinations that differ only in what is inactive, the one that has its first values there stands for all.
    is_first = ((places == 0) | space.active(points)).all(axis=1)
    return np.flatnonzero(is_first & space.allowed(points))
