"""Ax with outcome constraints."""

import logging
import math
from collections.abc import Mapping

import torch
from ax.api.client import Client

from benchmarks.search.constrained import ConstrainedProblem, Measured
from benchmarks.search.optimisers.ax_botorch import parameter
from benchmarks.search.optimisers.study import Study, axes


class AxConstrained:
    """A client with one objective and the metrics that have bounds."""

    def __init__(self, problem: ConstrainedProblem, seed: int) -> None:
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        self._axes = axes(Study(ranges=problem.ranges, seed=seed, trials=30, parallel=2))
        self._indices: dict[int, int] = {}
        self._client = Client(random_seed=seed)
        self._client.configure_experiment(parameters=[parameter(axis) for axis in self._axes])
        bounds = []
        for constraint in problem.constraints:
            if math.isfinite(constraint.minimum):
                bounds.append(f"{constraint.metric_name} >= {constraint.minimum}")
            if math.isfinite(constraint.maximum):
                bounds.append(f"{constraint.metric_name} <= {constraint.maximum}")
        self._client.configure_optimization(objective="-loss", outcome_constraints=bounds)

    def ask(self, trial: int) -> Mapping[str, str]:
        """The next trial of the client."""
        index, parameters = next(iter(self._client.get_next_trials(max_trials=1).items()))
        self._indices[trial] = index
        return {axis.name: axis.text(parameters[axis.name]) for axis in self._axes}

    def tell(self, trial: int, measured: Measured) -> None:
        """All that it printed."""
        told = {"loss": measured.objective, **{name: float(value) for name, value in measured.metrics.items()}}
        self._client.complete_trial(self._indices[trial], raw_data=told)


def make(name: str, problem: ConstrainedProblem, seed: int) -> AxConstrained:  # noqa: ARG001 - all have one shape
    """The optimiser for a problem."""
    return AxConstrained(problem, seed)
