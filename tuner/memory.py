"""What a controller keeps of a tuning job from one step to the next, so that no step turns over all of its trials.

All of it follows from the store: it is made anew by each process, and wherever it does not fit what the store says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from contracts.tuning import CompletionCriteria
from tuner.outlook import Outlook
from tuner.search.completion import Progress, not_yet_met
from tuner.store.parents import parent_jobs
from tuner.store.records import TrainingJobRecord, TuningJobRecord, in_order_of_ending, values_as_they_came
from tuner.store.sqlite_store import Store
from tuner.suggestions import NextTrials


class TuningMemory:
    """What has been made of the trials of `job` that have ended: each is taken in once, in the order of ending.

    It is complete by `criteria`: see `criteria_of`.

    Trials are handed over by index, so that those of one call stand where they stood at the last, and new ones behind.
    """

    def __init__(self, job: TuningJobRecord, criteria: CompletionCriteria) -> None:
        self.job = job
        self.criteria = criteria
        self.lost = 0  # how many were lost to the infrastructure
        self._count = 0
        self._ended = 0
        self._going_on: list[int] = []  # where those stand that had not ended
        self._last = (float("-inf"), 0)
        self._next_trials: NextTrials | None = None
        self._parents: list[TuningJobRecord] = []
        self.outlook = Outlook(job)
        # Whichever definition's objective: all have the same direction.
        self.progress = Progress(criteria, job.spec.definitions[0].objective)

    def __len__(self) -> int:
        """How many trials have ended and been taken in; those that came to nothing are left out."""
        return self._ended

    def fits(self, job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> bool:
        """Whether what has ended since is all later than what was taken in. Not so where a clock was set back."""
        return (
            self.job.request == job.request
            and self.job.extension == job.extension
            and self.job.more_trials == job.more_trials
            and all(_end(trial) > self._last for trial in in_order_of_ending(job, self._fresh(trials)))
        )

    def running(self, trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
        """Those of `trials` that have not ended, after all have been taken in."""
        return [trials[position] for position in self._going_on]

    def take_in(self, trials: Sequence[TrainingJobRecord]) -> Iterator[int]:
        """Take in those of `trials` that are new, and tell after each that has ended how many have been taken in."""
        fresh = self._fresh(trials)
        self._going_on = [position for position in self._positions(trials) if trials[position].end_time is None]
        self._count = len(trials)
        self.lost += sum(trial.is_lost for trial in fresh)
        for trial in in_order_of_ending(self.job, fresh):
            self._ended += 1
            self._last = _end(trial)
            self.outlook.take_in(trial)
            self.progress.take_in(self.job.counted_value_of(trial))
            yield self._ended

    def next_trials(self, store: Store) -> NextTrials:
        """What suggests trials; made anew where a parent has come, gone, or been given more trials."""
        parents = parent_jobs(store, self.job)
        if self._next_trials is None or self._parents != parents:
            self._next_trials, self._parents = NextTrials.of(store, self.job), parents
        return self._next_trials

    def _fresh(self, trials: Sequence[TrainingJobRecord]) -> list[TrainingJobRecord]:
        return [trials[position] for position in self._positions(trials)]

    def _positions(self, trials: Sequence[TrainingJobRecord]) -> list[int]:
        """Where those of `trials` stand that may have ended since the last time."""
        return [*self._going_on, *range(self._count, len(trials))]


def criteria_of(job: TuningJobRecord, trials: Sequence[TrainingJobRecord]) -> CompletionCriteria:
    """What a tuning job is complete by. What was met before it was given more trials has said what it can."""
    criteria, objective = job.spec.completion, job.spec.definitions[0].objective
    if not job.more_trials or criteria == CompletionCriteria():
        return criteria
    before = [trial for trial in trials if trial.end_time is not None and trial.end_time <= job.begun_time]
    converged = job.convergence_detected_time
    return replace(
        not_yet_met(criteria, values_as_they_came(job, before), objective),
        on_convergence=criteria.on_convergence and (converged is None or converged > job.begun_time),
    )


def _end(trial: TrainingJobRecord) -> tuple[float, int]:
    """Its place in the order of ending."""
    return trial.end_time or 0.0, trial.trial_index or 0
