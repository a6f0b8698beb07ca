"""SMAC3: its facade for hyperparameters, a random forest; a failure is told as the worst value so far."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from ConfigSpace.hyperparameters import Hyperparameter
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.search.optimisers.study import Axis, Optimiser, Points, Study, axes


class SmacFacade:
    """Ask and tell of the facade, whose files go to a folder that is deleted."""

    def __init__(self, study: Study) -> None:
        self._axes = axes(study)
        self._folder = tempfile.TemporaryDirectory()
        self._points = Points()
        self._asked: dict[int, TrialInfo] = {}
        self._seed = 0
        self._space = ConfigurationSpace(seed=study.seed)
        self._space.add([hyperparameter(axis) for axis in self._axes])
        self._facade = HyperparameterOptimizationFacade(
            Scenario(
                self._space,
                n_trials=study.trials,
                deterministic=True,
                seed=study.seed,
                output_directory=Path(self._folder.name),
            ),
            _never_called,
            overwrite=True,
            logging_level=False,
        )

    def ask(self, trial: int) -> Mapping[str, str]:
        """The facade's."""
        self._asked[trial] = self._facade.ask()
        self._points.points[trial] = None
        configuration = dict(self._asked[trial].config)
        return {axis.name: axis.text(configuration[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """The cost."""
        self._points.given[trial] = value
        _, values = self._points.complete()
        cost = value if value is not None else max(values, default=1.0)
        self._facade.tell(self._asked[trial], TrialValue(cost=cost))

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:  # noqa: ARG002 - it numbers itself
        """A trial that was not asked for."""
        values = {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}
        self._facade.tell(TrialInfo(Configuration(self._space, values=values), seed=self._seed), TrialValue(cost=value))


def _never_called(configuration: Configuration, seed: int = 0) -> float:
    raise NotImplementedError(f"trials are asked for and told: {configuration}, {seed}")


def hyperparameter(axis: Axis) -> Hyperparameter:
    """A range in ConfigSpace's words."""
    if axis.texts:
        return Categorical(axis.name, list(axis.texts))
    if axis.is_integer:
        return Integer(axis.name, (int(axis.low), int(axis.high)), log=axis.is_logarithmic)
    return Float(axis.name, (axis.low, axis.high), log=axis.is_logarithmic)


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return SmacFacade(study)
