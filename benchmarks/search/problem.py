"""What a problem is: a space in Algodock's ranges, and a pure function from a configuration to a value.

All values are to be made small. A trial is evaluated with a generator of its own, made of the problem's name, the seed
and the trial's number, so every optimiser meets the same noise.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from contracts.ranges import (
    CategoricalParameterRange,
    ContinuousParameterRange,
    IntegerParameterRange,
    ParameterRange,
    ScalingType,
)

Configuration = Mapping[str, str]

LINEAR, LOGARITHMIC, REVERSE = ScalingType.LINEAR, ScalingType.LOGARITHMIC, ScalingType.REVERSE_LOGARITHMIC


class Split(StrEnum):
    """What a problem may be used for: choosing settings of an optimiser, or reporting how good it is. Never both."""

    TUNING = "tuning"
    HELD_OUT = "held-out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one trial gave: `observed` is what the optimiser is told, None for a failure; `true` has no noise in it."""

    observed: float | None
    true: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A search space and what is measured at its points. `pool` is how many random trials stand for random search."""

    name: str
    split: Split
    ranges: tuple[ParameterRange, ...]
    evaluate: Callable[[Configuration, np.random.Generator], Outcome]
    pool: int = 20_000
    story: str = ""


def trial_noise(problem: str, seed: int, trial: int) -> np.random.Generator:
    """The generator of the noise of trial number `trial` (from 1), the same for every optimiser."""
    return _generator(problem, seed, trial, purpose=0)


def trial_seconds(problem: str, seed: int, trial: int) -> float:
    """How long trial number `trial` takes in simulated time: log-normal, so trials overtake each other."""
    return float(_generator(problem, seed, trial, purpose=1).lognormal(0.0, 0.5))


def _generator(problem: str, seed: int, trial: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(problem.encode()), seed, trial, purpose])


def real(name: str, low: float, high: float, scaling: ScalingType = LINEAR) -> ContinuousParameterRange:
    """A range of real numbers."""
    return ContinuousParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling)


def reals(names: Sequence[str], low: float, high: float) -> tuple[ContinuousParameterRange, ...]:
    """Several linear ranges of real numbers with the same bounds."""
    return tuple(real(name, low, high) for name in names)


def whole(name: str, low: int, high: int, scaling: ScalingType = LINEAR) -> IntegerParameterRange:
    """A range of integers."""
    return IntegerParameterRange(name=name, min_value=low, max_value=high, scaling_type=scaling)


def text(name: str, *values: str) -> CategoricalParameterRange:
    """A range of texts."""
    return CategoricalParameterRange(name=name, values=values)


def numbered(prefix: str, count: int) -> tuple[str, ...]:
    """Names that say nothing: x1, x2, ..."""
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))


def with_noise(true: float, noise: float, generator: np.random.Generator) -> Outcome:
    """An outcome with normal noise of that standard deviation."""
    return Outcome(observed=true + noise * float(generator.standard_normal()), true=true)
