"""Bayesian search: a Gaussian process of the objective, and the configuration that is expected to improve on it most.

What it takes from where: `evidence` makes values fit for a model; the process, its priors and what parents tell are in
`gaussian_process`; log expected improvement in `acquisition`, averaged over draws of the hyperparameters, in each of
which pending trials have values drawn from what is known of them; the best value so far is that of the process, not of
the luckiest observation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from contracts.jobs import ObjectiveStatus
from tuner.search.acquisition import Acquisition, ExpectedImprovement
from tuner.search.belief import Belief
from tuner.search.blas import one_thread
from tuner.search.candidates import Candidates
from tuner.search.embedding import Embedding
from tuner.search.evidence import Evidence, gathered
from tuner.search.gaussian_process import Observations, Processes
from tuner.search.gaussian_surrogate import GaussianSurrogate, Scale
from tuner.search.goal import Goal
from tuner.search.inference import most_probable, posterior_draws
from tuner.search.keeping import ConstrainedImprovement, Keeping
from tuner.search.random_search import RandomSearch
from tuner.search.space import Configuration, SearchSpace
from tuner.search.trials import Parent, Trial
from tuner.search.warping import FloatArray
from tuner.search.weighted import Feasible, Led, Mixed

#: Values that must be there before the process says more than the distances between points do.
_FEWEST_VALUES = 3
#: Around so many of the best points candidates are drawn.
_BEST = 3
#: By the number of values: how many draws of the hyperparameters. More values leave less doubt, and cost more each.
_DRAWS = ((60, 10), (150, 5), (400, 2))
#: Steps of each draw's chain, away from the likeliest hyperparameters.
_CHAIN = 8
#: The logarithm of how much likelier than not parents are to be of use, before anything was seen of it.
_TRUST = math.log(3)
#: The hyperparameters are learned from at most so many values; all are used to predict.
_MOST_LEARNED_FROM = 150


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """`processes` and `keeping` know what has ended; `improvement` accounts for what is pending too.

    Where there are two models, one that believes the parents and one that does not, `processes` are those of the model
    that explains what was seen better, and `improvement` is expected by both.
    """

    evidence: Evidence
    processes: Processes
    improvement: Acquisition
    keeping: Sequence[Keeping]


class BayesianSearch:
    """Chooses where improvement is expected, after a few trials that are spread over the space.

    It learns from the trials of `parents`, and is led by a `belief`, if there is one.
    """

    def __init__(self, goal: Goal, parents: Sequence[Parent] = (), belief: Belief | None = None) -> None:
        self._goal = goal
        self._parents = parents
        self._belief = belief

    def suggest(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> Configuration | None:
        """The next configuration; None when a space that can be counted is exhausted."""
        tried = {space.key(trial.configuration) for trial in trials}
        if space.size is not None and len(tried) >= space.size:
            return None
        embedding = Embedding(space)
        with one_thread():
            fit = self._fit(embedding, trials, generator)
            candidates = Candidates(embedding, tried | self._tried_by_parents(space), generator)
            if fit is None:
                points = embedding.encode([trial.configuration for trial in trials])
                chosen = candidates.farthest_from(points, self._belief)
            else:
                best = embedding.encode([trial.configuration for trial in fit.evidence.best_first[:_BEST]])
                chosen = candidates.most_promising(self._acquisition(embedding, fit), fit.processes, best)
        return chosen or RandomSearch(parents=self._parents).suggest(space, trials, generator)

    def surrogate(
        self, space: SearchSpace, trials: Sequence[Trial], generator: np.random.Generator
    ) -> GaussianSurrogate | None:
        """What `suggest` would choose by, from the same `generator`; None while there are too few values."""
        embedding = Embedding(space)
        with one_thread():
            fit = self._fit(embedding, trials, generator)
        if fit is None:
            return None
        seen = fit.processes.observations
        told = fit.evidence.told[: len(seen.y)]
        own = seen.tasks == 0
        if not np.isfinite(told[own]).any():
            own = seen.tasks == 1  # nothing but parents to tell of what size values are, each on a scale of its own
        return GaussianSurrogate(
            embedding=embedding,
            processes=fit.processes,
            improvement=fit.improvement,
            scale=Scale.of(told[own], seen.y[own]),
            succeeded=np.isfinite(fit.evidence.values),
            sign=self._goal.sign,
            keeping=fit.keeping,
        )

    def _fit(self, embedding: Embedding, trials: Sequence[Trial], generator: np.random.Generator) -> _Fit | None:
        evidence = gathered(embedding, self._goal, trials, self._parents, generator, fewest=_FEWEST_VALUES)
        if evidence.observations is None:
            return None
        seen = evidence.observations
        if seen.model.parents and len(evidence.ended) < _FEWEST_VALUES and len(trials) % 2:
            return None  # a place that nobody praises: beside it shows what the parents' praise is worth
        waiting = embedding.embed_configurations(
            [trial.configuration for trial in trials if trial.status is ObjectiveStatus.PENDING]
        )
        believing = _processes(seen, generator)
        fantasies = believing.with_fantasies(waiting, generator)
        known = [one.kept_by(_processes(one.observations, generator)) for one in evidence.bounded]
        keeping = [one.with_fantasies(waiting, generator) for one in known]
        improvement = _improvement(fantasies, keeping, evidence.kept)
        own = seen.alone()
        if not seen.model.parents or len(own.y) < _FEWEST_VALUES:
            return _Fit(evidence=evidence, processes=believing, improvement=improvement, keeping=known)
        doubting = _processes(own, generator)
        alone = _improvement(doubting.with_fantasies(waiting, generator), keeping, evidence.kept[seen.tasks == 0])
        parents = seen.some(np.flatnonzero(seen.tasks))
        explained = seen.log_likelihoods(believing.thetas) - parents.log_likelihoods(believing.thetas)
        odds = _TRUST + _mean(explained) - _mean(own.log_likelihoods(doubting.thetas))
        return _Fit(
            evidence=evidence,
            processes=believing if odds > 0 else doubting,
            improvement=Mixed(
                acquisitions=[improvement, alone], log_shares=[-np.logaddexp(0.0, -odds), -np.logaddexp(0.0, odds)]
            ),
            keeping=known,
        )

    def _acquisition(self, embedding: Embedding, fit: _Fit) -> Acquisition:
        acquisition: Acquisition = fit.improvement
        outcomes = fit.evidence.outcomes
        if outcomes is not None:
            likeliest = most_probable(_learned_from(outcomes), [outcomes.model.mean])
            acquisition = Feasible(acquisition=acquisition, outcomes=outcomes.condition(likeliest[None]))
        if self._belief is not None:
            trials = len(fit.evidence.ended)
            acquisition = Led(acquisition=acquisition, belief=self._belief, embedding=embedding, trials=trials)
        return acquisition

    def _tried_by_parents(self, space: SearchSpace) -> set[tuple[str, ...]]:
        """What would be the same trial again."""
        identical = [parent for parent in self._parents if parent.is_identical]
        return {space.key(trial.configuration) for parent in identical for trial in parent.trials}


def _improvement(processes: Processes, keeping: Sequence[Keeping], kept: NDArray[np.bool_]) -> Acquisition:
    if not keeping:
        return ExpectedImprovement.over_the_best(processes)
    return ConstrainedImprovement.over_the_best(processes, keeping, kept)


def _processes(observations: Observations, generator: np.random.Generator) -> Processes:
    """Processes under equally likely hyperparameters, or under the likeliest alone where there are many values."""
    model = observations.model
    learned_from = _learned_from(observations)
    rough = model.mean.copy()
    rough[: model.coordinates.ranges] -= 1.5
    likeliest = most_probable(learned_from, [model.mean, rough])
    count = next((draws for most, draws in _DRAWS if len(observations.y) <= most), 0)
    if not count:
        return observations.condition(likeliest[None])
    return observations.condition(
        posterior_draws(learned_from, start=likeliest, chains=count, steps=_CHAIN, generator=generator)
    )


def _mean(log_likelihoods: FloatArray) -> float:
    return float(logsumexp(log_likelihoods)) - math.log(len(log_likelihoods))


def _learned_from(observations: Observations) -> Observations:
    """The best values, where the search goes on, and others spread evenly over their order."""
    if len(observations.y) <= _MOST_LEARNED_FROM:
        return observations
    order = np.argsort(observations.y, kind="stable")
    half = _MOST_LEARNED_FROM // 2
    others = order[half:]
    return observations.some(
        np.sort(np.concatenate([order[:half], others[np.linspace(0, len(others) - 1, half).astype(int)]]))
    )
