"""Random search and the parents of its tuning job: nothing is learned, and nothing repeated."""

from collections.abc import Sequence

import pytest

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import CategoricalParameterRange, ContinuousParameterRange
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Parent, Trial

RATE = SearchSpace([ContinuousParameterRange(name="rate", min_value=0.0, max_value=1.0)])
LETTERS = SearchSpace([CategoricalParameterRange(name="letter", values=tuple("abcdef"))])


def search(space: SearchSpace, count: int, parents: Sequence[Parent] = (), strategy: str = "Random") -> list[Trial]:
    """The first `count` trials of a job, or fewer where nothing is left to try."""
    trials: list[Trial] = []
    for index in range(1, count + 1):
        chosen = make_strategy(strategy, Goal(objective_type=ObjectiveType.MAXIMIZE), parents).suggest(
            space, trials, trial_generator(7, index)
        )
        if chosen is not None:
            trials.append(Trial(index=index, configuration=chosen, status=ObjectiveStatus.SUCCEEDED, objective=0.5))
    return trials


def values(trials: Sequence[Trial]) -> list[str]:
    """What was tried, in order."""
    return ["".join(trial.configuration.values()) for trial in trials]


def parent(trials: Sequence[Trial], *, is_identical: bool = True) -> Parent:
    """A parent with these trials."""
    return Parent(name="first", trials=tuple(trials), is_identical=is_identical)


@pytest.mark.parametrize("strategy", ["Random", "Hyperband"])
def test_the_same_seed_does_not_repeat_the_parent(strategy: str) -> None:
    """The request's RandomSeed is easily left as it was: all trials would be wasted."""
    first = search(RATE, 5, strategy=strategy)
    again = search(RATE, 5, strategy=strategy)
    second = search(RATE, 5, [parent(first)], strategy)

    assert values(first) == values(again)
    assert set(values(first)).isdisjoint(values(second))


def test_with_other_data_the_same_may_be_tried() -> None:
    """Its values are others there."""
    first = search(RATE, 5)

    assert values(first) == values(search(RATE, 5, [parent(first, is_identical=False)]))


def test_what_the_parent_has_not_tried_comes_first() -> None:
    """Then the rest: a job has as many trials as it was asked for."""
    first = search(LETTERS, 4)
    second = search(LETTERS, 10, [parent(first)])

    assert sorted("abcdef") == sorted(values(second))
    assert set(values(first)).isdisjoint(values(second)[:2])


def test_grid_search_tries_every_combination_once_whatever_the_parent_did() -> None:
    """As the service describes it."""
    first = search(LETTERS, 4, strategy="Grid")

    assert list("abcdef") == values(search(LETTERS, 10, [parent(first)], "Grid"))
