"""What a search knew when it suggested a trial, and why it did: worked out again from the store.

Strategies are functions of history and seed, so nothing of this is kept. What was known when trial i was suggested:

- the trials before it, by index: they are created one after the other, by the one process that holds the home's lock;
- of these, as ended, those whose `end_time` is not after the `creation_time` of i. The same process writes both, in the
  order in which it acts: it takes in what has ended, then it suggests, then it creates. So where a clock stands still,
  equal times mean "ended before". What a trial ended with does not change afterwards;
- the others as pending, of which a search sees no values, stopping ones among them: when a line of a log was taken in
  is not recorded, so a search that looked at it could not be followed.

Where what is suggested anew is not what the trial was given, the explanation would be of something else, and is not
made: another version of Algodock may have suggested it, or the machine's clock been set back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.jobs import SecondaryStatus
from tuner.forecasts import Forecasts
from tuner.search.explanation import Explanation, Knowledge, Origin, explain
from tuner.search.trials import Forecast
from tuner.store.records import TrainingJobRecord, TuningJobRecord, in_places
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials, Suggestions, as_trial

_ORIGINS = {"Random": Origin.RANDOM, "Grid": Origin.GRID}


def known_when_suggested(trial: TrainingJobRecord, trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
    """Those of a job's `trials` that were there when `trial` was suggested, as they were then."""
    assert trial.trial_index is not None
    return [
        other if other.end_time is not None and other.end_time <= trial.creation_time else _still_running(other)
        for other in trials
        if other.trial_index is not None and other.trial_index < trial.trial_index
    ]


def _still_running(trial: TrainingJobRecord) -> TrainingJobRecord:
    return replace(
        trial, status=SecondaryStatus.TRAINING, end_time=None, stop_reason=None, failure_reason="", metrics={}
    )


@dataclass(kw_only=True)
class Hindsight:
    """Explains the trials of one tuning job."""

    job: TuningJobRecord
    trials: Sequence[TrainingJobRecord]
    next_trials: NextTrials
    forecasts: Mapping[str, Forecast]
    _by_definition: dict[str | None, Suggestions] = field(init=False)

    def __post_init__(self) -> None:
        self._by_definition = {one.definition.name: one for one in self.next_trials.of_definitions}

    @classmethod
    def of(cls, store: Store, job: TuningJobRecord) -> "Hindsight":
        """That of a job as `store` knows it."""
        trials = store.trials(job.name)
        forecasts = Forecasts(store=store, job=job).of(trials)
        return cls(job=job, trials=trials, next_trials=NextTrials.of(store, job), forecasts=forecasts)

    def explanations(self) -> Iterator[Explanation]:
        """Of every trial, in the order of suggestion. Each takes about as long as two suggestions did."""
        return (self.explanation(trial) for trial in self.trials)

    def explanation(self, trial: TrainingJobRecord) -> Explanation:
        """Why one trial of the job was suggested."""
        known = known_when_suggested(trial, self.trials)
        definition = self.job.definition_of(trial)
        suggestions = self._by_definition[definition.name]
        origin, surrogate = _ORIGINS.get(self.job.suggesting), None
        then = replace(self.next_trials, job=self.job.as_of(trial.creation_time))
        again = then.next(known)
        known = in_places(known)
        if again is None or again.definition != definition or dict(again.tuned) != dict(trial.tuned):
            origin = Origin.UNKNOWN
        elif again.place <= len(known):
            origin = Origin.AGAIN
        elif suggestions.is_given(known, trial.tuned):
            origin = Origin.GIVEN
        elif origin is None:
            surrogate = suggestions.surrogate(known)
            origin = Origin.START if surrogate is None else Origin.MODEL
        return explain(
            as_trial(self.job, trial, self.forecasts.get(trial.name)),
            Knowledge.of(suggestions.own(known)),
            suggestions.goal,
            surrogate,
            origin=origin,
        )
