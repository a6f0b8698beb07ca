"""Optuna: TPESampler and GPSampler with their defaults; failures are told as failed trials."""

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import Trial, TrialState, create_trial

from benchmarks.search.optimisers.study import Axis, Optimiser, Study, axes


class OptunaStudy:
    """A study in memory."""

    def __init__(self, sampler: BaseSampler, study: Study) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=sampler)
        self._axes = {axis.name: axis for axis in axes(study)}
        self._distributions = {name: distribution(axis) for name, axis in self._axes.items()}
        self._trials: dict[int, Trial] = {}

    def ask(self, trial: int) -> Mapping[str, str]:
        """Define and run: all parameters at once."""
        self._trials[trial] = self._study.ask(self._distributions)
        return {name: axis.text(self._trials[trial].params[name]) for name, axis in self._axes.items()}

    def tell(self, trial: int, value: float | None) -> None:
        """A value, or the state `FAIL`."""
        if value is None:
            self._study.tell(self._trials[trial], state=TrialState.FAIL)
        else:
            self._study.tell(self._trials[trial], value)

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:  # noqa: ARG002 - it numbers itself
        """A trial that is complete."""
        params = {name: axis.value(configuration[name]) for name, axis in self._axes.items()}
        self._study.add_trial(create_trial(params=params, distributions=self._distributions, value=value))


def distribution(axis: Axis) -> BaseDistribution:
    """The range in the words of Optuna."""
    if axis.texts:
        return CategoricalDistribution(axis.texts)
    if axis.is_integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.is_logarithmic)
    return FloatDistribution(axis.low, axis.high, log=axis.is_logarithmic)


def make(name: str, study: Study) -> Optimiser:
    """The sampler for a study."""
    sampler = TPESampler(seed=study.seed) if name == "optuna-tpe" else GPSampler(seed=study.seed)
    return OptunaStudy(sampler, study)
