"""What a tuning job's trials that were stopped would have come to: `search.comparable` for its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.definitions import TrainingDefinition
from contracts.jobs import ObjectiveStatus, StopReason
from tuner.search.comparable import Run, forecasts
from tuner.search.trials import Forecast
from tuner.store.derived import Derived
from tuner.store.records import TrainingJobRecord, TuningJobRecord
from tuner.store.sqlite_store import Store

#: Whoever asked for a stop, the trial would have gone on. A trial that ran into a limit of its own had all it may have.
_BEFORE_THE_END = frozenset({StopReason.EARLY_STOPPING, StopReason.USER, StopReason.TUNING_JOB})


@dataclass(kw_only=True)
class Forecasts:
    """Forecasts trials of one tuning job, from what those that had ended have reported.

    What a trial has reported is read once, when it is first needed: one that has ended reports nothing more.
    """

    store: Store
    job: TuningJobRecord
    _reports: dict[str, dict[str, Sequence[float]]] = field(default_factory=dict, init=False)
    _was_stopped: dict[str | None, Derived[bool]] = field(init=False)  # with a value, by definition

    def __post_init__(self) -> None:
        self._was_stopped = {definition.name: Derived(self._is_stopped) for definition in self.job.spec.definitions}

    def of(self, trials: Sequence[TrainingJobRecord]) -> Mapping[str, Forecast]:
        """By name, what those of `trials` would have come to that were stopped with a value; nothing of the others.

        Trials are compared within their definitions: other algorithms learn at another pace, or print another metric.
        """
        found: dict[str, Forecast] = {}
        for definition in self.job.spec.definitions:
            own = trials
            if len(self.job.spec.definitions) > 1:
                own = [trial for trial in trials if self.job.definition_of(trial) == definition]
            found |= self._within(definition, own)
        return found

    def _within(self, definition: TrainingDefinition, trials: Sequence[TrainingJobRecord]) -> Mapping[str, Forecast]:
        if True not in self._was_stopped[definition.name].of(trials):
            return {}
        ended = [trial for trial in trials if self._has_value(trial)]
        reported = self._reported(definition.objective.metric_name, ended)
        runs = {}
        for trial in ended:
            values = reported.get(trial.name, [])
            runs[trial.name] = Run(values=values, is_cut_short=_is_cut_short(definition, trial, len(values)))
        return forecasts(runs, definition.objective.type)

    def _is_stopped(self, trial: TrainingJobRecord) -> bool:
        return trial.stop_reason in _BEFORE_THE_END and self._has_value(trial)

    def _has_value(self, trial: TrainingJobRecord) -> bool:
        return self.job.objective_status_of(trial) is ObjectiveStatus.SUCCEEDED

    def _reported(self, metric: str, ended: Sequence[TrainingJobRecord]) -> Mapping[str, Sequence[float]]:
        known = self._reports.setdefault(metric, {})
        fresh = [trial.name for trial in ended if trial.name not in known]
        if fresh:
            found = self.store.reported(self.job.name, metric, fresh if known else None)
            known |= {name: [value for _, value in found.get(name, ())] for name in fresh}
        return known


def _is_cut_short(definition: TrainingDefinition, trial: TrainingJobRecord, epochs: int) -> bool:
    """Not so when Hyperband has given it all of the resource: then it is stopped too."""
    band = definition.hyperband
    return trial.stop_reason in _BEFORE_THE_END and (band is None or epochs < band.most)
