"""Ours with bounds on other metrics, called as the controller calls it."""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.search.constrained import ConstrainedProblem, Measured
from contracts.jobs import ObjectiveStatus
from contracts.metrics import ObjectiveType
from tuner.search.goal import Goal
from tuner.search.space import SearchSpace
from tuner.search.strategy import make_strategy, trial_generator
from tuner.search.trials import Trial


class BoundedStrategy:
    """A strategy and the trials that it is shown."""

    def __init__(self, name: str, problem: ConstrainedProblem, seed: int) -> None:
        self._space = SearchSpace(problem.ranges)
        goal = Goal(objective_type=ObjectiveType.MINIMIZE, metric_constraints=problem.constraints)
        self._strategy = make_strategy("Random" if name == "random" else "Bayesian", goal)
        self._seed = seed
        self._trials: dict[int, Trial] = {}

    def ask(self, trial: int) -> Mapping[str, str]:
        """The strategy's suggestion."""
        trials = [self._trials[number] for number in sorted(self._trials)]
        suggestion = self._strategy.suggest(self._space, trials, trial_generator(self._seed, trial))
        assert suggestion is not None
        self._trials[trial] = Trial(index=trial, configuration=suggestion)
        return suggestion

    def tell(self, trial: int, measured: Measured) -> None:
        """Succeeded with a value and metrics."""
        self._trials[trial] = replace(
            self._trials[trial],
            status=ObjectiveStatus.SUCCEEDED,
            objective=measured.objective,
            metrics=measured.metrics,
        )


def make(name: str, problem: ConstrainedProblem, seed: int) -> BoundedStrategy:
    """The strategy for a problem."""
    return BoundedStrategy(name, problem, seed)
