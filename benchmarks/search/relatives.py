"""Problems made of other problems: what a related or a misleading earlier search was about. Pure."""

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.search.problem import Outcome, Problem
from contracts.ranges import CategoricalParameterRange
from tuner.search.space import SearchSpace

#: How far an optimum is moved, as a share of each range.
SHIFT = 0.08


def shifted(problem: Problem) -> Problem:
    """The problem with its optimum moved by 8 % of every range of numbers, up or down, and other units."""
    space = SearchSpace(problem.ranges)
    signs = np.random.default_rng(zlib.crc32(problem.name.encode())).choice([-1.0, 1.0], len(problem.ranges))
    moves = np.array(
        [
            0.0 if isinstance(one, CategoricalParameterRange) else SHIFT * sign
            for one, sign in zip(problem.ranges, signs, strict=True)
        ]
    )

    def evaluate(configuration: Mapping[str, str], generator: np.random.Generator) -> Outcome:
        point = np.clip(space.encode(configuration) + moves, 0.0, 1.0)
        return _changed(problem.evaluate(space.decode(point), generator), factor=3.0, plus=5.0)

    return replace(problem, name=f"{problem.name}-moved", evaluate=evaluate)


def mirrored(problem: Problem) -> Problem:
    """The problem with every range turned round."""
    space = SearchSpace(problem.ranges)

    def evaluate(configuration: Mapping[str, str], generator: np.random.Generator) -> Outcome:
        return problem.evaluate(space.decode(1 - space.encode(configuration)), generator)

    return replace(problem, name=f"{problem.name}-mirrored", evaluate=evaluate)


def inverted(problem: Problem) -> Problem:
    """The problem with the objective's sign turned; what failed fails."""

    def evaluate(configuration: Mapping[str, str], generator: np.random.Generator) -> Outcome:
        return _changed(problem.evaluate(configuration, generator), factor=-1.0, plus=0.0)

    return replace(problem, name=f"{problem.name}-turned", evaluate=evaluate)


def _changed(outcome: Outcome, *, factor: float, plus: float) -> Outcome:
    if outcome.observed is None:
        return outcome
    return Outcome(observed=factor * outcome.observed + plus, true=factor * outcome.true + plus)
