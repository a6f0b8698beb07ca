"""What a Bayesian search has to go by: the values of trials, made fit for a Gaussian process. Pure.

Values are warped against outliers and failures as in Google Vizier (Song et al., arXiv 2408.11527, "half-rank").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from contracts.jobs import ObjectiveStatus
from tuner.search.embedding import Embedding
from tuner.search.gaussian_process import Observations
from tuner.search.goal import Goal
from tuner.search.keeping import BoundedMetric
from tuner.search.prior import Model
from tuner.search.trials import Parent, Trial
from tuner.search.warping import FloatArray

#: Of each parent, so many of the best trials and so many of the others are taken: more cost more than they tell.
_BEST_OF_PARENT, _OTHERS_OF_PARENT = 50, 50
#: So many own values tell as much of how far values are apart as a parent's do.
_OWN_SPREAD = 4
#: The logarithm of how far from the own spread a parent's may put it: it may have been measured in other units.
_MOST_AWAY = math.log(10)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known when a trial is to be suggested.

    `ended` are this job's trials that have ended and `values` (n,) what they gave, to be made small, infinite for a
    failure. `observations` has the warped values of those that did not fail, this job's first, and `told` (m,) the same
    not warped; None where there are fewer than a model needs to say more than the distances between points do.
    `outcomes` has 1 for every failure and -1 for every other trial; None where none has failed.

    `violations` (n,) are by how much the ended trials break the bounds of metrics; 0 where there are none. `bounded`
    are the metrics that have them, observed where the values are, and `kept` (m,) is which of these trials keep all.
    """

    ended: Sequence[Trial]
    values: FloatArray
    observations: Observations | None
    told: FloatArray
    outcomes: Observations | None
    violations: FloatArray
    kept: NDArray[np.bool_]
    bounded: Sequence[BoundedMetric] = ()

    @property
    def best_first(self) -> list[Trial]:
        """The ended trials from the best to the worst: those that keep all bounds, then by how much they break them."""
        failed = np.isinf(self.values)
        return [self.ended[place] for place in np.lexsort((self.values, self.violations, failed))]


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Trials that count alike, with the values that they gave."""

    trials: Sequence[Trial]
    values: FloatArray

    @property
    def known(self) -> "_Source":
        places = np.flatnonzero(np.isfinite(self.values))
        return _Source(trials=[self.trials[int(place)] for place in places], values=self.values[places])

    @property
    def doubts(self) -> FloatArray:
        return np.array([trial.forecast.doubt if trial.forecast else 0.0 for trial in self.trials], dtype=float)


def gathered(
    embedding: Embedding,
    goal: Goal,
    trials: Sequence[Trial],
    parents: Sequence[Parent],
    generator: np.random.Generator,
    *,
    fewest: int,
) -> Evidence:
    """What `trials` and `parents` tell; no observations where there are fewer than `fewest` values."""
    ended = [trial for trial in trials if trial.status is not ObjectiveStatus.PENDING]
    # All values in one call: where two objectives are joined into one, each call draws how.
    everything = goal.values([*ended, *(trial for parent in parents for trial in parent.trials)], generator)
    values, rest = everything[: len(ended)], everything[len(ended) :]
    own, related = _Source(trials=ended, values=values), []
    for parent in parents:
        theirs = _some(_Source(trials=parent.trials, values=rest[: len(parent.trials)]))
        rest = rest[len(parent.trials) :]
        if parent.is_identical:
            trials_of_both = [*own.trials, *theirs.trials]
            own = _Source(trials=trials_of_both, values=np.concatenate([own.values, theirs.values]))
        elif np.isfinite(theirs.values).any():
            related.append(theirs)
    sources = [own.known, *(source.known for source in related)]
    told = np.concatenate([source.values for source in sources])
    violations = goal.violations(ended)
    known = [trial for source in sources for trial in source.trials]
    kept = goal.violations(known) == 0
    if len(told) < fewest:
        return Evidence(
            ended=ended, values=values, observations=None, told=told, outcomes=None, violations=violations, kept=kept
        )
    spreads = [spread for source in sources[1:] if math.isfinite(spread := _log_spread(source.values))]
    ys = [warped(sources[0].values, spreads), *(warped(source.values) for source in sources[1:])]
    doubts = np.concatenate([source.doubts for source in sources])
    failed = np.isinf(own.values)
    observations = _observations(embedding, sources, np.concatenate(ys), doubts)
    return Evidence(
        ended=ended,
        values=values,
        observations=observations,
        told=told,
        outcomes=_observations(embedding, [own], np.where(failed, 1.0, -1.0)) if failed.any() else None,
        violations=violations,
        kept=kept,
        bounded=[
            BoundedMetric.of(observations, np.array([trial.metrics[one.metric_name] for trial in known]), one)
            for one in goal.metric_constraints
        ],
    )


def _observations(
    embedding: Embedding, sources: Sequence[_Source], y: FloatArray, doubts: FloatArray | float = 0.0
) -> Observations:
    return Observations(
        model=Model(coordinates=embedding.coordinates, parents=len(sources) - 1),
        X=embedding.embed_configurations([trial.configuration for source in sources for trial in source.trials]),
        y=y,
        tasks=np.repeat(np.arange(len(sources)), [len(source.trials) for source in sources]),
        doubts=doubts,
    )


def warped(values: FloatArray, log_spreads: Sequence[float] = ()) -> FloatArray:
    """Values to be made small, infinite ones included, made fit for a Gaussian process: (n,) -> (n,), standardised.

    The better half stays as it is. The worse half keeps only its order: it is laid out like the worse half of a normal
    distribution as wide as the better half. So a run that diverged to 1e30, or failed, is bad, and not the scale of
    everything. `log_spreads` are the logarithms of how far values were apart in related jobs: where there are only a
    few values, theirs counts more than their own.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    laid_out, largest = _laid_out(values, known)
    centred: FloatArray = laid_out - laid_out.mean()
    spread = float(centred.std())
    if spread <= 0:
        return centred
    if len(log_spreads):
        away = float(np.mean(log_spreads)) - math.log(largest) - math.log(spread)
        spread *= math.exp(max(-_MOST_AWAY, min(away, _MOST_AWAY)) * _OWN_SPREAD / (int(known.sum()) + _OWN_SPREAD))
    return centred / spread


def _log_spread(values: FloatArray) -> float:
    laid_out, largest = _laid_out(values, np.isfinite(values))
    spread = float(laid_out.std())
    return math.log(spread) + math.log(largest) if spread > 0 else -math.inf


def _laid_out(values: FloatArray, known: NDArray[np.bool_]) -> tuple[FloatArray, float]:
    """Half ranked values in units of the largest, and the largest; of which at least one is `known`."""
    largest = float(np.abs(values[known]).max()) or 1.0
    values = values / largest  # the square of 1e200 is no number that a computer has, nor is the sum of two 1e308
    finite = values[known]
    median = float(np.median(finite))
    laid_out = values.copy()
    is_worse = values > median
    better = finite[finite <= median] - median
    span = float(np.abs(better).max())
    width = span * float(np.sqrt(np.mean((better / span) ** 2))) if span else 1.0
    places = np.argsort(np.argsort(values[is_worse], kind="stable"), kind="stable")
    for value in np.unique(values[is_worse]):  # equal values are equally bad
        same = values[is_worse] == value
        places[same] = int(places[same].mean())
    laid_out[is_worse] = median + width * ndtri(0.5 + 0.5 * (places + 0.5) / max(len(places), 1))
    return laid_out, largest


def _some(source: _Source) -> _Source:
    """The best and some of the others, spread evenly over their order."""
    order = np.argsort(source.values, kind="stable")
    best, others = order[:_BEST_OF_PARENT], order[_BEST_OF_PARENT:]
    if len(others) > _OTHERS_OF_PARENT:
        others = others[np.linspace(0, len(others) - 1, _OTHERS_OF_PARENT).astype(int)]
    kept = np.sort(np.concatenate([best, others]))
    return _Source(trials=[source.trials[int(place)] for place in kept], values=source.values[kept])
