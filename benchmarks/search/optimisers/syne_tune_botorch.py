"""Syne Tune: its searcher over BoTorch with its defaults. It keeps account of running and failed trials itself."""

from collections.abc import Mapping
from typing import Any

import torch
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.schedulers.searchers.botorch.botorch_searcher import BoTorchSearcher

from benchmarks.search.optimisers.study import Axis, Optimiser, Study, axes


class SyneTuneSearcher:
    """The searcher, without the scheduler that would start trials."""

    def __init__(self, study: Study) -> None:
        torch.set_num_threads(1)
        self._axes = axes(study)
        self._asked: dict[int, dict[str, Any]] = {}
        self._searcher = BoTorchSearcher({axis.name: _domain(axis) for axis in self._axes}, random_seed=study.seed)

    def ask(self, trial: int) -> Mapping[str, str]:
        """Its suggestion."""
        suggested = self._searcher.suggest()
        if suggested is None:
            raise ValueError("nothing was suggested")
        self._asked[trial] = suggested
        return {axis.name: axis.text(suggested[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """A value, or a failure. It numbers trials from 0 in the order of asking."""
        if value is None:
            self._searcher.evaluation_failed(trial - 1)
        else:
            self._searcher.on_trial_complete(trial - 1, self._asked[trial], value)

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """A trial of its account, as if it had been suggested."""
        point = {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}
        self._searcher.trial_configs[trial - 1] = point
        self._searcher.on_trial_complete(trial - 1, point, value)


def _domain(axis: Axis) -> Any:
    if axis.texts:
        return choice(list(axis.texts))
    if axis.is_integer:
        return (lograndint if axis.is_logarithmic else randint)(int(axis.low), int(axis.high))
    return (loguniform if axis.is_logarithmic else uniform)(axis.low, axis.high)


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return SyneTuneSearcher(study)
