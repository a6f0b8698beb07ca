"""Ours: the strategies that a tuning job uses, called as the controller calls them."""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.search.optimisers.study import Optimiser, Study
from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Trial

_STRATEGIES = {"algodock": "Bayesian", "random": "Random"}


class OurStrategy:
    """A strategy and the trials that it is shown."""

    def __init__(self, name: str, study: Study) -> None:
        self._space = SearchSpace(study.ranges)
        self._strategy = make_strategy(_STRATEGIES[name], Goal(objective_type=ObjectiveType.MINIMIZE))
        self._seed = study.seed
        self._trials: dict[int, Trial] = {}

    def ask(self, trial: int) -> Mapping[str, str]:
        """The strategy's suggestion."""
        trials = [self._trials[number] for number in sorted(self._trials)]
        suggestion = self._strategy.suggest(self._space, trials, trial_generator(self._seed, trial))
        if suggestion is None:
            raise ValueError("the space is exhausted")
        self._trials[trial] = Trial(index=trial, configuration=suggestion)
        return suggestion

    def tell(self, trial: int, value: float | None) -> None:
        """Failed, or succeeded with a value."""
        status = ObjectiveStatus.FAILED if value is None else ObjectiveStatus.SUCCEEDED
        self._trials[trial] = replace(self._trials[trial], status=status, objective=value)

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """A trial that has succeeded."""
        self._trials[trial] = Trial(
            index=trial, configuration=configuration, status=ObjectiveStatus.SUCCEEDED, objective=value
        )


def make(name: str, study: Study) -> Optimiser:
    """The strategy for a study."""
    return OurStrategy(name, study)
