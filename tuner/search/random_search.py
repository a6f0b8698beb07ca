"""Random search: independent draws. Source: Bergstra and Bengio, JMLR 13 (2012)."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter

import numpy as np

from tuner.search.belief import Belief
from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Parent, Trial

#: Draws before a new configuration is looked for by counting. A space with room is all but sure to give one by then.
_DRAWS = 50

#: Among how many untried configurations is drawn when counting.
_CANDIDATES = 1000

#: The share of trials that a belief decides. The others are drawn from the whole space: a belief may be wrong.
BELIEVED = 0.5

#: Draws from a belief of which one has to keep the constraints; otherwise the trial is one of the whole space.
_BELIEVED_DRAWS = 256


class RandomSearch:
    """Draws from the space, evenly in the scale of each range; of every other trial, from the `belief` if there is one.

    Where configurations can be counted none is tried twice: the same configuration again tells nothing new, and the
    service refuses jobs that would need it. What a parent with the same data and algorithm has tried is tried again
    only where nothing else is left.
    """

    def __init__(self, belief: Belief | None = None, parents: Sequence[Parent] = ()) -> None:
        self._belief = belief
        self._known = [trial.configuration for parent in parents if parent.is_identical for trial in parent.trials]

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Configuration | None:
        """A configuration that no trial has; None when every one has been tried."""
        size = space.size
        configurations = list(map(attrgetter("configuration"), trials))
        if size is not None and len(configurations) >= size and len(space.keys(configurations)) >= size:
            return None
        # Not only to learn more: with the parent's seed, the first draw is the parent's. Keys of thousands of trials
        # take longer than a look at each.
        avoided_configurations = configurations + self._known
        drawn = None
        for drawn in itertools.islice(self._draws(space, generator), _DRAWS):
            if drawn not in avoided_configurations:
                return drawn
        if size is None:  # so narrow that the same comes again and again, and too wide to be counted
            return drawn
        tried = space.keys(configurations)
        avoided = tried | space.keys(self._known)
        candidates = _others(space, avoided) or _others(space, tried)
        return candidates[int(generator.integers(len(candidates)))]

    def _draws(self, space: SearchSpace, generator: np.random.Generator) -> Iterator[Configuration]:
        if self._belief is not None and generator.random() < BELIEVED:
            believed = (space.decode(point) for point in self._belief.draw(_BELIEVED_DRAWS, generator))
            yield from (configuration for configuration in believed if space.allows(configuration))
        while True:
            yield space.sample(generator)


def _others(space: SearchSpace, keys: Collection[tuple[str, ...]]) -> list[Configuration]:
    """The first configurations of a space that can be counted which have none of these keys."""
    others = (candidate for candidate in space.configurations() if space.key(candidate) not in keys)
    return list(itertools.islice(others, _CANDIDATES))
