"""What every strategy is: a pure function from the trials so far to the next configuration.

No strategy remembers anything, and the generator of trial i comes from the job's seed and i. So the same history and
seed give the same suggestion, and a process that starts anew goes on exactly where the last one stopped.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from tuner.errors import NotSupported
from tuner.search.belief import Belief
from tuner.search.goal import Goal
from tuner.search.grid_search import GridSearch
from tuner.search.random_search import RandomSearch
from tuner.search.space import SearchSpace
from tuner.search.trials import Parent, Trial

__all__ = ["Strategy", "Trial", "make_strategy", "trial_generator"]


class Strategy(Protocol):
    """Decides which configuration is tried next."""

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Mapping[str, str] | None:
        """The next configuration after `trials`, pending ones included; None when there is nothing left to try."""
        ...


def make_strategy(name: str, goal: Goal, parents: Sequence[Parent] = (), belief: Belief | None = None) -> Strategy:
    """The strategy called `name` in the API, which may learn from `parents` and be led by a `belief`.

    Raises NotSupported for one that this version does not have.
    """
    match name:
        case "Bayesian":
            from tuner.search.bayesian_search import BayesianSearch  # noqa: PLC0415 - scipy takes a third of a second

            return BayesianSearch(goal, parents, belief)
        case "Random" | "Hyperband":  # which draws at random, and decides later who goes on: see early_stopping
            return RandomSearch(belief, parents)
        case "Grid":
            return GridSearch()
        case _:
            raise NotSupported(
                f"Strategy {name} is not in this version; there are Bayesian, Random, Grid and Hyperband"
            )


def trial_generator(seed: int, index: int) -> np.random.Generator:
    """The random generator of trial `index` (from 1) of a tuning job with `seed`.

    Generators of different trials are independent. The bit generator is named, because numpy may change its default.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index,))))
