"""When a tuning job is complete before its limits. Source: API reference, TuningJobCompletionCriteria."""

from collections.abc import Sequence

from contracts.metrics import Objective
from contracts.tuning import CompletionCriteria

#: A gain of less than this share of the best value is none. Source: BestObjectiveNotImproving.
LEAST_GAIN = 0.01


def is_complete(criteria: CompletionCriteria, values: Sequence[float | None], objective: Objective) -> str | None:
    """Why the job is complete, or None.

    `values` are the final values of the trials that have ended, in the order in which they did, None for a trial
    without one. What once was complete stays so: trials that end afterwards, because they are stopped, change nothing.
    """
    if criteria.target is not None:
        target = criteria.target
        if any(value is not None and not objective.is_better(target, than=value) for value in values):
            return f"a trial has reached the target {target:g}"
    most = criteria.most_not_improving
    if most is not None and max(_not_improving(values, objective), default=0) >= most:
        return f"{most} trials in a row have not improved the best value by 1 %"
    return None


def trials_not_improving(values: Sequence[float | None], objective: Objective) -> int:
    """How many trials in a row, up to the last of `values`, have not beaten the best before them by 1 %."""
    return next(reversed(_not_improving(values, objective)), 0)


def _not_improving(values: Sequence[float | None], objective: Objective) -> list[int]:
    """After each trial, how many in a row have not beaten the best before them by enough."""
    best: float | None = None
    count = 0
    counts = []
    for value in values:
        count += 1
        if value is not None:
            if best is None or objective.is_better(value, than=_enough(best, objective)):
                count = 0
            if best is None or objective.is_better(value, than=best):
                best = value
        counts.append(count)
    return counts


def _enough(best: float, objective: Objective) -> float:
    """What a value has to beat to count as better than `best`."""
    gain = LEAST_GAIN * abs(best)
    return best + gain if objective.is_better(1.0, than=0.0) else best - gain
