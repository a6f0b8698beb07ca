"""Optuna's GPSampler with `constraints_func`: a bound is kept where the number told of it is not above 0."""

import math
from collections.abc import Mapping, Sequence

import optuna
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, Trial

from benchmarks.search.constrained import ConstrainedProblem, Measured
from benchmarks.search.optimisers.optuna_samplers import distribution
from benchmarks.search.optimisers.study import Study, axes


class OptunaConstrained:
    """A study in memory."""

    def __init__(self, problem: ConstrainedProblem, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._constraints = problem.constraints
        self._study = optuna.create_study(sampler=GPSampler(seed=seed, constraints_func=_told))
        self._axes = {axis.name: axis for axis in axes(Study(ranges=problem.ranges, seed=seed, trials=30, parallel=2))}
        self._distributions = {name: distribution(axis) for name, axis in self._axes.items()}
        self._trials: dict[int, Trial] = {}

    def ask(self, trial: int) -> Mapping[str, str]:
        """Define and run: all parameters at once."""
        self._trials[trial] = self._study.ask(self._distributions)
        return {name: axis.text(self._trials[trial].params[name]) for name, axis in self._axes.items()}

    def tell(self, trial: int, measured: Measured) -> None:
        """A value, and for each bound by how much it is broken."""
        seen = [(measured.metrics[one.metric_name], one) for one in self._constraints]
        excesses = [excess for value, one in seen for excess in (one.minimum - value, value - one.maximum)]
        broken = [excess for excess in excesses if math.isfinite(excess)]
        self._trials[trial].set_user_attr("broken", broken)
        self._study.tell(self._trials[trial], measured.objective)


def _told(trial: FrozenTrial) -> Sequence[float]:
    return list(trial.user_attrs["broken"])


def make(name: str, problem: ConstrainedProblem, seed: int) -> OptunaConstrained:  # noqa: ARG001 - all have one shape
    """The sampler for a problem."""
    return OptunaConstrained(problem, seed)
