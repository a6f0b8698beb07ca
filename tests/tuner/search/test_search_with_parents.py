"""A Bayesian search that starts from earlier jobs: what they are worth, and what it costs to believe the wrong ones."""

import numpy as np

from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from contracts.ranges import ContinuousParameterRange, ScalingType
from tuner.search.bayesian_search import BayesianSearch
from tuner.search.goal import Goal
from tuner.search.space import Configuration, SearchSpace
from tuner.search.strategy import trial_generator
from tuner.search.trials import Parent, Trial

SPACE = SearchSpace(
    tuple(
        ContinuousParameterRange(name=name, min_value=0.0, max_value=1.0, scaling_type=ScalingType.LINEAR)
        for name in ("x", "y", "z")
    )
)
GOAL = Goal(objective_type=ObjectiveType.MINIMIZE)


def bowl(configuration: Configuration, *, at: float) -> float:
    """Least where all three are `at`."""
    return float(sum((float(text) - at) ** 2 for text in configuration.values()))


def ended(index: int, configuration: Configuration, value: float) -> Trial:
    """A trial that has ended with a value."""
    return Trial(index=index, configuration=configuration, status=ObjectiveStatus.SUCCEEDED, objective=value)


def parent(*, at: float, is_identical: bool = False, scale: float = 1.0) -> Parent:
    """Thirty random trials of a bowl; of one that is not identical, in other units."""
    generator = np.random.default_rng(7)
    level = 0.0 if is_identical else 5.0
    drawn = [SPACE.sample(generator) for _ in range(30)]
    trials = tuple(ended(index, one, level + scale * bowl(one, at=at)) for index, one in enumerate(drawn, start=1))
    return Parent(name="parent", trials=trials, is_identical=is_identical)


def search(parents: tuple[Parent, ...], count: int, *, at: float) -> list[Trial]:
    """One trial after the other, of a bowl."""
    trials: list[Trial] = []
    for index in range(1, count + 1):
        suggested = BayesianSearch(GOAL, parents).suggest(SPACE, trials, trial_generator(5, index))
        assert suggested is not None
        trials.append(ended(index, suggested, bowl(suggested, at=at)))
    return trials


def best(trials: list[Trial]) -> float:
    """The least value."""
    return min(trial.objective for trial in trials if trial.objective is not None)


def test_a_related_parent_shows_where_to_begin() -> None:
    """The first trial is near its best, whatever its units; a few trials get where a cold search is much later."""
    warm = search((parent(at=0.75, scale=30.0),), 6, at=0.8)

    assert warm[0].objective is not None
    assert warm[0].objective < 0.1
    assert best(warm) <= best(search((), 9, at=0.8))


def test_a_parent_that_misleads_is_soon_left() -> None:
    """Its best is the other corner; ten trials later the search is where its own values say."""
    misled = search((parent(at=0.1),), 14, at=0.9)

    assert best(misled) < 0.05


def test_an_identical_parents_trials_count_as_own_and_are_not_repeated() -> None:
    """The first trial improves on what the parent found; none is where the parent has been."""
    earlier = parent(at=0.8, is_identical=True)
    trials = search((earlier,), 4, at=0.8)
    tried = {SPACE.key(trial.configuration) for trial in earlier.trials}

    assert best(trials) < min(trial.objective or 0.0 for trial in earlier.trials)
    assert tried.isdisjoint(SPACE.key(trial.configuration) for trial in trials)


def test_five_parents_are_weighed_one_by_one() -> None:
    """Four that mislead do not hide the one that does not."""
    parents = (*(parent(at=at) for at in (0.1, 0.2, 0.15, 0.05)), parent(at=0.8))

    assert best(search(parents, 12, at=0.8)) < 0.08


def test_a_parents_trial_may_lie_outside_of_the_ranges() -> None:
    """It counts as if it were at the nearest end."""
    far = tuple(ended(index, {"x": "7.5", "y": "-3", "z": str(index / 10)}, float(index)) for index in range(1, 8))
    trials = search((Parent(name="far", trials=far, is_identical=False),), 4, at=0.5)

    assert all(SPACE.contains(trial.configuration) for trial in trials)
