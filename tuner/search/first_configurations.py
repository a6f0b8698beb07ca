"""Configurations that are tried before a strategy is asked: what an image has by default, what was good elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from contracts.ranges import ContinuousParameterRange, IntegerParameterRange
from tuner.errors import InfeasibleSpace
from tuner.search import coordinates
from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Trial

#: Points drawn to complete a given part, and of those that keep the constraints, so many are looked at.
_DRAWS, _LOOKED_AT = 20_000, 200


class _Strategy(Protocol):
    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Mapping[str, str] | None: ...


class FirstConfigurations:
    """Suggests given configurations, one a trial, and then what `strategy` does.

    What one leaves out is in the middle of its range, or else (where constraints or an earlier trial are in the way)
    drawn.
    """

    def __init__(self, given: Sequence[Mapping[str, str]], strategy: _Strategy) -> None:
        self._given = given
        self._strategy = strategy

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Mapping[str, str] | None:
        """The configuration for the trial after `trials`; None when there is nothing left to try.

        Trial i is of the i-th given configuration, unless it is the same as an earlier one.
        """
        if len(trials) < len(self._given):
            tried = {space.key(trial.configuration) for trial in trials}
            completed = complete(space, self._given[len(trials)], generator, avoiding=tried)
            if space.key(completed) not in tried:
                return completed
        return self._strategy.suggest(space, trials, generator)


def complete(
    space: SearchSpace,
    part: Mapping[str, str],
    generator: np.random.Generator,
    avoiding: frozenset[tuple[str, ...]] | set[tuple[str, ...]] = frozenset(),
) -> Configuration:
    """A configuration of `space` with the values of `part`, if it can be with a key that is not in `avoiding`.

    Raises InfeasibleSpace where none is found that keeps the constraints.
    """
    given = {name: _as_decoded(space, name, text) for name, text in part.items()}
    points = np.vstack([np.full((1, len(space.ranges)), 0.5), generator.random((_DRAWS, len(space.ranges)))])
    for column, parameter in enumerate(space.ranges):
        if parameter.name in given:
            points[:, column] = coordinates.encode(parameter, given[parameter.name])
    allowed: Configuration | None = None
    for point in points[space.allowed(points)][:_LOOKED_AT]:
        configuration = {name: given.get(name, text) for name, text in space.decode(point).items()}
        if not space.allows(configuration):
            continue
        if space.key(configuration) not in avoiding:
            return configuration
        allowed = configuration
    if allowed is None:
        raise InfeasibleSpace(f"no configuration with {_words(part)} keeps the Constraints")
    return allowed


def completes(space: SearchSpace, part: Mapping[str, str], configuration: Mapping[str, str]) -> bool:
    """Whether `configuration` has the values of `part`."""
    return all(configuration.get(name) == _as_decoded(space, name, text) for name, text in part.items())


def _as_decoded(space: SearchSpace, name: str, text: str) -> str:
    """A value as the space itself writes it, so that equal values are equal texts."""
    match space.ranges[space.names.index(name)]:
        case IntegerParameterRange():
            return str(int(text))
        case ContinuousParameterRange():
            return repr(float(text))
        case _:
            return text


def _words(part: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {text}" for name, text in part.items())
