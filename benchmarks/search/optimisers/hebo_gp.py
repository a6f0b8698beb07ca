"""HEBO with its defaults. What it was told of running trials is taken back after the suggestion."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from benchmarks.search.optimisers.study import Axis, Optimiser, Points, Study, axes


class HeboOptimizer:
    """Suggest and observe, the observations given anew before every suggestion."""

    def __init__(self, study: Study) -> None:
        np.random.seed(study.seed)  # noqa: NPY002 - that is what the library draws from
        torch.manual_seed(study.seed)
        torch.set_num_threads(1)
        self._axes = axes(study)
        self._points = Points()
        self._hebo = HEBO(DesignSpace().parse([_parameter(axis) for axis in self._axes]), scramble_seed=study.seed)

    def ask(self, trial: int) -> Mapping[str, str]:
        """Its suggestion."""
        points, values = self._points.with_liars()
        self._hebo.X = pd.DataFrame(columns=self._hebo.space.para_names)
        self._hebo.y = np.zeros((0, 1))
        if values:
            self._hebo.observe(pd.DataFrame(points), np.array(values)[:, None])
        suggested: dict[str, Any] = self._hebo.suggest(n_suggestions=1).iloc[0].to_dict()
        self._points.points[trial] = suggested
        return {axis.name: axis.text(suggested[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """Kept until the next suggestion."""
        self._points.given[trial] = value

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """Kept until the next suggestion."""
        self._points.add(trial, {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}, value)


def _parameter(axis: Axis) -> dict[str, Any]:
    if axis.texts:
        return {"name": axis.name, "type": "cat", "categories": list(axis.texts)}
    bounds = {"name": axis.name, "lb": axis.low, "ub": axis.high}
    if axis.is_integer:
        whole = {"lb": math.floor(axis.low), "ub": math.floor(axis.high)}
        return {**bounds, **whole, "type": "pow_int" if axis.is_logarithmic else "int"}
    return {**bounds, "type": "pow" if axis.is_logarithmic else "num"}


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return HeboOptimizer(study)
