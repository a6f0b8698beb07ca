"""Open Source Vizier: its default designer, GP-UCB-PE, told of running trials and of infeasible ones."""

from collections.abc import Mapping

import jax
from vizier import algorithms, pyvizier
from vizier.algorithms.designers import VizierGPUCBPEBandit

from benchmarks.search.optimisers.study import Axis, Optimiser, Study, axes


class VizierDesigner:
    """Suggest and update."""

    def __init__(self, study: Study) -> None:
        self._axes = axes(study)
        self._trials: dict[int, pyvizier.Trial] = {}
        self._news: list[pyvizier.Trial] = []
        problem = pyvizier.ProblemStatement()
        for axis in self._axes:
            _add(problem.search_space.root, axis)
        problem.metric_information.append(
            pyvizier.MetricInformation("loss", goal=pyvizier.ObjectiveMetricGoal.MINIMIZE)
        )
        self._designer = VizierGPUCBPEBandit(problem, rng=jax.random.PRNGKey(study.seed))

    def ask(self, trial: int) -> Mapping[str, str]:
        """Its suggestion."""
        running = [one for one in self._trials.values() if one.status is pyvizier.TrialStatus.ACTIVE]
        self._designer.update(algorithms.CompletedTrials(self._news), algorithms.ActiveTrials(running))
        self._news = []
        suggestion = self._designer.suggest(1)[0]
        self._trials[trial] = suggestion.to_trial(trial)
        values = suggestion.parameters.as_dict()
        return {axis.name: axis.text(values[axis.name]) for axis in self._axes}

    def tell(self, trial: int, value: float | None) -> None:
        """A measurement, or infeasible."""
        if value is None:
            self._trials[trial].complete(pyvizier.Measurement(), infeasibility_reason="failed")
        else:
            self._trials[trial].complete(pyvizier.Measurement(metrics={"loss": value}))
        self._news.append(self._trials[trial])

    def add(self, trial: int, configuration: Mapping[str, str], value: float) -> None:
        """A trial that is complete."""
        values = {axis.name: axis.value(configuration[axis.name]) for axis in self._axes}
        self._trials[trial] = pyvizier.Trial(id=trial, parameters=values)
        self.tell(trial, value)


def _add(root: pyvizier.SearchSpaceSelector, axis: Axis) -> None:
    scale = pyvizier.ScaleType.LOG if axis.is_logarithmic else pyvizier.ScaleType.LINEAR
    if axis.texts:
        root.add_categorical_param(axis.name, list(axis.texts))
    elif axis.is_integer:
        root.add_int_param(axis.name, int(axis.low), int(axis.high), scale_type=scale)
    else:
        root.add_float_param(axis.name, axis.low, axis.high, scale_type=scale)


def make(name: str, study: Study) -> Optimiser:  # noqa: ARG001 - every module's function has the same shape
    """The optimiser for a study."""
    return VizierDesigner(study)
