"""Ax with the generation strategy that it chooses itself; failures are told as failed trials."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

from benchmarks.search.optimisers.study import Axis, Optimiser, Study, axes


class AxClient:
    """A client with one metric."""

    def __init__(self, study: Study) -> None:
        logging.disable(logging.WARNING)
        torch.set_num_threads(1)
        self._axes = axes(study)
        self._indices: dict[int, int] = {}
        self._client = Client(random_seed=study.seed)
        self._client.configure_experiment(parameters=[_parameter(axis) for axis in self._axes])
        self._client.configure_optimization(objective="-loss")

    def ask(self, trial: int) -> Mapping[str, str]:
        """The next trial of the client."""
        index, parameters = next(iter(self._client.get_next_trials(max_trials=1).items()))
        self._indices[trial] = index
        return {axis.name: axis.text(parameters[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """A value, or a failed trial."""
        if value is None:
            self._client.mark_trial_failed(self._indices[trial])
        else:
            self._client.complete_trial(self._indices[trial], raw_data={"loss": value})

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:  # noqa: ARG002 - it numbers itself
        """A trial that is attached."""
        parameters = {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}
        self._client.complete_trial(self._client.attach_trial(parameters), raw_data={"loss": value})


def _parameter(axis: Axis) -> Any:
    if len(axis.texts) > 0:
        return ChoiceParameterConfig(name=axis.name, values=list(axis.texts), parameter_type="str", is_ordered=False)
    return RangeParameterConfig(
        name=axis.name,
        bounds=(int(axis.low), int(axis.high)) if axis.is_integer else (axis.low, axis.high),
        parameter_type="int" if axis.is_integer else "float",
        scaling="log" if axis.is_logarithmic else "linear",
    )


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return AxClient(study)
