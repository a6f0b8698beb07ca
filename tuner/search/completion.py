"""When a tuning job is complete before its limits. Source: API reference, TuningJobCompletionCriteria."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.metrics import Objective
from contracts.tuning import CompletionCriteria

#: A gain of less than this share of the best value is none. Source: BestObjectiveNotImproving.
LEAST_GAIN = 0.01


class Progress:
    """How far a search is from its completion criteria: final values are taken in one by one, as trials end.

    What once was complete stays so: trials that end afterwards, because they are stopped, change nothing.
    """

    def __init__(self, criteria: CompletionCriteria, objective: Objective) -> None:
        self._criteria = criteria
        self._objective = objective
        self._best: float | None = None
        self._most_in_a_row = 0
        self._has_reached_target = False
        #: How many trials in a row, up to the last, have not beaten the best before them by 1 %.
        self.not_improving = 0

    def take_in(self, value: float | None) -> None:
        """The next trial has ended with `value`, None for one without."""
        self.not_improving += 1
        if value is not None:
            best, objective, target = self._best, self._objective, self._criteria.target
            if best is None or objective.is_better(value, than=_enough(best, objective)):
                self.not_improving = 0
            if best is None or objective.is_better(value, than=best):
                self._best = value
            if target is not None and not objective.is_better(target, than=value):
                self._has_reached_target = True
        self._most_in_a_row = max(self._most_in_a_row, self.not_improving)

    @property
    def reason(self) -> str | None:
        """Why the job is complete, or None."""
        if self._has_reached_target:
            return f"a trial has reached the target {self._criteria.target:g}"
        most = self._criteria.most_not_improving
        if most is not None and self._most_in_a_row >= most:
            return f"{most} trials in a row have not improved the best value by 1 %"
        return None


def is_complete(criteria: CompletionCriteria, values: Sequence[float | None], objective: Objective) -> str | None:
    """Why the job is complete, or None.

    `values` are the final values of the trials that have ended, in the order in which they did, None for a trial
    without one.
    """
    return _progress(criteria, values, objective).reason


def not_yet_met(
    criteria: CompletionCriteria, values: Sequence[float | None], objective: Objective
) -> CompletionCriteria:
    """Those of `criteria` that `values` have not met; convergence is not told from values alone, and stays."""
    target, row = replace(criteria, most_not_improving=None), replace(criteria, target=None)
    return replace(
        criteria,
        target=None if is_complete(target, values, objective) else criteria.target,
        most_not_improving=None if is_complete(row, values, objective) else criteria.most_not_improving,
    )


def trials_not_improving(values: Sequence[float | None], objective: Objective) -> int:
    """How many trials in a row, up to the last of `values`, have not beaten the best before them by 1 %."""
    return _progress(CompletionCriteria(), values, objective).not_improving


def _progress(criteria: CompletionCriteria, values: Sequence[float | None], objective: Objective) -> Progress:
    progress = Progress(criteria, objective)
    for value in values:
        progress.take_in(value)
    return progress


def _enough(best: float, objective: Objective) -> float:
    """What a value has to beat to count as better than `best`."""
    gain = LEAST_GAIN * abs(best)
    return best + gain if objective.is_better(1.0, than=0.0) else best - gain
