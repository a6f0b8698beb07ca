"""What every optimiser is here: something that is asked for a configuration, and told what came of it.

Values are to be made small. A peer is given the space in its own words, logarithmic ranges as logarithmic, and its own
defaults; where it has a way to hear of failures and of trials that still run, that is used. Where it has none, a
failure is the worst value so far, and a running trial is believed to be as good as the best so far while the next
one is chosen (the "constant liar" that these libraries recommend).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)


@dataclass(frozen=True, kw_only=True)
class Study:
    """What an optimiser is told before the first trial."""

    ranges: tuple[ParameterRange, ...]
    seed: int
    trials: int
    parallel: int


class Optimiser(Protocol):
    """Ask and tell. Trials are numbered from 1 in the order of asking."""

    def ask(self, trial: int) -> Mapping[str, str]:
        """The configuration of trial number `trial`."""
        ...

    def tell(self, trial: int, value: float | None) -> None:
        """What trial number `trial` gave; None for a failure."""
        ...

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """A trial that it was not asked for: how slow it gets is measured without a thousand suggestions before."""
        ...


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A range as peers know them: real numbers or integers between bounds, evenly or by logarithm, or texts.

    `is_mirrored` is a ReverseLogarithmic range, which peers do not have: they get 1 - x, which is logarithmic.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    is_logarithmic: bool = False
    is_integer: bool = False
    is_mirrored: bool = False
    texts: tuple[str, ...] = ()

    def text(self, value: object) -> str:
        """The text that the container would get for a peer's `value`."""
        if self.texts:
            return str(value)
        number = min(max(float(str(value)), self.low), self.high)
        if self.is_integer:
            return str(round(number))
        return repr(1 - number if self.is_mirrored else number)

    def value(self, text: str) -> Any:
        """A peer's value for the text that a container would get."""
        if self.texts:
            return text
        if self.is_integer:
            return int(text)
        return 1 - float(text) if self.is_mirrored else float(text)


def axes(study: Study) -> list[Axis]:
    """The axes of a study's ranges."""
    return [_axis(one) for one in study.ranges]


def _axis(parameter: ParameterRange) -> Axis:
    match parameter:
        case CategoricalParameterRange(name=name, values=values):
            return Axis(name=name, texts=values)
        case IntegerParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling):
            return Axis(
                name=name, low=low, high=high, is_integer=True, is_logarithmic=scaling is ScalingType.LOGARITHMIC
            )
        case ContinuousParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling):
            if scaling is ScalingType.REVERSE_LOGARITHMIC:
                return Axis(name=name, low=1 - high, high=1 - low, is_logarithmic=True, is_mirrored=True)
            return Axis(name=name, low=low, high=high, is_logarithmic=scaling is ScalingType.LOGARITHMIC)


@dataclass
class Points:
    """The trials so far, for peers that keep no account of running and failed ones; points are in their words."""

    points: dict[int, object] = field(default_factory=dict)
    given: dict[int, float | None] = field(default_factory=dict)

    def add(self, trial: int, point: object, value: float) -> None:
        """A trial that has ended."""
        self.points[trial] = point
        self.given[trial] = value

    def complete(self) -> tuple[list[object], list[float]]:
        """The trials that have ended, failures as the worst value so far; nothing while no trial has a value."""
        known = [value for value in self.given.values() if value is not None and math.isfinite(value)]
        if not known:
            return [], []
        ended = sorted(self.given)
        values = [self.given[trial] for trial in ended]
        return [self.points[trial] for trial in ended], [max(known) if value is None else value for value in values]

    def with_liars(self) -> tuple[list[object], list[float]]:
        """The trials that have ended, and those that run as if they had given the best value so far."""
        points, values = self.complete()
        if not values:
            return [], []
        running = [self.points[trial] for trial in sorted(self.points) if trial not in self.given]
        return points + running, values + [min(values)] * len(running)
