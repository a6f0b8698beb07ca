"""Which of several definitions gets the next trial: a bandit whose reward is the best value at the end. Pure.

Each definition gets a few first trials in turn. Then the next trial goes where

    reward of its best value + (0.5 ln t / n) ** 2

is greatest, t being the number of all trials and n that of the definition's own, running and failed ones counted. The
reward of a value is 1 for the best of all definitions, 0 for the median of all. So most trials go where the best values
are, and a definition with few trials is asked again now and then, the sooner the less it lags behind. The scale is
that of the better half of the values, which runs that diverged do not stretch.

Source: MaxUCB, Rezaei Balef, Vernade and Eggensperger, "Put CASH on Bandits: A Max K-Armed Problem for Automated
Machine Learning" (NeurIPS 2025, arXiv 2505.05226), with their factor of 0.5. Theirs scales rewards by known bounds of
the metric, which nobody tells us. What the service does is not published. How it does by simulation: ADR 0027.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: How much a definition's chances are raised for what is not known of it. Source: MaxUCB.
_EXPLORATION = 0.5
#: So many trials each definition gets before any is preferred, if that takes no more than half of all.
_FIRST_TRIALS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What is known of one definition.

    `values` are, by trial that has ended, what is to be made small, infinite for one that failed; `pending` is the
    number of trials that are still running.
    """

    values: Sequence[float]
    pending: int

    @property
    def trials(self) -> int:
        """How many trials there have been."""
        return len(self.values) + self.pending


def preferences(histories: Sequence[History], most_trials: int | None) -> list[int]:
    """The places of the definitions in `histories`, the one that should get the next trial first.

    `most_trials` is how many there may be in all, None where that is not limited.
    """
    least = min(history.trials for history in histories)
    finite = [value for history in histories for value in history.values if math.isfinite(value)]
    if least < _first_trials(len(histories), most_trials) or not finite:
        return sorted(range(len(histories)), key=lambda place: histories[place].trials)
    best, middle = min(finite), median(finite)
    total = sum(history.trials for history in histories)

    def promise(place: int) -> float:
        history = histories[place]
        reward = _reward(min(history.values, default=math.inf), best, middle)
        return reward + (_EXPLORATION * math.log(total) / history.trials) ** 2

    return sorted(range(len(histories)), key=lambda place: (-promise(place), histories[place].trials))


def _first_trials(definitions: int, most_trials: int | None) -> int:
    return _FIRST_TRIALS if most_trials is None else max(1, min(_FIRST_TRIALS, most_trials // (2 * definitions)))


def _reward(value: float, best: float, middle: float) -> float:
    """1 for the best value, 0 for the middle one and for all that are worse."""
    if value <= best:
        return 1.0
    # Halved first: the distance of two huge values is no number that a computer has.
    width = middle / 2 - best / 2
    return max((middle / 2 - value / 2) / width, 0.0) if value < middle else 0.0
