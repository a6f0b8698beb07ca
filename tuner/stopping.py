"""Early stopping of a tuning job's trials: from its records to the rules, and what others would have done.

What is decided is a function of what the store holds: which trial reported what and when, and which came to its end by
itself. So another process that looks later decides the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.definitions import TrainingDefinition
from contracts.early_stopping import ForecastStopping
from contracts.tuning import Hyperband
from tuner.search.early_stopping import Report
from tuner.search.learning_curves import Course
from tuner.search.stopping_report import Rule, WouldHave, forecast_rule, hyperband_rule, median_rule, would_have
from tuner.store.records import TrainingJobRecord, TuningJobRecord, in_places
from tuner.store.sqlite_store import Store

#: The rules that a report compares, in its order.
MEDIAN, HYPERBAND, FORECAST = "median rule", "Hyperband", "forecast"


def rule_of(job: TuningJobRecord, definition: TrainingDefinition) -> Rule | None:
    """The rule that stops trials of `definition`; None where none does, as in shadow mode."""
    forecast = job.search.early_stopping
    if definition.hyperband is not None:
        return hyperband_rule(definition.hyperband, definition.objective)
    if job.spec.stops_early:
        return median_rule(definition.objective)
    if forecast is not None and not forecast.shadow:
        return forecast_rule(forecast, definition.objective)
    return None


def places_of(
    job: TuningJobRecord, definition: TrainingDefinition, trials: Sequence[TrainingJobRecord]
) -> dict[str, int]:
    """The place of each of `trials` of `definition` among those of it, from 1, by the trial's name.

    One whose place another has taken has none. Values are compared within a definition: other algorithms learn at
    another pace, or print another metric.
    """
    own = in_places(trials)
    if len(job.spec.definitions) > 1:
        own = [trial for trial in own if job.definition_of(trial) == definition]
    return {trial.name: place for place, trial in enumerate(own, start=1)}


class Courses:
    """What the trials of a tuning job have reported. One that has ended reports nothing more, so it is read once."""

    def __init__(self, store: Store, job: TuningJobRecord) -> None:
        self._store = store
        self._job = job
        self._ended: dict[str, dict[str, Course | None]] = {}  # by the names of their metric and of the trial

    def of(self, definition: TrainingDefinition, trials: Sequence[TrainingJobRecord]) -> dict[int, Course]:
        """Those of `trials` of `definition`, by place; without the trials that have reported nothing."""
        ended = self._ended.setdefault(definition.objective.metric_name, {})
        fresh = [trial for trial in trials if trial.name not in ended]
        read = self._read(definition.objective.metric_name, fresh)
        ended |= {trial.name: read[trial.name] for trial in fresh if trial.is_finished}
        places = places_of(self._job, definition, trials)
        found = {**ended, **read}.items()
        return {places[name]: course for name, course in found if course is not None and name in places}

    def _read(self, metric: str, trials: Sequence[TrainingJobRecord]) -> dict[str, Course | None]:
        """What the store has of `trials`: at first of all at once, later of the few that are new or go on."""
        names = [trial.name for trial in trials] if self._ended[metric] else None
        reported = self._store.reported(self._job.name, metric, names)
        return {
            trial.name: Course(
                curve=[Report(time, value) for time, value in reported[trial.name]],
                finished=_finished(self._job, trial),
            )
            if trial.name in reported
            else None
            for trial in trials
        }


def _finished(job: TuningJobRecord, trial: TrainingJobRecord) -> float | None:
    """When a trial's containers came to a good end that nobody had asked for.

    That is known once they have exited, before the model is packed. One that breaks the bound of a metric is no bar for
    others: they may become the best with a worse value.
    """
    if trial.exit_code != 0 or trial.stop_reason is not None or job.violation_of(trial) > 0:
        return None
    return trial.training_end_time


@dataclass(frozen=True, kw_only=True, slots=True)
class StoppingReport:
    """What each rule would have done to the trials of one definition, by the rule's name.

    `trials` are those that have reported a value, by place; `cut_short` are those of them that were stopped while the
    job ran: what they would have come to is not known, and no rule can be blamed or praised for them.
    """

    definition: TrainingDefinition
    trials: Mapping[int, TrainingJobRecord]
    cut_short: int
    rules: Mapping[str, WouldHave]


def stopping_report(
    store: Store, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]
) -> tuple[StoppingReport, ...]:
    """What the median rule, Hyperband and the forecast would have done to `trials`, a report a definition.

    Hyperband with the resource that the job names; else from one epoch to as many as the longest trial had. The
    forecast as the job's search file asks for it; else as it is asked for without further words.
    """
    reports, all_courses = [], Courses(store, job)
    for definition in job.spec.definitions:
        courses = all_courses.of(definition, trials)
        longest = max((len(course.curve) for course in courses.values()), default=1)
        objective = definition.objective
        rules = {
            MEDIAN: median_rule(objective),
            HYPERBAND: hyperband_rule(definition.hyperband or Hyperband(least=1, most=longest), objective),
            FORECAST: forecast_rule(job.search.early_stopping or ForecastStopping(), objective),
        }
        places = places_of(job, definition, trials)
        own = {places[trial.name]: trial for trial in trials if places.get(trial.name) in courses}
        reports.append(
            StoppingReport(
                definition=definition,
                trials=own,
                cut_short=sum(trial.stop_reason is not None for trial in own.values()),
                rules={name: would_have(courses, rule, objective) for name, rule in rules.items()},
            )
        )
    return tuple(reports)


def shadow_of(store: Store, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> WouldHave | None:
    """What the forecast would have done so far, by trial, to a job that asks for it in shadow mode; else None."""
    forecast = job.search.early_stopping
    if forecast is None or not forecast.shadow:
        return None
    (definition,) = job.spec.definitions  # a search file is for such jobs; so places are those of the search
    courses = Courses(store, job).of(definition, trials)
    return would_have(courses, forecast_rule(forecast, definition.objective), definition.objective)
