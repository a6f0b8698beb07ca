"""Random search: independent draws. Source: Bergstra and Bengio, JMLR 13 (2012)."""

import itertools
from collections.abc import Sequence

import numpy as np

from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Trial

#: Draws before a new configuration is looked for by counting. A space with room is all but sure to give one by then.
_DRAWS = 50

#: Among how many untried configurations is drawn when counting.
_CANDIDATES = 1000


class RandomSearch:
    """Draws from the space, evenly in the scale of each range.

    Where configurations can be counted none is tried twice: the same configuration again tells nothing new, and the
    service refuses jobs that would need it.
    """

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Configuration | None:
        """A configuration that no trial has; None when every one has been tried."""
        if space.size is None:
            return space.sample(generator)
        tried = {space.key(trial.configuration) for trial in trials}
        if len(tried) >= space.size:
            return None
        for _ in range(_DRAWS):
            drawn = space.sample(generator)
            if space.key(drawn) not in tried:
                return drawn
        untried = (candidate for candidate in space.configurations() if space.key(candidate) not in tried)
        candidates = list(itertools.islice(untried, _CANDIDATES))
        return candidates[int(generator.integers(len(candidates)))]
