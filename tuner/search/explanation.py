"""Why a trial was suggested, and how good the search's predictions were before it saw the values. Pure.

One-step-ahead: a prediction of trial i uses only what was known when it was suggested. So how often the values lay in
the predicted intervals, and how far they were from the predicted means, is what the surrogate was worth, measured on
trials that it had not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp
from statistics import fmean, median

import numpy as np

from contracts.jobs import ObjectiveStatus
from contracts.search_extension import MetricConstraint, total_violation
from tuner.search.goal import Goal
from tuner.search.surrogate import INTERVAL, Surrogate
from tuner.search.trials import Trial

#: So many of the trials that a prediction rests on are told.
_TOLD_INFLUENCES = 3


class Origin(StrEnum):
    """Where a trial's configuration came from; AGAIN: from another that came to nothing, whose place it takes."""

    AGAIN = "again"
    GIVEN = "given"
    START = "start"
    MODEL = "model"
    RANDOM = "random"
    GRID = "grid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Influence:
    """How much of a prediction rests on one earlier trial: a share of 1. `value` is None for a trial that failed."""

    trial: int
    share: float
    value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expectation:
    """What the surrogate expected of a configuration, in the objective's units; see `Prediction` for the interval.

    `improvement` counts only as often as it was expected to keep the bounds of other metrics. It is None while no trial
    had kept them: what was looked for was one that does.
    """

    mean: float
    low: float
    high: float
    improvement: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """What a search knew when it suggested a trial: which trials had ended, and which were pending."""

    ended: tuple[Trial, ...]
    pending: tuple[Trial, ...]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> "Knowledge":
        """That of a search that is given `trials`."""
        return cls(
            ended=tuple(trial for trial in trials if trial.status is not ObjectiveStatus.PENDING),
            pending=tuple(trial for trial in trials if trial.status is ObjectiveStatus.PENDING),
        )

    def values(self, constraints: Sequence[MetricConstraint] = ()) -> list[float]:
        """The values of the trials that had ended with one and keep `constraints`."""
        return [
            trial.objective
            for trial in self.ended
            if trial.objective is not None
            and trial.status is ObjectiveStatus.SUCCEEDED
            and not total_violation(constraints, trial.metrics)
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why one trial was suggested.

    `ended` is how many trials had ended, `pending` are the indices of those that had not. `best` is the best value
    that was known (of trials that keep the bounds of other metrics) and `typical` the median of all; None where there
    was none. Where a surrogate chose, there are `influences`, the greatest first, and an `expectation`, unless two
    objectives were joined into one; and where metrics have bounds, `chance_of_keeping` them all. `value` is what the
    trial ended with since; None where it did not, or not yet; `breaks_bounds` says whether it broke one of the bounds.
    Of one that was `cut_short` it is not known what it would have come to, which is what was expected of it.
    """

    trial: int
    origin: Origin
    ended: int
    pending: tuple[int, ...]
    best: float | None
    typical: float | None
    expectation: Expectation | None
    influences: tuple[Influence, ...]
    value: float | None
    chance_of_keeping: float | None = None
    breaks_bounds: bool = False
    cut_short: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Foresight:
    """How good the predictions of `trials` were that were made before their values were known.

    `coverage` is the share of values that lay in their intervals, which is to be `expected_coverage`. `error` is the
    median absolute error of the predicted means, `typical_error` that of always predicting the median of what was
    known. `rank_correlation` (Spearman's) says whether the better ones were told from the worse; None where either side
    is constant, or fewer than three were predicted.
    """

    trials: int
    coverage: float
    error: float
    typical_error: float
    rank_correlation: float | None
    expected_coverage: float = INTERVAL


def explain(
    trial: Trial, knowledge: Knowledge, goal: Goal, surrogate: Surrogate | None, *, origin: Origin
) -> Explanation:
    """Why `trial` was suggested when `knowledge` was all there was, by `surrogate` if one chose it."""
    known, feasible = knowledge.values(), knowledge.values(goal.metric_constraints)
    has_value = trial.status is ObjectiveStatus.SUCCEEDED
    best = min(feasible, key=lambda value: goal.sign * value) if feasible else None
    is_bounded = len(goal.metric_constraints) > 0
    return Explanation(
        trial=trial.index,
        origin=origin,
        ended=len(knowledge.ended),
        pending=tuple(other.index for other in knowledge.pending),
        best=best,
        typical=median(known) if known else None,
        expectation=None
        if surrogate is None or goal.second is not None
        else _expectation(trial, surrogate, has_best=best is not None or not is_bounded),
        influences=() if surrogate is None else _influences(trial, knowledge, surrogate),
        value=trial.objective if has_value else None,
        chance_of_keeping=float(surrogate.chance_of_keeping([trial.configuration])[0])
        if surrogate is not None and is_bounded
        else None,
        breaks_bounds=has_value and total_violation(goal.metric_constraints, trial.metrics) > 0,
        cut_short=trial.forecast is not None,
    )


def foresight(explanations: Sequence[Explanation]) -> Foresight | None:
    """How good the predictions in `explanations` were; None while no predicted trial has ended with a value."""
    predicted = [
        (one.expectation, one.typical, one.value)
        for one in explanations
        if one.expectation is not None and one.typical is not None and one.value is not None
        if not one.cut_short
    ]
    if not predicted:
        return None
    return Foresight(
        trials=len(predicted),
        coverage=fmean(expected.low <= value <= expected.high for expected, _, value in predicted),
        error=median(abs(value - expected.mean) for expected, _, value in predicted),
        typical_error=median(abs(value - typical) for _, typical, value in predicted),
        rank_correlation=rank_correlation(
            [expected.mean for expected, _, _ in predicted], [value for _, _, value in predicted]
        ),
    )


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's: that of the ranks, equal values sharing theirs. None for fewer than three pairs, or constants."""
    if len(a) < 3:  # noqa: PLR2004 - two pairs agree or not, which says nothing
        return None
    first, second = _ranks(a), _ranks(b)
    if not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray[tuple[int], np.dtype[np.float64]] = (last - (counts - 1) / 2)[places]
    return ranks


def _expectation(trial: Trial, surrogate: Surrogate, *, has_best: bool) -> Expectation:
    predicted = surrogate.predict([trial.configuration])
    return Expectation(
        mean=float(predicted.mean[0]),
        low=float(predicted.low[0]),
        high=float(predicted.high[0]),
        improvement=exp(float(surrogate.log_expected_improvement([trial.configuration])[0])) if has_best else None,
    )


def _influences(trial: Trial, knowledge: Knowledge, surrogate: Surrogate) -> tuple[Influence, ...]:
    shares = surrogate.influence(trial.configuration)
    greatest_first = np.argsort(-shares, kind="stable")[:_TOLD_INFLUENCES]
    told = [(knowledge.ended[place], float(shares[place])) for place in greatest_first]
    return tuple(
        Influence(
            trial=other.index,
            share=share,
            value=other.objective if other.status is ObjectiveStatus.SUCCEEDED else None,
        )
        for other, share in told
    )
